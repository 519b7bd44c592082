// SPDX-License-Identifier: MIT
#include "syscalls_hook.h"

#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include "uapi/vfio.h"

namespace vfio::testing {

namespace {

struct State {
  const sys::Syscalls* table = &sys::kernel_syscalls();
  std::map<std::string, unsigned, std::less<>> counts;
  std::string failing;
  unsigned until_failure = 0;  // 0: none planned
  int error = 0;
  std::string failed;
  bool tracing = false;
  std::vector<std::string> trace;
};

// Never destroyed: threads may make system calls while the process exits.
std::mutex& mutex = *new std::mutex;
State& state = *new State;

std::atomic<std::size_t> mapped{0};

constexpr std::size_t whole_pages(std::size_t size) {
  constexpr std::size_t kPage = 4096;
  return (size + kPage - 1) & ~(kPage - 1);
}

/// The name of an ioctl's request. The numbers are unique among the descriptors that the library
/// uses.
const char* request_name(unsigned long request) {
  static const std::map<unsigned long, const char*> kNames{
      {VFIO_GET_API_VERSION, "VFIO_GET_API_VERSION"},
      {VFIO_CHECK_EXTENSION, "VFIO_CHECK_EXTENSION"},
      {VFIO_SET_IOMMU, "VFIO_SET_IOMMU"},
      {VFIO_IOMMU_GET_INFO, "VFIO_IOMMU_GET_INFO"},
      {VFIO_IOMMU_MAP_DMA, "VFIO_IOMMU_MAP_DMA"},
      {VFIO_IOMMU_UNMAP_DMA, "VFIO_IOMMU_UNMAP_DMA"},
      {VFIO_GROUP_GET_STATUS, "VFIO_GROUP_GET_STATUS"},
      {VFIO_GROUP_SET_CONTAINER, "VFIO_GROUP_SET_CONTAINER"},
      {VFIO_GROUP_UNSET_CONTAINER, "VFIO_GROUP_UNSET_CONTAINER"},
      {VFIO_GROUP_GET_DEVICE_FD, "VFIO_GROUP_GET_DEVICE_FD"},
      {VFIO_DEVICE_GET_INFO, "VFIO_DEVICE_GET_INFO"},
      {VFIO_DEVICE_GET_REGION_INFO, "VFIO_DEVICE_GET_REGION_INFO"},
      {VFIO_DEVICE_GET_IRQ_INFO, "VFIO_DEVICE_GET_IRQ_INFO"},
      {VFIO_DEVICE_SET_IRQS, "VFIO_DEVICE_SET_IRQS"},
      {VFIO_DEVICE_RESET, "VFIO_DEVICE_RESET"},
  };
  const auto found = kNames.find(request);
  return found == kNames.end() ? "" : found->second;
}

const char* advice_name(int advice) {
  switch (advice) {
    case MADV_DONTFORK:
      return "MADV_DONTFORK";
    case MADV_DONTDUMP:
      return "MADV_DONTDUMP";
    case MADV_HUGEPAGE:
      return "MADV_HUGEPAGE";
    default:
      return "MADV_POPULATE_WRITE";
  }
}

/// One call: its name, its request, and its subject for the trace.
struct Call {
  std::string_view name;
  std::string_view request = {};
  std::string_view subject = {};
};

std::string full_name(const Call& call) {
  std::string name(call.name);
  if (!call.request.empty()) name.append(" ").append(call.request);
  return name;
}

bool matches(const Call& call, std::string_view name) {
  return name.empty() || name == call.name || name == call.request;
}

/// Counts the call. Returns the errno to fail it with, or 0, and the table to forward it to.
std::pair<int, const sys::Syscalls*> enter(const Call& call) {
  const std::lock_guard lock(mutex);
  ++state.counts[std::string()];
  ++state.counts[std::string(call.name)];
  if (!call.request.empty()) ++state.counts[std::string(call.request)];
  const bool fails =
      state.until_failure > 0 && matches(call, state.failing) && --state.until_failure == 0;
  if (fails) state.failed = full_name(call);
  return {fails ? state.error : 0, state.table};
}

void leave(const Call& call, long result) {
  const int saved = errno;
  const std::lock_guard lock(mutex);
  if (state.tracing) {
    std::string line = full_name(call);
    if (!call.subject.empty()) line.append(" ").append(call.subject);
    state.trace.push_back(line + " = " + std::to_string(result));
  }
  errno = saved;
}

/// Makes a call, unless it must fail.
template <typename Result>
Result hooked(const Call& call, const std::function<Result(const sys::Syscalls&)>& forward) {
  const auto [error, table] = enter(call);
  if (error == 0) {
    const Result result = forward(*table);
    leave(call, result);
    return result;
  }
  errno = error;
  leave(call, -1);
  return -1;
}

int hooked_int(const Call& call, const std::function<int(const sys::Syscalls&)>& forward) {
  return hooked<int>(call, forward);
}

ssize_t hooked_size(const Call& call, const std::function<ssize_t(const sys::Syscalls&)>& forward) {
  return hooked<ssize_t>(call, forward);
}

/// MAP_FAILED is also -1.
void* hooked_pointer(const Call& call, const std::function<void*(const sys::Syscalls&)>& forward) {
  return reinterpret_cast<void*>(hooked<std::intptr_t>(
      call, [&](const auto& to) { return reinterpret_cast<std::intptr_t>(forward(to)); }));
}

/// Linux closes the descriptor even if close fails.
int close_anyway(int fd) {
  const Call call{.name = "close"};
  const auto [error, table] = enter(call);
  const int result = table->close(fd);
  if (error != 0) errno = error;
  leave(call, error == 0 ? result : -1);
  return error == 0 ? result : -1;
}

constexpr sys::Syscalls kHooks{
    .open =
        [](const char* path, int flags) {
          return hooked_int({.name = "open", .subject = path},
                            [&](const auto& to) { return to.open(path, flags); });
        },
    .close = close_anyway,
    .ioctl =
        [](int fd, unsigned long request, void* argument) {
          return hooked_int({.name = "ioctl", .request = request_name(request)},
                            [&](const auto& to) { return to.ioctl(fd, request, argument); });
        },
    .read =
        [](int fd, void* buffer, size_t size) {
          return hooked_size({.name = "read"},
                             [&](const auto& to) { return to.read(fd, buffer, size); });
        },
    .write =
        [](int fd, const void* buffer, size_t size) {
          return hooked_size({.name = "write"},
                             [&](const auto& to) { return to.write(fd, buffer, size); });
        },
    .pread =
        [](int fd, void* buffer, size_t size, off_t offset) {
          return hooked_size({.name = "pread"},
                             [&](const auto& to) { return to.pread(fd, buffer, size, offset); });
        },
    .pwrite =
        [](int fd, const void* buffer, size_t size, off_t offset) {
          return hooked_size({.name = "pwrite"},
                             [&](const auto& to) { return to.pwrite(fd, buffer, size, offset); });
        },
    .readlink =
        [](const char* path, char* buffer, size_t size) {
          return hooked_size({.name = "readlink", .subject = path},
                             [&](const auto& to) { return to.readlink(path, buffer, size); });
        },
    .mmap =
        [](void* address, size_t size, int protection, int flags, int fd, off_t offset) {
          void* const data = hooked_pointer({.name = "mmap"}, [&](const auto& to) {
            return to.mmap(address, size, protection, flags, fd, offset);
          });
          const bool replaces = (flags & MAP_FIXED) != 0;
          if (data != MAP_FAILED && !replaces) mapped += whole_pages(size);
          return data;
        },
    .mremap =
        [](void* address, size_t size, size_t new_size, int flags, void* new_address) {
          void* const data = hooked_pointer({.name = "mremap"}, [&](const auto& to) {
            return to.mremap(address, size, new_size, flags, new_address);
          });
          // The moved pages replace another mapping.
          if (data != MAP_FAILED) mapped -= whole_pages(size);
          return data;
        },
    .munmap =
        [](void* address, size_t size) {
          const int result = hooked_int({.name = "munmap"},
                                        [&](const auto& to) { return to.munmap(address, size); });
          if (result == 0) mapped -= whole_pages(size);
          return result;
        },
    .madvise =
        [](void* address, size_t size, int advice) {
          return hooked_int({.name = "madvise", .request = advice_name(advice)},
                            [&](const auto& to) { return to.madvise(address, size, advice); });
        },
    .memfd_create =
        [](const char* name, unsigned flags) {
          return hooked_int({.name = "memfd_create", .subject = name},
                            [&](const auto& to) { return to.memfd_create(name, flags); });
        },
    .ftruncate =
        [](int fd, off_t size) {
          return hooked_int({.name = "ftruncate"},
                            [&](const auto& to) { return to.ftruncate(fd, size); });
        },
    .fcntl =
        [](int fd, int command, int argument) {
          return hooked_int({.name = "fcntl"},
                            [&](const auto& to) { return to.fcntl(fd, command, argument); });
        },
    .flock =
        [](int fd, int operation) {
          return hooked_int({.name = "flock"},
                            [&](const auto& to) { return to.flock(fd, operation); });
        },
    .eventfd =
        [](unsigned initial, int flags) {
          return hooked_int({.name = "eventfd"},
                            [&](const auto& to) { return to.eventfd(initial, flags); });
        },
    .epoll_create1 =
        [](int flags) {
          return hooked_int({.name = "epoll_create1"},
                            [&](const auto& to) { return to.epoll_create1(flags); });
        },
    .epoll_ctl =
        [](int epoll, int operation, int fd, epoll_event* event) {
          return hooked_int({.name = "epoll_ctl"}, [&](const auto& to) {
            return to.epoll_ctl(epoll, operation, fd, event);
          });
        },
    .poll =
        [](pollfd* fds, nfds_t count, int timeout_ms) {
          return hooked_int({.name = "poll"},
                            [&](const auto& to) { return to.poll(fds, count, timeout_ms); });
        },
    .uname =
        [](utsname* names) {
          return hooked_int({.name = "uname"}, [&](const auto& to) { return to.uname(names); });
        },
    .pthread_create =
        [](pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
           void* argument) {
          const int result = hooked_int({.name = "pthread_create"}, [&](const auto& to) {
            return to.pthread_create(thread, attributes, body, argument);
          });
          return result == -1 ? errno : result;
        },
};

}  // namespace

void reset_syscalls() {
  const std::lock_guard lock(mutex);
  const sys::Syscalls* const table = state.table;
  state = State{};
  state.table = table;
}

void forward_syscalls_to(const sys::Syscalls& table) {
  const std::lock_guard lock(mutex);
  state.table = &table;
}

void fail_syscall(unsigned nth, int error, std::string name) {
  const std::lock_guard lock(mutex);
  state.failing = std::move(name);
  state.until_failure = nth;
  state.error = error;
  state.failed.clear();
}

std::string failed_syscall() {
  const std::lock_guard lock(mutex);
  return state.failed;
}

unsigned count_syscalls(std::string_view name) {
  const std::lock_guard lock(mutex);
  const auto found = state.counts.find(name);
  return found == state.counts.end() ? 0 : found->second;
}

std::size_t mapped_bytes() { return mapped; }

void trace_syscalls() {
  const std::lock_guard lock(mutex);
  state.tracing = true;
}

std::vector<std::string> take_trace() {
  const std::lock_guard lock(mutex);
  return std::exchange(state.trace, {});
}

}  // namespace vfio::testing

namespace vfio::sys {

const Syscalls& syscalls() noexcept { return testing::kHooks; }

}  // namespace vfio::sys
