// SPDX-License-Identifier: MIT
#include "machine_wrap.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "binding/convert.h"
#include "binding/environment.h"
#include "memory_backend.h"
#include "methods.h"
#include "syscalls_hook.h"

namespace vfio::testing {

namespace {

using binding::index_from;
using binding::number;

/// Machines are never destroyed, because a container on a service thread may still be closing when
/// its test has ended. Each machine has a number that is valid in any thread.
class Machines final {
 public:
  std::uint32_t keep(std::unique_ptr<Machine> machine) {
    const std::lock_guard lock(mutex_);
    machines_.push_back(std::move(machine));
    return static_cast<std::uint32_t>(machines_.size() - 1);
  }
  Machine& at(std::uint32_t id) {
    const std::lock_guard lock(mutex_);
    return *machines_.at(id);
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Machine>> machines_;
};

Machines& machines() {
  static Machines* const all = new Machines;
  return *all;
}

std::uint32_t number_or(const Napi::Object& object, const char* name, std::uint32_t otherwise) {
  const Napi::Value value = object.Get(name);
  return value.IsNumber() ? value.As<Napi::Number>().Uint32Value() : otherwise;
}

bool bool_or(const Napi::Object& object, const char* name, bool otherwise) {
  const Napi::Value value = object.Get(name);
  return value.IsBoolean() ? value.As<Napi::Boolean>().Value() : otherwise;
}

std::vector<Area> areas_from(const Napi::Value& value) {
  std::vector<Area> areas;
  if (!value.IsArray()) return areas;
  const auto list = value.As<Napi::Array>();
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const auto area = list.Get(i).As<Napi::Array>();
    areas.push_back({.begin = index_from(area.Get(0U)), .size = index_from(area.Get(1U))});
  }
  return areas;
}

std::vector<BarSpec> bars_from(const Napi::Array& list) {
  std::vector<BarSpec> bars;
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const auto bar = list.Get(i).As<Napi::Object>();
    const bool io_ports = bool_or(bar, "ioPorts", false);
    bars.push_back({.size = number_or(bar, "size", 0),
                    .mappable = bool_or(bar, "mappable", !io_ports),
                    .io_ports = io_ports,
                    .prefetchable = bool_or(bar, "prefetchable", false),
                    .sparse = areas_from(bar.Get("sparse"))});
  }
  return bars;
}

std::uint64_t iova_from(const Napi::Value& value) {
  bool lossless = false;
  return value.As<Napi::BigInt>().Uint64Value(&lossless);
}

std::vector<IovaRange> ranges_from(const Napi::Array& list) {
  std::vector<IovaRange> ranges;
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const auto range = list.Get(i).As<Napi::Array>();
    ranges.push_back({.first = iova_from(range.Get(0U)), .last = iova_from(range.Get(1U))});
  }
  return ranges;
}

DeviceSpec spec_from(const Napi::Object& object) {
  DeviceSpec spec;
  spec.address = object.Get("address").ToString().Utf8Value();
  spec.group = static_cast<int>(number_or(object, "group", 1));
  if (object.Get("bars").IsArray()) spec.bars = bars_from(object.Get("bars").As<Napi::Array>());
  spec.rom = number_or(object, "rom", 0);
  spec.intx = number_or(object, "intx", spec.intx);
  spec.msi = number_or(object, "msi", spec.msi);
  spec.msix = number_or(object, "msix", spec.msix);
  spec.err = bool_or(object, "err", spec.err);
  spec.command = static_cast<std::uint16_t>(number_or(object, "command", spec.command));
  spec.req = bool_or(object, "req", spec.req);
  spec.reset = bool_or(object, "reset", spec.reset);
  if (object.Has("slot")) spec.slot = static_cast<int>(number_or(object, "slot", 0));
  if (object.Has("vfToken")) {
    spec.vf_token = VfToken::parse(object.Get("vfToken").ToString().Utf8Value());
  }
  if (object.Has("vectorsToSpare")) {
    spec.vectors_to_spare = number_or(object, "vectorsToSpare", 0);
  }
  if (object.Get("reserved").IsArray()) {
    spec.reserved = ranges_from(object.Get("reserved").As<Napi::Array>());
  }
  return spec;
}

