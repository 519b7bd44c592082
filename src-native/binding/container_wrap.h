// SPDX-License-Identifier: MIT
// NativeContainer of lib/native.ts, and the two functions that make one.
#pragma once

#include <napi.h>

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "binding/environment.h"
#include "binding/service_thread.h"
#include "binding/wrap.h"
#include "vfio/address_space.h"
#include "vfio/dma.h"
#include "vfio/registry.h"

namespace vfio::binding {

/// openContainer(descriptor) of lib/native.ts.
Napi::Value open_container(const Napi::CallbackInfo& info);
/// openDevice(request) of lib/native.ts.
Napi::Value open_device(const Napi::CallbackInfo& info);

/// A container that one env has open. Containers of other envs may share its address space.
struct OpenContainer {
  std::shared_ptr<AddressSpace> space;
  std::shared_ptr<ServiceThread> service;
  /// The groups that openGroup holds, by number. Used on the service thread only, whose jobs run
  /// one by one.
  std::map<int, std::vector<Registry::Claim>> groups;
};

/// Called when the env ends: releases the container on its service thread. Nothing waits for it.
void release_in_background(std::shared_ptr<OpenContainer> container);

class ContainerWrap final : public Wrap<ContainerWrap> {
 public:
  static constexpr napi_type_tag kTag = {0xd6c93f01a9f18630, 0xa83c546dbc4d13dc};

  static void define(Environment& environment);
  static Napi::Object make(Environment& environment, std::shared_ptr<AddressSpace> space,
                           std::shared_ptr<ServiceThread> service);

  explicit ContainerWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value backend(const Napi::CallbackInfo& info);
  Napi::Value limits(const Napi::CallbackInfo& info);
  Napi::Value group_of(const Napi::CallbackInfo& info);
  Napi::Value hold_group(const Napi::CallbackInfo& info);
  Napi::Value release_group(const Napi::CallbackInfo& info);
  Napi::Value open_device(const Napi::CallbackInfo& info);
  Napi::Value alloc_dma(const Napi::CallbackInfo& info);
  Napi::Value alloc_dma_async(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  std::function<std::shared_ptr<DmaBuffer>()> allocation(const Napi::CallbackInfo& info) const;
  /// Throws Error kClosed.
  std::shared_ptr<OpenContainer> container() const;

  std::weak_ptr<OpenContainer> container_;  // the env owns it until close()
  const char* backend_ = "";
  Napi::Reference<Napi::Promise> closed_;
};

}  // namespace vfio::binding
