// SPDX-License-Identifier: MIT
#include "binding/adoption_wrap.h"

#include <cstdint>

#include "binding/callback.h"
#include "binding/convert.h"
#include "binding/dma_wrap.h"
#include "binding/environment.h"
#include "binding/interrupts_wrap.h"

namespace vfio::binding {

namespace {

Napi::Array regions_data(Napi::Env env, const Adoption& adoption) {
  const Grant::Contents& contents = adoption.contents();
  auto regions = Napi::Array::New(env);
  for (std::uint32_t i = 0; i < contents.regions.size(); ++i) {
    auto region = Napi::Object::New(env);
    region.Set("info", region_info(env, *contents.function->regions().info(contents.regions[i])));
    region.Set("handle", adoption.handles()[i]);
    regions.Set(i, region);
  }
  return regions;
}

Napi::Array vectors_data(Napi::Env env, const Grant::Contents& contents) {
  auto vectors = Napi::Array::New(env);
  for (std::uint32_t i = 0; i < contents.vectors.size(); ++i) vectors.Set(i, contents.vectors[i]);
  return vectors;
}

Napi::Array memory_data(Environment& environment, const Grant::Contents& contents) {
  auto memory = Napi::Array::New(environment.env());
  for (std::uint32_t i = 0; i < contents.memory.size(); ++i) {
    memory.Set(i, DmaWrap::borrow(environment, contents.memory[i]));
  }
  return memory;
}

}  // namespace

Napi::Value adopt(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    auto& environment = Environment::of(info.Env());
    const auto adoption = Adoption::open(environment, info[0].ToString());
    try {
      return AdoptionWrap::make(environment, adoption);
    } catch (...) {
      // For example, a setter of Object.prototype threw. Nothing else could close the adoption.
      adoption->close();
      throw;
    }
  });
}

void AdoptionWrap::define(Environment& environment) {
  const auto constructor = DefineClass(environment.env(), "NativeAdoption",
                                       {
                                           InstanceMethod<&AdoptionWrap::on_revoked>("onRevoked"),
                                           InstanceMethod<&AdoptionWrap::close>("close"),
                                       });
  environment.adoption_class = Napi::Persistent(constructor);
}

Napi::Object AdoptionWrap::make(Environment& environment,
                                const std::shared_ptr<Adoption>& adoption) {
  const Napi::Env env(environment.env());
  const Grant::Contents& contents = adoption->contents();
  Napi::Object object = make_wrapped(environment.adoption_class);
  Unwrap(object)->adoption_ = adoption;
  object.Set("address", contents.function->address());
  object.Set("regions", regions_data(env, *adoption));
  object.Set("vectors", vectors_data(env, contents));
  object.Set("memory", memory_data(environment, contents));
  if (contents.irqs != nullptr) {
    object.Set("interrupts", InterruptsWrap::make(environment, adoption->vectors()));
    object.Set("irqIndex", contents.irqs->index());
  }
  return object;
}

AdoptionWrap::AdoptionWrap(const Napi::CallbackInfo& info) : Wrap(info) {}

void AdoptionWrap::on_revoked(const Napi::CallbackInfo& info) {
  adoption_->on_revoked([callback = Callback(info[0])] { callback(); });
}

void AdoptionWrap::close(const Napi::CallbackInfo& /*info*/) { adoption_->close(); }

}  // namespace vfio::binding
