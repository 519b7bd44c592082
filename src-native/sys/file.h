// SPDX-License-Identifier: MIT
// Opening files and calling ioctls: EINTR retried, O_CLOEXEC always, failures thrown as SysError.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "sys/unique_fd.h"

namespace vfio::sys {

/// open(2) with O_CLOEXEC added to `flags`.
UniqueFd open_file(const std::string& path, int flags);

/// A descriptor from outside, as ours: whoever gave it keeps its own.
struct Duplicate {
  UniqueFd fd;
  /// The file that it was opened on, "/dev/vfio/12", as /proc has it; empty where that is not
  /// known.
  std::string file;
  /// As errors name it: "descriptor 5 (/dev/vfio/12)".
  std::string name;
};

/// Duplicates a descriptor, close-on-exec. SysError EBADF when nothing is open under that number.
Duplicate duplicate(int fd);

/// flock(2) for this opening of the file alone, without waiting; false while another one has it. It
/// is the descriptor's: closing that, in whatever way, gives it back.
bool try_lock(int fd);

/// ioctl(2); returns what the kernel returned (>= 0). `name` is the request's name, `path` the
/// file's, both for the error only.
int control(const UniqueFd& fd, unsigned long request, void* argument, const char* name,
            const std::string& path);

/// pread(2) and pwrite(2) of exactly `size` bytes in one call; less is SysError EIO.
void read_at(const UniqueFd& fd, void* buffer, size_t size, std::uint64_t offset,
             const std::string& path);
void write_at(const UniqueFd& fd, const void* buffer, size_t size, std::uint64_t offset,
              const std::string& path);

/// An eventfd, non-blocking and close-on-exec.
UniqueFd make_eventfd();

/// Reads and resets an eventfd's counter; 0 when it was not raised.
uint64_t drain_eventfd(int fd) noexcept;

/// Adds to an eventfd's counter.
void raise_eventfd(int fd, std::uint64_t times);

/// Lets time pass, or a signal come.
void pause(int milliseconds) noexcept;

/// Waits until a descriptor is readable, no longer than that, or until a signal comes.
void wait_readable(int fd, int timeout_ms);

/// An epoll descriptor, close-on-exec. It is itself readable while a descriptor added to it is.
UniqueFd make_epoll();
void watch_readable(const UniqueFd& epoll, int fd);

/// The target of a symbolic link.
std::string read_link(const std::string& path);

}  // namespace vfio::sys
