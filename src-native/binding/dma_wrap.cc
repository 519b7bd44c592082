// SPDX-License-Identifier: MIT
#include "binding/dma_wrap.h"

#include <utility>

#include "binding/convert.h"
#include "binding/external_memory.h"

namespace vfio::binding {

void DmaWrap::define(Environment& environment) {
  const auto constructor = DefineClass(environment.env(), "NativeDmaBuffer",
                                       {
                                           InstanceAccessor<&DmaWrap::iova>("iova"),
                                           InstanceAccessor<&DmaWrap::byte_length>("byteLength"),
                                           InstanceMethod<&DmaWrap::array_buffer>("arrayBuffer"),
                                           InstanceMethod<&DmaWrap::close>("close"),
                                       });
  environment.dma_class = Napi::Persistent(constructor);
}

Napi::Object DmaWrap::make(Environment& environment, std::shared_ptr<DmaBuffer> buffer) {
  const Napi::Object object = make_wrapped(environment.dma_class);
  DmaWrap* wrap = Unwrap(object);
  wrap->memory_ = buffer->memory();
  wrap->iova_ = buffer->iova();
  wrap->buffer_ = buffer;
  environment.buffers.insert(std::move(buffer));
  return object;
}

Napi::Object DmaWrap::borrow(Environment& environment, const Grant::Memory& memory) {
  const Napi::Object object = make_wrapped(environment.dma_class);
  DmaWrap* wrap = Unwrap(object);
  wrap->memory_ = memory.mapping;
  wrap->iova_ = memory.iova;
  return object;
}

DmaWrap::DmaWrap(const Napi::CallbackInfo& info) : Wrap(info) {}

Napi::Value DmaWrap::iova(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), iova_);
}

Napi::Value DmaWrap::byte_length(const Napi::CallbackInfo& info) {
  return number(info.Env(), memory_->size());
}

Napi::Value DmaWrap::array_buffer(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    const Napi::ArrayBuffer known = array_buffer_.Value();
    if (!known.IsEmpty()) return known;
    const Napi::ArrayBuffer made(
        info.Env(), external_array_buffer(info.Env(), memory_->data(), memory_->size(), memory_));
    array_buffer_ = Napi::Reference<Napi::ArrayBuffer>::New(made, 0);
    return made;
  });
}

void DmaWrap::close(const Napi::CallbackInfo& info) {
  const std::shared_ptr<DmaBuffer> buffer = buffer_.lock();
  if (buffer == nullptr) return;
  buffer_.reset();
  loans_.revoke();
  Environment::of(info.Env()).buffers.erase(buffer);
  across(info.Env(), [&] { buffer->release(); });
}

}  // namespace vfio::binding
