// SPDX-License-Identifier: MIT
// The table of system calls, which every call of the library goes through. The product links
// syscalls.cc, whose table is constant. The developer build links test/native/syscalls_hook.cc
// instead, which can make the n-th call fail or trace all calls. Code outside sys/ calls the kernel
// only through this table.
#pragma once

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/types.h>
#include <sys/utsname.h>

#include <cstddef>

namespace vfio::sys {

struct Syscalls {
  int (*open)(const char* path, int flags);
  int (*close)(int fd);
  /// `argument` is a pointer, or an integer cast to one, depending on the request.
  int (*ioctl)(int fd, unsigned long request, void* argument);
  ssize_t (*read)(int fd, void* buffer, size_t size);
  ssize_t (*write)(int fd, const void* buffer, size_t size);
  ssize_t (*pread)(int fd, void* buffer, size_t size, off_t offset);
  ssize_t (*pwrite)(int fd, const void* buffer, size_t size, off_t offset);
  ssize_t (*readlink)(const char* path, char* buffer, size_t size);
  void* (*mmap)(void* address, size_t size, int protection, int flags, int fd, off_t offset);
  void* (*mremap)(void* address, size_t size, size_t new_size, int flags, void* new_address);
  int (*munmap)(void* address, size_t size);
  int (*madvise)(void* address, size_t size, int advice);
  int (*memfd_create)(const char* name, unsigned flags);
  int (*ftruncate)(int fd, off_t size);
  int (*fcntl)(int fd, int command, int argument);
  int (*flock)(int fd, int operation);
  int (*eventfd)(unsigned initial, int flags);
  int (*epoll_create1)(int flags);
  int (*epoll_ctl)(int epoll, int operation, int fd, epoll_event* event);
  int (*poll)(pollfd* fds, nfds_t count, int timeout_ms);
  int (*uname)(utsname* names);
  /// Returns the error number, like the C library's function.
  int (*pthread_create)(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                        void* argument);
};

/// The table that the library calls.
const Syscalls& syscalls() noexcept;

/// The kernel's own system calls, also if a test has replaced the table above.
const Syscalls& kernel_syscalls() noexcept;

}  // namespace vfio::sys
