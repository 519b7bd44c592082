// SPDX-License-Identifier: MIT
#include "binding/external_memory.h"

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "vfio/errors.h"

namespace vfio::binding {

namespace {

/// Node-API does not report the end of an ArrayBuffer in another thread, so this memory is never
/// freed.
void keep_permanently(std::shared_ptr<void> keep) {
  static auto* const mutex = new std::mutex;
  static auto* const kept = new std::vector<std::shared_ptr<void>>;
  const std::lock_guard lock(*mutex);
  kept->push_back(std::move(keep));
}

/// Owns the memory of one ArrayBuffer. When the env ends, it must know whether the ArrayBuffer is
/// still attached, but Node detaches the ArrayBuffer before it calls the finalizer. Node finalizes
/// the external ArrayBuffers of an env from the newest to the oldest. So a second ArrayBuffer, the
/// sentinel, is made after the first, and its finalizer checks the first one before Node detaches
/// it. Used on the env's thread.
class Keeper final {
 public:
  explicit Keeper(std::shared_ptr<void> keep) : keep_(std::move(keep)) {}
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  /// Like napi_create_external_arraybuffer. `self` is this object.
  static napi_status create(napi_env env, void* data, std::size_t size,
                            const std::shared_ptr<Keeper>& self, napi_value* array_buffer) {
    napi_value sentinel = nullptr;
    napi_status status = make(env, data, size, self, end_memory, array_buffer);
    if (status == napi_ok) status = napi_create_reference(env, *array_buffer, 0, &self->memory_);
    if (status == napi_ok) status = make(env, &self->byte_, 1, self, end_sentinel, &sentinel);
    if (status == napi_ok) status = napi_create_reference(env, sentinel, 1, &self->sentinel_);
    return status;
  }

 private:
  static napi_status make(napi_env env, void* data, std::size_t size,
                          const std::shared_ptr<Keeper>& self, napi_finalize end,
                          napi_value* array_buffer) {
    auto* held = new std::shared_ptr<Keeper>(self);
    const napi_status status =
        napi_create_external_arraybuffer(env, data, size, end, held, array_buffer);
    if (status != napi_ok) delete held;
    return status;
  }

  static std::shared_ptr<Keeper> take(void* held) {
    const std::unique_ptr<std::shared_ptr<Keeper>> owned(
        static_cast<std::shared_ptr<Keeper>*>(held));
    return std::move(*owned);
  }

  /// Called when the engine has freed the last ArrayBuffer over the memory, or when the env ends.
  static void end_memory(napi_env env, void*, void* held) {
    const std::shared_ptr<Keeper> self = take(held);
    for (napi_ref* reference : {&self->memory_, &self->sentinel_}) {
      if (*reference != nullptr) napi_delete_reference(env, std::exchange(*reference, nullptr));
    }
    self->keep_.reset();
  }

  /// Called only when the env ends, because the sentinel is referenced while the memory is kept.
  static void end_sentinel(napi_env env, void*, void* held) {
    const std::shared_ptr<Keeper> self = take(held);
    if (self->keep_ != nullptr && !self->is_attached(env)) keep_permanently(std::move(self->keep_));
  }

  /// If the ArrayBuffer was garbage-collected, the memory may still be in use: a transfer moves it
  /// to a new ArrayBuffer. So this counts as detached.
  bool is_attached(napi_env env) const {
    napi_value array_buffer = nullptr;
    bool detached = true;
    napi_get_reference_value(env, memory_, &array_buffer);
    if (array_buffer != nullptr) napi_is_detached_arraybuffer(env, array_buffer, &detached);
    return !detached;
  }

  std::shared_ptr<void> keep_;
  napi_ref memory_ = nullptr;    // weak
  napi_ref sentinel_ = nullptr;  // strong
  std::uint8_t byte_ = 0;        // the memory of the sentinel
};

}  // namespace

napi_value external_array_buffer(napi_env env, void* data, std::size_t size,
                                 std::shared_ptr<void> keep) {
  napi_value buffer = nullptr;
  const napi_status status =
      Keeper::create(env, data, size, std::make_shared<Keeper>(std::move(keep)), &buffer);
  if (status == napi_ok) return buffer;
  if (status == napi_no_external_buffers_allowed) {
    throw Error(ErrorCode::kUnsupported,
                "this JavaScript engine does not allow an ArrayBuffer over external memory "
                "(Electron's memory cage forbids it)");
  }
  throw Error(ErrorCode::kUnsupported, "the JavaScript engine cannot make an ArrayBuffer of " +
                                           std::to_string(size) + " bytes");
}

}  // namespace vfio::binding
