// SPDX-License-Identifier: MIT
#include "hostile_kernel.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>

#include "sys/syscalls.h"
#include "uapi/vfio.h"

namespace vfio::fuzz {

namespace {

// Thread-local: leftover service threads make no calls while a target runs.
thread_local Input* input = nullptr;

int fail(int error) {
  errno = error;
  return -1;
}

/// A first byte below 0xf0 means success, so that most inputs get further than one call. EINTR is
/// not among the errors, because the library would only repeat the call.
int refusal() {
  constexpr std::array kErrors{EINVAL, EIO, ENOMEM, ENODEV, ENOTTY, EBUSY, EFAULT, EPERM};
  const auto choice = input->take<std::uint8_t>();
  return choice < 0xf0 ? 0 : kErrors[choice % kErrors.size()];
}

/// Fills the caller's struct, which is `argsz` bytes long, with the input, including `argsz`
/// itself.
int fill(void* argument) {
  std::uint32_t argsz = 0;
  std::memcpy(&argsz, argument, sizeof argsz);
  input->take(argument, argsz);
  return 0;
}

int open_something() { return ::open("/dev/null", O_RDWR | O_CLOEXEC); }

int ioctl(int, unsigned long request, void* argument) {
  if (const int error = refusal(); error != 0) return fail(error);
  switch (request) {
    case VFIO_GET_API_VERSION:
      return VFIO_API_VERSION;
    case VFIO_CHECK_EXTENSION:
      return 1;
    case VFIO_GROUP_GET_DEVICE_FD:
      return open_something();
    case VFIO_DEVICE_GET_INFO:
    case VFIO_DEVICE_GET_REGION_INFO:
    case VFIO_DEVICE_GET_IRQ_INFO:
    case VFIO_IOMMU_GET_INFO:
    case VFIO_IOMMU_UNMAP_DMA:
    case VFIO_GROUP_GET_STATUS:
      return fill(argument);
    case VFIO_DEVICE_SET_IRQS:
      return input->take<std::int8_t>() & 0x7f;
    default:
      return 0;
  }
}

ssize_t pread(int, void* buffer, std::size_t size, off_t) {
  if (const int error = refusal(); error != 0) return fail(error);
  input->take(buffer, size);
  const bool is_short = input->take<std::uint8_t>() == 0xff;
  return static_cast<ssize_t>(is_short ? size / 2 : size);
}

ssize_t pwrite(int, const void*, std::size_t size, off_t) {
  if (const int error = refusal(); error != 0) return fail(error);
  return static_cast<ssize_t>(size);
}

/// Any bytes from the input.
ssize_t readlink(const char*, char* buffer, std::size_t size) {
  if (refusal() != 0) return fail(ENOENT);
  const auto text = input->take_text(std::min<std::size_t>(input->take<std::uint8_t>(), size));
  return static_cast<ssize_t>(text.copy(buffer, size));
}

/// Maps memory in place of registers. Nothing accesses it, so it can be as large as the kernel
/// claims.
void* mmap(void* address, std::size_t size, int protection, int flags, int fd, off_t offset) {
  if (fd < 0) return sys::kernel_syscalls().mmap(address, size, protection, flags, fd, offset);
  constexpr int kReserved = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  return sys::kernel_syscalls().mmap(nullptr, size, PROT_NONE, kReserved, -1, 0);
}

const sys::Syscalls& table() {
  static const sys::Syscalls kTable = [] {
    sys::Syscalls calls = sys::kernel_syscalls();
    calls.open = [](const char*, int) { return open_something(); };
    calls.ioctl = ioctl;
    calls.pread = pread;
    calls.pwrite = pwrite;
    calls.readlink = readlink;
    calls.mmap = mmap;
    calls.poll = [](pollfd*, nfds_t, int) { return 0; };  // no target waits for time to pass
    return calls;
  }();
  return kTable;
}

}  // namespace

void answer_from(Input& from) { input = &from; }

}  // namespace vfio::fuzz

namespace vfio::sys {

const Syscalls& syscalls() noexcept { return fuzz::table(); }

}  // namespace vfio::sys