/// A device of the machine, with the methods by which tests play the hardware.
class DeviceObject final {
 public:
  static Napi::Object make(Napi::Env env, Machine& machine, const std::string& address) {
    MemoryDevice& device = machine.device(address);
    auto object = Napi::Object::New(env);
    const auto method = methods_of(object);
    using Info = Napi::CallbackInfo;
    method("raise", [&device](const Info& info) -> Napi::Value {
      const bool signalled = device.raise(index_from(info[0]), index_from(info[1]));
      return Napi::Boolean::New(info.Env(), signalled);
    });
    method("raiseMany", [&device](const Info& info) -> Napi::Value {
      const auto times = static_cast<std::uint64_t>(info[2].As<Napi::Number>().Int64Value());
      const bool signalled = device.raise_many(index_from(info[0]), index_from(info[1]), times);
      return Napi::Boolean::New(info.Env(), signalled);
    });
    method("storm", [&device](const Info& info) -> Napi::Value {
      binding::ServiceThread thread;
      return binding::Environment::of(info.Env())
          .run<std::uint32_t>(
              thread,
              [&device, index = index_from(info[0]), vector = index_from(info[1]),
               times = index_from(info[2])] { return device.storm(index, vector, times); },
              [](Napi::Env env, std::uint32_t& signalled) { return number(env, signalled); });
    });
    method("lowerIntx", [&device](const Info&) { device.lower_intx(); });
    method("eventfd", [&device](const Info& info) -> Napi::Value {
      return Napi::Number::New(info.Env(), device.eventfd(index_from(info[0])));
    });
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
      const auto bytes = info[1].As<Napi::Uint8Array>();
      const bool done =
          machine.dma_write(address, iova_from(info[0]), {bytes.Data(), bytes.ByteLength()});
      return Napi::Boolean::New(info.Env(), done);
    });
    method("dmaRead", [&machine, address](const Info& info) -> Napi::Value {
      const auto bytes = machine.dma_read(address, iova_from(info[0]), index_from(info[1]));
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
    const auto method = methods_of(object);
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

Napi::Object machine_object(Napi::Env env, std::uint32_t id) {
  Machine& machine = machines().at(id);
  auto object = Napi::Object::New(env);
  const auto method = methods_of(object);
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
  object.Set("id", id);
  object.Set("mapping", DeviceObject::stage(env, machine.mapping));
  object.Set("unmapping", DeviceObject::stage(env, machine.unmapping));
  return object;
}

Napi::Value use(Napi::Env env, std::uint32_t id) {
  binding::Environment::of(env).make_backend = [id](const auto&) {
    return machines().at(id).open_container();
  };
  return machine_object(env, id);
}

}  // namespace

Napi::Value use_machine(const Napi::CallbackInfo& info) {
  return binding::across(info.Env(), [&]() -> Napi::Value {
    std::vector<DeviceSpec> specs;
    const auto list = info[0].As<Napi::Array>();
    for (std::uint32_t i = 0; i < list.Length(); ++i) {
      specs.push_back(spec_from(list.Get(i).As<Napi::Object>()));
    }
    return use(info.Env(), machines().keep(std::make_unique<Machine>(specs)));
  });
}

Napi::Value join_machine(const Napi::CallbackInfo& info) {
  return binding::across(info.Env(), [&] { return use(info.Env(), index_from(info[0])); });
}

Napi::Object syscalls_object(Napi::Env env) {
  auto object = Napi::Object::New(env);
  const auto method = methods_of(object);
  using Info = Napi::CallbackInfo;
  method("reset", [](const Info&) { reset_syscalls(); });
  method("fail", [](const Info& info) {
    const std::string name = info[2].IsString() ? info[2].ToString().Utf8Value() : "";
    fail_syscall(index_from(info[0]), static_cast<int>(index_from(info[1])), name);
  });
  method("failed", [](const Info& info) -> Napi::Value {
    const std::string call = failed_syscall();
    return call.empty() ? info.Env().Undefined() : Napi::String::New(info.Env(), call);
  });
  method("count", [](const Info& info) -> Napi::Value {
    const std::string name = info[0].IsString() ? info[0].ToString().Utf8Value() : "";
    return Napi::Number::New(info.Env(), count_syscalls(name));
  });
  method("mappedBytes", [](const Info& info) -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(mapped_bytes()));
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
