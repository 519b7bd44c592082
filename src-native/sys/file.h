// SPDX-License-Identifier: MIT
// Opens files and calls ioctls: retries on EINTR, always sets O_CLOEXEC, throws failures as
// SysError.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "sys/unique_fd.h"

namespace vfio::sys {

/// open(2) with O_CLOEXEC added to `flags`.
UniqueFd open_file(const std::string& path, int flags);

/// The library's own duplicate of a descriptor that the caller passed in. The caller keeps its
/// descriptor.
struct Duplicate {
  UniqueFd fd;
  /// The file that the descriptor was opened on, from /proc ("/dev/vfio/12"). Empty if it is not
  /// known.
  std::string file;
  /// Its name in errors: "descriptor 5 (/dev/vfio/12)".
  std::string name;
};

/// Duplicates a descriptor, close-on-exec. Throws SysError EBADF if no file is open under that
/// number.
Duplicate duplicate(int fd);

/// Takes an exclusive flock(2) without waiting. Returns false if another open file description has
/// it. The lock belongs to the open file description: the kernel releases it when the last
/// descriptor of it is closed, however that happens.
bool try_lock(int fd);

/// ioctl(2). Returns what the kernel returned (>= 0). `name` is the name of the request and `path`
/// that of the file; both are only for the error.
int control(const UniqueFd& fd, unsigned long request, void* argument, const char* name,
            const std::string& path);

/// pread(2) and pwrite(2) of exactly `size` bytes in one call. A shorter transfer throws SysError
/// EIO.
void read_at(const UniqueFd& fd, void* buffer, size_t size, std::uint64_t offset,
             const std::string& path);
void write_at(const UniqueFd& fd, const void* buffer, size_t size, std::uint64_t offset,
              const std::string& path);

/// An eventfd, non-blocking and close-on-exec.
UniqueFd make_eventfd();

/// Reads and resets an eventfd's counter. Returns 0 if it was not raised.
uint64_t drain_eventfd(int fd) noexcept;

/// Adds to an eventfd's counter.
void raise_eventfd(int fd, std::uint64_t times);

/// Sleeps for that time, or until a signal arrives.
void pause(int milliseconds) noexcept;

/// Waits until a descriptor is readable, the time is over, or a signal arrives.
void wait_readable(int fd, int timeout_ms);

/// An epoll descriptor, close-on-exec. It is readable while one of the descriptors added to it is.
UniqueFd make_epoll();
void watch_readable(const UniqueFd& epoll, int fd);

/// The target of a symbolic link.
std::string read_link(const std::string& path);

}  // namespace vfio::sys
