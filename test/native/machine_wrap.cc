// SPDX-License-Identifier: MIT
#include "machine_wrap.h"

#include <chrono>
#include <memory>
#include <string>

#include "binding/convert.h"
#include "binding/environment.h"
#include "memory_backend.h"
#include "syscalls_hook.h"

namespace vfio::testing {

namespace {

using binding::index_from;
using binding::number;

/// Machines stay: a container on a service thread may still be closing when the test is over.
Machine& keep(std::unique_ptr<Machine> machine) { return *machine.release(); }

std::uint32_t number_or(const Napi::Object& object, const char* name, std::uint32_t otherwise) {
  const Napi::Value value = object.Get(name);
  return value.IsNumber() ? value.As<Napi::Number>().Uint32Value() : otherwise;
}

bool bool_or(const Napi::Object& object, const char* name, bool otherwise) {
  const Napi::Value value = object.Get(name);
  return value.IsBoolean() ? value.As<Napi::Boolean>().Value() : otherwise;
}

std::vector<BarSpec> bars_from(const Napi::Array& list) {
  std::vector<BarSpec> bars;
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const auto bar = list.Get(i).As<Napi::Object>();
    bars.push_back({.size = number_or(bar, "size", 0), .mappable = bool_or(bar, "mappable", true)});
  }
  return bars;
}

DeviceSpec spec_from(const Napi::Object& object) {
  DeviceSpec spec;
  spec.address = object.Get("address").ToString().Utf8Value();
  spec.group = static_cast<int>(number_or(object, "group", 1));
  if (object.Get("bars").IsArray()) spec.bars = bars_from(object.Get("bars").As<Napi::Array>());
  spec.intx = number_or(object, "intx", spec.intx);
  spec.msi = number_or(object, "msi", spec.msi);
  spec.msix = number_or(object, "msix", spec.msix);
  spec.err = bool_or(object, "err", spec.err);
  spec.req = bool_or(object, "req", spec.req);
  spec.reset = bool_or(object, "reset", spec.reset);
  if (object.Has("vectorsToSpare")) {
    spec.vectors_to_spare = number_or(object, "vectorsToSpare", 0);
  }
  return spec;
}

/// A device of the machine, as tests play the hardware's part with it.
class DeviceObject final {
 public:
  static Napi::Object make(Napi::Env env, Machine& machine, const std::string& address) {
    MemoryDevice& device = machine.device(address);
    auto object = Napi::Object::New(env);
    const auto method = [&](const char* name, auto body) {
      object.Set(name, Napi::Function::New(env, body, name));
    };
    using Info = Napi::CallbackInfo;
    method("raise", [&device](const Info& info) -> Napi::Value {
      const bool signalled = device.raise(index_from(info[0]), index_from(info[1]));
      return Napi::Boolean::New(info.Env(), signalled);
    });
    method("lowerIntx", [&device](const Info&) { device.lower_intx(); });
    method("setDecode", [&device](const Info& info) { device.set_decode(info[0].ToBoolean()); });
    method("lose", [&device](const Info&) { device.lose(); });
    method("notify", [&device](const Info& info) {
      const auto change = info[0].As<Napi::Object>();
      device.notify({.lost = bool_or(change, "lost", false),
                     .requested = bool_or(change, "requested", false),
                     .fault = bool_or(change, "fault", false)});
    });
    method("peek", [&device](const Info& info) -> Napi::Value {
      return number(info.Env(), device.peek(index_from(info[0]), index_from(info[1]), 4));
    });
    method("poke", [&device](const Info& info) {
      device.poke(index_from(info[0]), index_from(info[1]), 4, index_from(info[2]));
    });
    method("command", [&device](const Info& info) -> Napi::Value {
      return Napi::Number::New(info.Env(), device.command());
    });
    method("counts", [&device](const Info& info) -> Napi::Value {
      auto counts = Napi::Object::New(info.Env());
      counts.Set("functions", device.open_functions());
      counts.Set("eventfds", device.armed_eventfds());
      counts.Set("resets", device.resets());
      return counts;
    });
    method("dmaWrite", [&machine, address](const Info& info) -> Napi::Value {
      bool lossless = false;
      const auto iova = info[0].As<Napi::BigInt>().Uint64Value(&lossless);
      const auto bytes = info[1].As<Napi::Uint8Array>();
      const bool done = machine.dma_write(address, iova, {bytes.Data(), bytes.ByteLength()});
      return Napi::Boolean::New(info.Env(), done);
    });
    method("dmaRead", [&machine, address](const Info& info) -> Napi::Value {
      bool lossless = false;
      const auto iova = info[0].As<Napi::BigInt>().Uint64Value(&lossless);
      const auto bytes = machine.dma_read(address, iova, index_from(info[1]));
      if (!bytes) return info.Env().Undefined();
      return Napi::Buffer<std::uint8_t>::Copy(info.Env(), bytes->data(), bytes->size());
    });
    object.Set("opening", stage(env, device.opening));
    object.Set("resetting", stage(env, device.resetting));
    object.Set("closing", stage(env, device.closing));
    return object;
  }

