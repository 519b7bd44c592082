// SPDX-License-Identifier: MIT
#include "binding/container_wrap.h"

#include <bit>
#include <string>
#include <utility>

#include "binding/convert.h"
#include "binding/device_wrap.h"
#include "binding/dma_wrap.h"
#include "vfio/attempt.h"
#include "vfio/errors.h"
#include "vfio/function.h"

namespace vfio::binding {

namespace {

Address address_from(const Napi::Value& value) {
  return Address::parse(value.ToString().Utf8Value());
}

std::optional<VfToken> vf_token_from(const Napi::Value& value) {
  if (value.IsUndefined()) return std::nullopt;
  return VfToken::parse(value.ToString().Utf8Value());
}

std::optional<unsigned> address_bits_from(const Napi::Value& value) {
  if (value.IsUndefined()) return std::nullopt;
  return index_from(value);
}

OpenRequest request_from(const Napi::Value& value) {
  const Napi::Object object = value.ToObject();
  return {.address = address_from(object.Get("address")),
          .address_bits = address_bits_from(object.Get("addressBits")).value_or(64),
          .vf_token = vf_token_from(object.Get("vfToken"))};
}

Direction direction_from(const Napi::Value& value) {
  switch (index_from(value)) {
    case 1:
      return Direction::kToDevice;
    case 2:
      return Direction::kFromDevice;
    default:
      return Direction::kBoth;
  }
}

std::optional<std::uint64_t> iova_from(const Napi::Value& value) {
  if (!value.IsBigInt()) return std::nullopt;
  bool lossless = false;
  const std::uint64_t iova = value.As<Napi::BigInt>().Uint64Value(&lossless);
  if (!lossless) throw Error(ErrorCode::kRange, "an IOVA must fit into 64 bits");
  return iova;
}

std::uint64_t size_from(const Napi::Value& value) {
  const double size = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(size >= 0 && size <= 9007199254740991.0)) {
    throw Error(ErrorCode::kRange, "the size is not a whole number of bytes");
  }
  return static_cast<std::uint64_t>(size);
}

/// Converts a power of two. Returns `none` for undefined.
std::uint64_t power_of_two_from(const Napi::Value& value, std::uint64_t none) {
  if (value.IsUndefined()) return none;
  const std::uint64_t power = size_from(value);
  if (!std::has_single_bit(power)) {
    throw Error(ErrorCode::kRange, std::to_string(power) + " is not a power of two");
  }
  return power;
}

void release_groups(OpenContainer& container) noexcept {
  for (auto& [group, claims] : container.groups) {
    for (std::size_t i = 0; i < claims.size(); ++i) {
      // The descriptor of the group closes even if this fails. Its claim is released below.
      attempt([&, number = group] { container.space->release_group(number); });
    }
  }
  container.groups.clear();
}

/// Called on the service thread. Closes the descriptor of the container, unless another container
/// shares its address space.
void release(OpenContainer& container) noexcept {
  release_groups(container);
  container.space.reset();
}

}  // namespace

void release_in_background(std::shared_ptr<OpenContainer> container) {
  ServiceThread& service = *container->service;
  service.post([container = std::move(container)] { release(*container); });
}

Napi::Value open_container(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    auto& environment = Environment::of(info.Env());
    const auto opened = duplicate_of(info[0]);
    const auto service = std::make_shared<ServiceThread>();
    using Result = std::shared_ptr<AddressSpace>;
    return environment.run<Result>(
        *service,
        [make = environment.make_backend, opened] {
          return std::make_shared<AddressSpace>(make(take(opened)));
        },
        [&environment, service](Napi::Env, Result& space) -> Napi::Value {
          return ContainerWrap::make(environment, std::move(space), service);
        });
  });
}

Napi::Value open_device(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    auto& environment = Environment::of(info.Env());
    const OpenRequest request = request_from(info[0]);
    const auto service = std::make_shared<ServiceThread>();
    struct Opened {
      std::shared_ptr<AddressSpace> space;
      std::shared_ptr<Function> function;
      std::shared_ptr<ServiceThread> container_service;
    };
    return environment.run<Opened>(
        *service,
        [request, make = environment.make_backend] {
          auto claim = Registry::instance().claim_device_anywhere(
              std::make_shared<AddressSpace>(make(std::nullopt)), request.address);
          auto space = claim.space();
          auto container_service = std::make_shared<ServiceThread>();
          return Opened{std::move(space), Function::open(std::move(claim), request),
                        std::move(container_service)};
        },
        [&environment, service](Napi::Env env, Opened& opened) -> Napi::Value {
          auto object = Napi::Object::New(env);
          // The properties are defined, not set: a setter of Object.prototype could keep the new
          // objects out of reach.
          object.DefineProperties(
              {Napi::PropertyDescriptor::Value(
                   "container",
                   ContainerWrap::make(environment, std::move(opened.space),
                                       std::move(opened.container_service)),
                   napi_enumerable),
               Napi::PropertyDescriptor::Value(
                   "device", DeviceWrap::make(environment, std::move(opened.function), service),
                   napi_enumerable)});
          return object;
        });
  });
}

