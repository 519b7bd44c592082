// SPDX-License-Identifier: MIT
// The one table of system calls, which every call of the library goes through. The product links
// syscalls.cc, whose table is constant; the developer build links test/native/syscalls_hook.cc
// instead, which can fail the n-th call or trace all of them. Nothing outside sys/ calls the kernel
// in any other way.
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
  /// `argument` is a pointer, or an integer cast to one, as the request wants it.
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
  /// Returns the errno, as the C library's does.
  int (*pthread_create)(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                        void* argument);
};

/// What the library calls.
const Syscalls& syscalls() noexcept;

/// The kernel's own, below whatever stands in between.
const Syscalls& kernel_syscalls() noexcept;

}  // namespace vfio::sys
