// SPDX-License-Identifier: MIT
// The addon of the benchmarks: exports the twins and the signals as functions of numbers.
#include <fcntl.h>
#include <node_api.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utility>

#include "calls.h"
#include "signals.h"
#include "twins.h"

namespace bench {

namespace {

template <typename... Parameters, std::size_t... I>
double apply(double (*function)(Parameters...), const double* numbers, std::index_sequence<I...>) {
  return function(static_cast<Parameters>(numbers[I])...);
}

template <typename... Parameters>
double apply(double (*function)(Parameters...), const double* numbers) {
  return apply(function, numbers, std::index_sequence_for<Parameters...>{});
}

/// A missing argument is 0.
template <auto kFunction>
napi_value call(napi_env env, napi_callback_info info) {
  constexpr std::size_t kMost = 4;
  std::size_t count = kMost;
  napi_value arguments[kMost];
  double numbers[kMost] = {};
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  for (std::size_t i = 0; i < kMost; ++i) napi_get_value_double(env, arguments[i], &numbers[i]);
  napi_value result = nullptr;
  napi_create_double(env, apply(kFunction, numbers), &result);
  return result;
}

/// (file, bytes): maps the beginning of a file for the twins and the bare calls. Without a file, it
/// maps shared memory, like the BAR of the memory back end. Returns the address, or 0.
napi_value map(napi_env env, napi_callback_info info) {
  std::size_t count = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  char path[256] = "";
  napi_get_value_string_utf8(env, arguments[0], path, sizeof path, nullptr);
  double bytes = 0;
  napi_get_value_double(env, arguments[1], &bytes);
  const auto size = static_cast<std::size_t>(bytes);
  const int file = path[0] == 0 ? memfd_create("bench", MFD_CLOEXEC) : ::open(path, O_RDWR);
  if (path[0] == 0 && ftruncate(file, static_cast<off_t>(size)) != 0) return nullptr;
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  bases[0] = data == MAP_FAILED ? 0 : reinterpret_cast<std::uintptr_t>(data);
  napi_value result = nullptr;
  napi_create_double(env, static_cast<double>(bases[0]), &result);
  return result;
}

/// (array buffer): returns the address of its memory.
napi_value address_of(napi_env env, napi_callback_info info) {
  std::size_t count = 1;
  napi_value buffer;
  void* data = nullptr;
  napi_get_cb_info(env, info, &count, &buffer, nullptr, nullptr);
  napi_get_arraybuffer_info(env, buffer, &data, nullptr);
  napi_value result = nullptr;
  napi_create_double(env, static_cast<double>(reinterpret_cast<std::uintptr_t>(data)), &result);
  return result;
}

napi_value init(napi_env env, napi_value exports) {
  define_read_calls(env, exports);
  define_write_calls(env, exports);
  define(env, exports, "map", map);
  define(env, exports, "addressOf", address_of);
  define(env, exports, "bareLoop", call<bare_loop>);
  define(env, exports, "read", call<read>);
  define(env, exports, "write", call<write>);
  define(env, exports, "batch", call<batch>);
  define(env, exports, "poll", call<poll>);
  define(env, exports, "doorbell", call<doorbell>);
  define(env, exports, "field", call<field>);
  define(env, exports, "readingThread", call<reading_thread>);
  define(env, exports, "openContainer", call<open_container>);
  define(env, exports, "mapDma", call<map_dma>);
  define(env, exports, "unmapDma", call<unmap_dma>);
  define(env, exports, "nvmeAttach", call<nvme_attach>);
  define(env, exports, "nvmeComplete", call<nvme_complete>);
  define(env, exports, "nvmeOpen", call<nvme_open>);
  define(env, exports, "nvmeRounds", call<nvme_rounds>);
  define(env, exports, "nvmePollEmpty", call<nvme_poll_empty>);
  define(env, exports, "raiseSeries", call<raise_series>);
  define(env, exports, "raiseStorm", call<raise_storm>);
  define(env, exports, "endRaising", call<end_raising>);
  define(env, exports, "arrived", call<arrived>);
  define(env, exports, "latency", call<latency>);
  define(env, exports, "pin", call<pin>);
  define(env, exports, "now", call<now>);
  define(env, exports, "processorTime", call<processor_time>);
  return exports;
}

}  // namespace

}  // namespace bench

NAPI_MODULE(vfio_bench, bench::init)
