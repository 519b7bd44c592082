// SPDX-License-Identifier: MIT
#include "binding/sequences.h"

#include <node_api.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <span>

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

/// The memory of a typed array. Empty if the value is not a typed array or was detached.
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

/// The memory of an ArrayBuffer, in words. Empty if the value is not an ArrayBuffer or was
/// detached. This is faster than for a typed array, for which V8 first determines the type.
std::span<std::uint32_t> words_of(napi_env env, napi_value buffer) noexcept {
  void* data = nullptr;
  std::size_t size = 0;
  if (napi_get_arraybuffer_info(env, buffer, &data, &size) != napi_ok) return {};
  return {static_cast<std::uint32_t*>(data), size / sizeof(std::uint32_t)};
}

// A write to a device is posted. It has certainly arrived when a read that was sent after it
// returns.
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
    return failure_or_undefined(env,
                                ref.failure != kNone ? ref.failure : failure_of(ErrorCode::kRange));
  }
  // Both accesses are checked first: a write that cannot be flushed must not happen.
  const Target to_flush = target_in(ref, read_offset, sizeof value);
  if (to_flush.failure != kNone) return failure_or_undefined(env, to_flush.failure);
  const std::int32_t failure = store(target_in(ref, offset, sizeof value), value);
  if (failure != kNone) return failure_or_undefined(env, failure);
  std::uint32_t ignored = 0;
  const std::int32_t unread = load(target_in(ref, read_offset, sizeof value), ignored);
  return failure_or_undefined(env, unread == kNone ? kNone : kReadBack + unread);
}

/// Reads until (value & mask) == wanted, for about `microseconds`. Each turn of the loop checks the
/// state, so a reset or close in another thread ends it.
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
  std::int32_t failure = ref.failure != kNone ? ref.failure : failure_of(ErrorCode::kRange);
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

/// One command of a batch, in the layout of lib/batch.ts.
struct Command {
  std::uint32_t write;  // 1: write, 0: read
  std::uint32_t width;  // bytes
  std::uint32_t offset_low;
  std::uint32_t offset_high;
  std::uint32_t value_low;  // the value to write, or the place of the value read
  std::uint32_t value_high;
};
constexpr std::size_t kHeadWords = 2;
constexpr std::size_t kCommandWords = 6;
static_assert(sizeof(Command) == kCommandWords * sizeof(std::uint32_t));

template <typename Value>
std::int32_t run_command(const SlotRef& ref, Command& command) noexcept {
  const std::uint64_t offset = std::uint64_t{command.offset_high} << kHalf | command.offset_low;
  const Target target = target_in(ref, offset, sizeof(Value));
  if (command.write != 0) {
    const std::uint64_t value = std::uint64_t{command.value_high} << kHalf | command.value_low;
    return store(target, static_cast<Value>(value));
  }
  Value value{};
  const std::int32_t failure = load(target, value);
  if (failure != kNone) return failure;
  command.value_low = static_cast<std::uint32_t>(value);
  command.value_high = static_cast<std::uint32_t>(std::uint64_t{value} >> kHalf);
  return kNone;
}

// Each width has its own code: if the width is a constant, the check of the alignment needs no
// division.
std::int32_t run_command(const SlotRef& ref, Command& command) noexcept {
  switch (command.width) {
    case 1:
      return run_command<std::uint8_t>(ref, command);
    case 2:
      return run_command<std::uint16_t>(ref, command);
    case 4:
      return run_command<std::uint32_t>(ref, command);
    case 8:
      return run_command<std::uint64_t>(ref, command);
    default:
      return failure_of(ErrorCode::kUnsupported);
  }
}

// The first word of the head counts the commands that were done, so that a failure identifies its
// command. The second word is unused.
napi_value run(napi_env env, napi_callback_info info) noexcept {
  std::size_t count = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  const SlotRef ref = find_slot(env, arguments[0]);
  const std::span<std::uint32_t> program = words_of(env, arguments[1]);
  if (program.size() < kHeadWords)
    return failure_or_undefined(env, failure_of(ErrorCode::kUnsupported));
  auto* const first = reinterpret_cast<Command*>(program.data() + kHeadWords);
  const std::span commands(first, (program.size() - kHeadWords) / kCommandWords);
  std::int32_t failure = ref.failure;
  std::uint32_t done = 0;
  for (Command& command : commands) {
    if (failure == kNone) failure = run_command(ref, command);
    if (failure != kNone) break;
    ++done;
  }
  program[0] = done;
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

/// (handle, offset, width, array): accesses of that width, one after another, in ascending order.
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
  std::int32_t failure = failure_of(ErrorCode::kRange);
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