  static Napi::Object stage(Napi::Env env, Stage& stage) {
    auto object = Napi::Object::New(env);
    const auto method = [&](const char* name, auto body) {
      object.Set(name, Napi::Function::New(env, body, name));
    };
    using Info = Napi::CallbackInfo;
    method("delay", [&stage](const Info& info) {
      stage.set_delay(std::chrono::milliseconds(index_from(info[0])));
    });
    method("hold", [&stage](const Info&) { stage.hold(); });
    method("release", [&stage](const Info&) { stage.release(); });
    method("awaitArrival", [&stage](const Info& info) -> Napi::Value {
      return Napi::Boolean::New(info.Env(), stage.await_arrival());
    });
    method("failNext",
           [&stage](const Info& info) { stage.fail_next(static_cast<int>(index_from(info[0]))); });
    return object;
  }
};

Napi::Object machine_object(Napi::Env env, Machine& machine) {
  auto object = Napi::Object::New(env);
  const auto method = [&](const char* name, auto body) {
    object.Set(name, Napi::Function::New(env, body, name));
  };
  using Info = Napi::CallbackInfo;
  method("device", [&machine](const Info& info) -> Napi::Value {
    return DeviceObject::make(info.Env(), machine, info[0].ToString().Utf8Value());
  });
  method("setViable", [&machine](const Info& info) {
    machine.set_viable(static_cast<int>(index_from(info[0])), info[1].ToBoolean());
  });
  method("setBusyElsewhere", [&machine](const Info& info) {
    machine.set_busy_elsewhere(static_cast<int>(index_from(info[0])), info[1].ToBoolean());
  });
  method("counts", [&machine](const Info& info) -> Napi::Value {
    auto counts = Napi::Object::New(info.Env());
    counts.Set("containers", machine.open_containers());
    counts.Set("groups", machine.open_groups());
    counts.Set("dmaFaults", machine.dma_faults());
    return counts;
  });
  method("mappings", [&machine](const Info& info) -> Napi::Value {
    const auto mappings = machine.mappings(static_cast<int>(index_from(info[0])));
    auto list = Napi::Array::New(info.Env());
    for (const auto& [iova, mapped] : mappings) {
      auto entry = Napi::Object::New(info.Env());
      entry.Set("iova", Napi::BigInt::New(info.Env(), iova));
      entry.Set("size", number(info.Env(), mapped.size));
      entry.Set("direction", static_cast<std::uint32_t>(mapped.direction));
      list.Set(list.Length(), entry);
    }
    return list;
  });
  object.Set("mapping", DeviceObject::stage(env, machine.mapping));
  object.Set("unmapping", DeviceObject::stage(env, machine.unmapping));
  return object;
}

}  // namespace

Napi::Value use_machine(const Napi::CallbackInfo& info) {
  return binding::across(info.Env(), [&]() -> Napi::Value {
    std::vector<DeviceSpec> specs;
    const auto list = info[0].As<Napi::Array>();
    for (std::uint32_t i = 0; i < list.Length(); ++i) {
      specs.push_back(spec_from(list.Get(i).As<Napi::Object>()));
    }
    Machine& machine = keep(std::make_unique<Machine>(specs));
    binding::Environment::of(info.Env()).make_backend = [&machine] {
      return machine.open_container();
    };
    return machine_object(info.Env(), machine);
  });
}

Napi::Object syscalls_object(Napi::Env env) {
  auto object = Napi::Object::New(env);
  const auto method = [&](const char* name, auto body) {
    object.Set(name, Napi::Function::New(env, body, name));
  };
  using Info = Napi::CallbackInfo;
  method("reset", [](const Info&) { reset_syscalls(); });
  method("fail", [](const Info& info) {
    const std::string name = info[2].IsString() ? info[2].ToString().Utf8Value() : "";
    fail_syscall(index_from(info[0]), static_cast<int>(index_from(info[1])), name);
  });
  method("failed", [](const Info& info) -> Napi::Value {
    return Napi::Boolean::New(info.Env(), syscall_failed());
  });
  method("count", [](const Info& info) -> Napi::Value {
    return Napi::Number::New(info.Env(), count_syscalls(info[0].ToString().Utf8Value()));
  });
  method("trace", [](const Info&) { trace_syscalls(); });
  method("takeTrace", [](const Info& info) -> Napi::Value {
    auto list = Napi::Array::New(info.Env());
    for (const std::string& line : take_trace()) list.Set(list.Length(), line);
    return list;
  });
  return object;
}

}  // namespace vfio::testing