void ContainerWrap::define(Environment& environment) {
  const auto constructor =
      DefineClass(environment.env(), "NativeContainer",
                  {
                      InstanceAccessor<&ContainerWrap::backend>("backend"),
                      InstanceMethod<&ContainerWrap::limits>("limits"),
                      InstanceMethod<&ContainerWrap::group_of>("groupOf"),
                      InstanceMethod<&ContainerWrap::hold_group>("holdGroup"),
                      InstanceMethod<&ContainerWrap::release_group>("releaseGroup"),
                      InstanceMethod<&ContainerWrap::open_device>("openDevice"),
                      InstanceMethod<&ContainerWrap::alloc_dma>("allocDma"),
                      InstanceMethod<&ContainerWrap::alloc_dma_async>("allocDmaAsync"),
                      InstanceMethod<&ContainerWrap::close>("close"),
                  });
  environment.container_class = Napi::Persistent(constructor);
}

Napi::Object ContainerWrap::make(Environment& environment, std::shared_ptr<AddressSpace> space,
                                 std::shared_ptr<ServiceThread> service) {
  const Napi::Object object = make_wrapped(environment.container_class);
  ContainerWrap* wrap = Unwrap(object);
  wrap->backend_ = space->backend_name();
  auto container = std::make_shared<OpenContainer>();
  container->space = std::move(space);
  container->service = std::move(service);
  wrap->container_ = container;
  environment.containers.insert(std::move(container));
  return object;
}

ContainerWrap::ContainerWrap(const Napi::CallbackInfo& info) : Wrap(info) {}

std::shared_ptr<OpenContainer> ContainerWrap::container() const {
  auto container = container_.lock();
  if (container == nullptr) throw Error(ErrorCode::kClosed, "the container is closed");
  return container;
}

Napi::Value ContainerWrap::backend(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), backend_);
}

Napi::Value ContainerWrap::limits(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    return limits_data(info.Env(), container()->space->limits());
  });
}

Napi::Value ContainerWrap::group_of(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    return number_or_undefined(info.Env(), container()->space->group_of(address_from(info[0])));
  });
}

Napi::Value ContainerWrap::hold_group(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    const auto container = this->container();
    const int group = static_cast<int>(index_from(info[0]));
    const auto opened = duplicate_of(info[1]);
    return Environment::of(info.Env()).run(*container->service, [container, group, opened] {
      auto claim = Registry::instance().claim_group(container->space, group);
      container->space->hold_group(group, take(opened));
      container->groups[group].push_back(std::move(claim));
    });
  });
}

Napi::Value ContainerWrap::release_group(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    const auto container = this->container();
    const int group = static_cast<int>(index_from(info[0]));
    return Environment::of(info.Env()).run(*container->service, [container, group] {
      const auto held = container->groups.find(group);
      if (held == container->groups.end()) return;
      const auto claim = std::move(held->second.back());
      held->second.pop_back();
      if (held->second.empty()) container->groups.erase(held);
      container->space->release_group(group);
    });
  });
}

Napi::Value ContainerWrap::open_device(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    const auto container = this->container();
    auto& environment = Environment::of(info.Env());
    const OpenRequest request = request_from(info[0]);
    const auto service = std::make_shared<ServiceThread>();
    using Result = std::shared_ptr<Function>;
    return environment.run<Result>(
        *service,
        [space = container->space, request] {
          return Function::open(Registry::instance().claim_device(space, request.address), request);
        },
        [&environment, service](Napi::Env, Result& function) -> Napi::Value {
          return DeviceWrap::make(environment, std::move(function), service);
        });
  });
}

/// Returns a function that makes the allocation that the arguments of allocDma describe.
std::function<std::shared_ptr<DmaBuffer>()> ContainerWrap::allocation(
    const Napi::CallbackInfo& info) const {
  return [space = container()->space,
          request = MapRequest{.size = size_from(info[0]),
                               .direction = direction_from(info[1]),
                               .iova = iova_from(info[2]),
                               .address_bits = address_bits_from(info[3]),
                               .alignment = power_of_two_from(info[4], 1),
                               .boundary = power_of_two_from(info[5], 0)}] {
    return std::make_shared<DmaBuffer>(space, request);
  };
}

Napi::Value ContainerWrap::alloc_dma(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    return DmaWrap::make(Environment::of(info.Env()), allocation(info)());
  });
}

Napi::Value ContainerWrap::alloc_dma_async(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    auto& environment = Environment::of(info.Env());
    using Result = std::shared_ptr<DmaBuffer>;
    return environment.run<Result>(*container()->service, allocation(info),
                                   [&environment](Napi::Env, Result& buffer) -> Napi::Value {
                                     return DmaWrap::make(environment, std::move(buffer));
                                   });
  });
}

Napi::Value ContainerWrap::close(const Napi::CallbackInfo& info) {
  if (!closed_.IsEmpty()) return closed_.Value();
  auto& environment = Environment::of(info.Env());
  const auto container = container_.lock();
  const Napi::Value promise =
      environment.run(*container->service, [container] { release(*container); });
  // Only after the promise is made: an env that is ending makes no promise, and then end() releases
  // the objects that it finds here.
  environment.containers.erase(container);
  container_.reset();
  closed_ = Napi::Persistent(promise.As<Napi::Promise>());
  return promise;
}

}  // namespace vfio::binding
