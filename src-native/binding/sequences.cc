// SPDX-License-Identifier: MIT
#include "binding/sequences.h"

#include <node_api.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>

#include "binding/access.h"
#include "binding/define.h"

namespace vfio::binding {

namespace {

constexpr std::uint32_t kHalf = 32;

napi_value failure_or_undefined(napi_env env, std::int32_t failure) noexcept {
  napi_value result = nullptr;
  if (failure != kNone) napi_create_int32(env, failure, &result);
  return result;
}

/// Tells the processor that this is a spin loop.
void relax() noexcept {
#if defined(__x86_64__)
  asm volatile("pause");
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// The memory of a typed array; empty when it is none or was detached.
struct Bytes {
  std::uint8_t* data = nullptr;
  std::size_t size = 0;
};

Bytes bytes_of(napi_env env, napi_value array) noexcept {
  napi_typedarray_type type{};
  std::size_t length = 0;
  void* data = nullptr;
  napi_value buffer = nullptr;
  if (napi_get_typedarray_info(env, array, &type, &length, &data, &buffer, nullptr) != napi_ok) {
    return {};
  }
  std::size_t width = 4;
  if (type == napi_uint8_array) width = 1;
  if (type == napi_uint16_array) width = 2;
  if (type == napi_biguint64_array) width = 8;
  return {static_cast<std::uint8_t*>(data), length * width};
}

// A write to a device is posted: it has arrived once a read that was sent after it comes back.
napi_value write32_flush(napi_env env, napi_callback_info info) noexcept {
  std::size_t count = 4;
  napi_value arguments[4];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  const SlotRef ref = find_slot(env, arguments[0]);
  std::uint64_t offset = 0;
  std::uint64_t read_offset = 0;
  std::uint32_t value = 0;
  if (!offset_from(env, arguments[1], offset) || !offset_from(env, arguments[3], read_offset) ||
      napi_get_value_uint32(env, arguments[2], &value) != napi_ok) {
    return failure_or_undefined(env, ref.failure != kNone ? ref.failure : kRange);
  }
  // Both are checked first: a write that cannot be flushed is not to happen.
  const Target to_flush = target_in(ref, read_offset, sizeof value);
  if (to_flush.failure != kNone) return failure_or_undefined(env, to_flush.failure);
  std::int32_t failure = store(target_in(ref, offset, sizeof value), value);
  std::uint32_t ignored = 0;
  if (failure == kNone) failure = load(target_in(ref, read_offset, sizeof value), ignored);
  return failure_or_undefined(env, failure);
}

/// Reads until (value & mask) == wanted, for about `microseconds`. The state is looked at each
/// turn, so a reset or close in another thread ends it.
std::int32_t spin(const SlotRef& ref, std::uint64_t offset, std::uint32_t mask,
                  std::uint32_t wanted, std::uint32_t microseconds, std::uint32_t& value) noexcept {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(microseconds);
  for (;;) {
    const std::int32_t failure = load(target_in(ref, offset, sizeof value), value);
    if (failure != kNone) return failure;
    if ((value & mask) == wanted) return kNone;
    if (std::chrono::steady_clock::now() >= deadline) return kNotYet;
    relax();
  }
}

napi_value poll32(napi_env env, napi_callback_info info) noexcept {
  std::size_t count = 5;
  napi_value arguments[5];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  const SlotRef ref = find_slot(env, arguments[0]);
  std::uint64_t offset = 0;
  std::uint32_t mask = 0;
  std::uint32_t wanted = 0;
  std::uint32_t microseconds = 0;
  std::int32_t failure = ref.failure != kNone ? ref.failure : kRange;
  std::uint32_t value = 0;
  if (offset_from(env, arguments[1], offset) &&
      napi_get_value_uint32(env, arguments[2], &mask) == napi_ok &&
      napi_get_value_uint32(env, arguments[3], &wanted) == napi_ok &&
      napi_get_value_uint32(env, arguments[4], &microseconds) == napi_ok) {
    failure = spin(ref, offset, mask, wanted, microseconds, value);
  }
  napi_value result = nullptr;
  if (failure != kNone) {
    napi_create_int32(env, failure, &result);
  } else {
    napi_create_uint32(env, value, &result);
  }
  return result;
}

template <typename Value>
std::int32_t exchange(const Target& target, bool write, std::uint64_t& value) noexcept {
  if (write) return store(target, static_cast<Value>(value));
  Value read{};
  const std::int32_t failure = load(target, read);
  if (failure == kNone) value = read;
  return failure;
}

std::int32_t exchange(const Target& target, std::uint32_t width, bool write,
                      std::uint64_t& value) noexcept {
  switch (width) {
    case 1:
      return exchange<std::uint8_t>(target, write, value);
    case 2:
      return exchange<std::uint16_t>(target, write, value);
    case 4:
      return exchange<std::uint32_t>(target, write, value);
    case 8:
      return exchange<std::uint64_t>(target, write, value);
    default:
      return kUnsupported;
  }
}

/// One command of a batch, as lib/batch.ts lays it out.
struct Command {
  std::uint32_t write;  // 1: write, 0: read
  std::uint32_t width;  // bytes
  std::uint32_t offset_low;
  std::uint32_t offset_high;
  std::uint32_t value_low;  // written, or where the value read goes
  std::uint32_t value_high;
};
static_assert(sizeof(Command) == 24);

std::int32_t run_command(const SlotRef& ref, std::uint8_t* bytes) noexcept {
  Command command;
  std::memcpy(&command, bytes, sizeof command);
  const std::uint64_t offset = std::uint64_t{command.offset_high} << kHalf | command.offset_low;
  std::uint64_t value = std::uint64_t{command.value_high} << kHalf | command.value_low;
  const std::int32_t failure = exchange(target_in(ref, offset, std::max(command.width, 1U)),
                                        command.width, command.write != 0, value);
  if (failure != kNone || command.write != 0) return failure;
  command.value_low = static_cast<std::uint32_t>(value);
  command.value_high = static_cast<std::uint32_t>(value >> kHalf);
  std::memcpy(bytes, &command, sizeof command);
  return kNone;
}

// The first two words count the commands that were done, so that a failure names its command.
napi_value run(napi_env env, napi_callback_info info) noexcept {
  std::size_t count = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  const SlotRef ref = find_slot(env, arguments[0]);
  const Bytes batch = bytes_of(env, arguments[1]);
  constexpr std::size_t kHead = 8;
  std::int32_t failure = ref.failure;
  std::uint32_t done = 0;
  for (std::size_t at = kHead; failure == kNone && at + sizeof(Command) <= batch.size;
       at += sizeof(Command)) {
    failure = run_command(ref, batch.data + at);
    if (failure == kNone) ++done;
  }
  if (batch.size >= kHead) std::memcpy(batch.data, &done, sizeof done);
  return failure_or_undefined(env, failure);
}

template <typename Value>
std::int32_t transfer(const SlotRef& ref, std::uint64_t offset, bool write, Bytes array) noexcept {
  for (std::size_t at = 0; at + sizeof(Value) <= array.size; at += sizeof(Value)) {
    Value value{};
    if (write) std::memcpy(&value, array.data + at, sizeof value);
    const Target target = target_in(ref, offset + at, sizeof value);
    const std::int32_t failure = write ? store(target, value) : load(target, value);
    if (failure != kNone) return failure;
    if (!write) std::memcpy(array.data + at, &value, sizeof value);
  }
  return ref.failure;
}

/// (handle, offset, width, array): accesses of that width, one after the other, ascending.
template <bool kWrite>
napi_value transfer_array(napi_env env, napi_callback_info info) noexcept {
  std::size_t count = 4;
  napi_value arguments[4];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  const SlotRef ref = find_slot(env, arguments[0]);
  const Bytes array = bytes_of(env, arguments[3]);
  std::uint64_t offset = 0;
  std::uint32_t width = 0;
  napi_get_value_uint32(env, arguments[2], &width);
  std::int32_t failure = kRange;
  if (offset_from(env, arguments[1], offset)) {
    if (width == 1) failure = transfer<std::uint8_t>(ref, offset, kWrite, array);
    if (width == 2) failure = transfer<std::uint16_t>(ref, offset, kWrite, array);
    if (width == 4) failure = transfer<std::uint32_t>(ref, offset, kWrite, array);
    if (width == 8) failure = transfer<std::uint64_t>(ref, offset, kWrite, array);
  }
  return failure_or_undefined(env, failure);
}

}  // namespace

void define_sequences(Napi::Object exports) {
  define(exports, "write32Flush", write32_flush);
  define(exports, "poll32", poll32);
  define(exports, "run", run);
  define(exports, "readArray", transfer_array<false>);
  define(exports, "writeArray", transfer_array<true>);
}

}  // namespace vfio::binding
