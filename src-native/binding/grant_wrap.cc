// SPDX-License-Identifier: MIT
#include "binding/grant_wrap.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "binding/convert.h"
#include "binding/dma_wrap.h"
#include "binding/interrupts_wrap.h"
#include "binding/vector_polls.h"

namespace vfio::binding {

namespace {

std::vector<std::uint32_t> indexes_from(const Napi::Value& value) {
  const auto list = value.As<Napi::Array>();
  std::vector<std::uint32_t> indexes;
  for (std::uint32_t i = 0; i < list.Length(); ++i) indexes.push_back(index_from(list.Get(i)));
  return indexes;
}

std::vector<DmaWrap*> buffers_from(const Napi::Value& value) {
  const auto list = value.As<Napi::Array>();
  std::vector<DmaWrap*> buffers;
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    buffers.push_back(DmaWrap::Unwrap(list.Get(i).As<Napi::Object>()));
  }
  return buffers;
}

}  // namespace

void GrantWrap::define(Environment& environment) {
  const auto constructor =
      DefineClass(environment.env(), "NativeGrant", {InstanceMethod<&GrantWrap::revoke>("revoke")});
  environment.grant_class = Napi::Persistent(constructor);
}

Napi::Object GrantWrap::make(OpenDevice& device, const Napi::CallbackInfo& info) {
  auto& environment = Environment::of(info.Env());
  const std::vector<DmaWrap*> buffers = buffers_from(info[4]);
  VectorPolls* const interrupts =
      info[2].IsObject() ? &InterruptsWrap::Unwrap(info[2].As<Napi::Object>())->vectors() : nullptr;

  Grant::Contents contents;
  contents.function = device.function();
  contents.regions = indexes_from(info[1]);
  contents.vectors = indexes_from(info[3]);
  if (interrupts != nullptr) contents.irqs = interrupts->to_lend(contents.vectors);
  for (const DmaWrap* buffer : buffers) contents.memory.push_back(buffer->to_lend());
  auto grant = Grant::offer(info[0].ToString(), std::move(contents), environment.mailbox());

  device.loans().add(grant);
  if (interrupts != nullptr) interrupts->loans().add(grant);
  for (DmaWrap* buffer : buffers) buffer->loans().add(grant);
  const Napi::Object object = make_wrapped(environment.grant_class);
  Unwrap(object)->grant_ = std::move(grant);
  return object;
}

GrantWrap::GrantWrap(const Napi::CallbackInfo& info) : Wrap(info) {}

Napi::Value GrantWrap::revoke(const Napi::CallbackInfo& info) {
  return Environment::of(info.Env()).await([this](std::function<void()> resolve) {
    grant_->revoke();
    grant_->when_over(std::move(resolve));
  });
}

}  // namespace vfio::binding
