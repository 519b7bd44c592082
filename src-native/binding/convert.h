// SPDX-License-Identifier: MIT
// Converts values between C++ and JavaScript, as lib/native.ts declares them.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "sys/file.h"
#include "vfio/backend.h"

namespace vfio::binding {

/// Converts an index or a count that lib/ has checked. Any other value becomes a number that no
/// device has.
inline std::uint32_t index_from(const Napi::Value& value) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  return number >= 0 && number < 4294967295.0 ? static_cast<std::uint32_t>(number) : 4294967295U;
}

/// Duplicates a descriptor of the caller for a job, which must be copyable. Null for undefined.
inline std::shared_ptr<sys::Duplicate> duplicate_of(const Napi::Value& value) {
  if (value.IsUndefined()) return nullptr;
  return std::make_shared<sys::Duplicate>(sys::duplicate(value.ToNumber().Int32Value()));
}

/// The result of duplicate_of, to be moved on.
inline std::optional<sys::Duplicate> take(const std::shared_ptr<sys::Duplicate>& duplicate) {
  if (duplicate == nullptr) return std::nullopt;
  return std::move(*duplicate);
}

/// Converts a size or an offset. All of them are below 2^53.
inline Napi::Value number(Napi::Env env, std::uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

template <typename Number>
Napi::Value number_or_undefined(Napi::Env env, const std::optional<Number>& value) {
  if (!value) return env.Undefined();
  return Napi::Number::New(env, static_cast<double>(*value));
}

inline Napi::Object region_info(Napi::Env env, const RegionInfo& info) {
  auto mappable = Napi::Array::New(env, info.mappable.size());
  for (std::uint32_t i = 0; i < info.mappable.size(); ++i) {
    auto area = Napi::Array::New(env, 2);
    area.Set(0U, number(env, info.mappable[i].begin));
    area.Set(1U, number(env, info.mappable[i].size));
    mappable.Set(i, area);
  }
  auto object = Napi::Object::New(env);
  object.Set("index", info.index);
  object.Set("flags", info.flags);
  object.Set("size", number(env, info.size));
  object.Set("mappable", mappable);
  object.Set("ioPorts", info.io_ports);
  object.Set("prefetchable", info.prefetchable);
  object.Set("type", number_or_undefined(env, info.type));
  object.Set("subtype", number_or_undefined(env, info.subtype));
  return object;
}

inline Napi::Object irq_info(Napi::Env env, const IrqInfo& info) {
  auto object = Napi::Object::New(env);
  object.Set("index", info.index);
  object.Set("flags", info.flags);
  object.Set("count", info.count);
  return object;
}

inline Napi::Object change_data(Napi::Env env, const Change& change) {
  auto object = Napi::Object::New(env);
  object.Set("lost", change.lost);
  object.Set("requested", change.requested);
  object.Set("fault", change.fault);
  return object;
}

inline Napi::Object limits_data(Napi::Env env, const Limits& limits) {
  auto ranges = Napi::Array::New(env, limits.ranges.size());
  for (std::uint32_t i = 0; i < limits.ranges.size(); ++i) {
    auto range = Napi::Array::New(env, 2);
    range.Set(0U, Napi::BigInt::New(env, limits.ranges[i].first));
    range.Set(1U, Napi::BigInt::New(env, limits.ranges[i].last));
    ranges.Set(i, range);
  }
  auto object = Napi::Object::New(env);
  object.Set("attached", limits.attached);
  object.Set("ranges", ranges);
  object.Set("pageSizes", Napi::BigInt::New(env, limits.page_sizes));
  object.Set("mappingsAvailable", number_or_undefined(env, limits.mappings_available));
  return object;
}

}  // namespace vfio::binding
