// SPDX-License-Identifier: MIT
// NativeDmaBuffer of lib/native.ts.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/environment.h"
#include "binding/grant.h"
#include "binding/wrap.h"
#include "vfio/dma.h"

namespace vfio::binding {

class DmaWrap final : public Wrap<DmaWrap> {
 public:
  static constexpr napi_type_tag kTag = {0x239eed24c2c063fe, 0xf768064f958507ad};

  static void define(Environment& environment);
  static Napi::Object make(Environment& environment, std::shared_ptr<DmaBuffer> buffer);
  /// For the memory of a buffer of another env, which unmaps it.
  static Napi::Object borrow(Environment& environment, const Grant::Memory& memory);

  explicit DmaWrap(const Napi::CallbackInfo& info);

  Grant::Memory to_lend() const { return {.mapping = memory_, .iova = iova_}; }
  Loans& loans() noexcept { return loans_; }

 private:
  Napi::Value iova(const Napi::CallbackInfo& info);
  Napi::Value byte_length(const Napi::CallbackInfo& info);
  Napi::Value array_buffer(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  // The env owns the buffer and releases it in the right order when it ends. This object may exist
  // longer. Empty if the memory belongs to another env.
  std::weak_ptr<DmaBuffer> buffer_;
  std::shared_ptr<sys::Mapping> memory_;
  std::uint64_t iova_ = 0;
  /// Weak: lib/ keeps this object alive as long as the ArrayBuffer. A strong reference would keep
  /// both alive permanently.
  Napi::Reference<Napi::ArrayBuffer> array_buffer_;
  Loans loans_;
};

}  // namespace vfio::binding
