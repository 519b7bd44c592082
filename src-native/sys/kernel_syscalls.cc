// SPDX-License-Identifier: MIT
// The table of system calls that go straight to the C library. An entry is a lambda if the C
// library's function is variadic.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/syscalls.h"

namespace vfio::sys {

namespace {

constexpr Syscalls kSyscalls{
    .open = [](const char* path, int flags) { return ::open(path, flags); },
    .close = ::close,
    .ioctl = [](int fd, unsigned long request,
                void* argument) { return ::ioctl(fd, request, argument); },
    .read = ::read,
    .write = ::write,
    .pread = ::pread,
    .pwrite = ::pwrite,
    .readlink = ::readlink,
    .mmap = ::mmap,
    .mremap =
        [](void* address, size_t size, size_t new_size, int flags, void* new_address) {
          return ::mremap(address, size, new_size, flags, new_address);
        },
    .munmap = ::munmap,
    .madvise = ::madvise,
    .memfd_create = ::memfd_create,
    .ftruncate = ::ftruncate,
    .fcntl = [](int fd, int command, int argument) { return ::fcntl(fd, command, argument); },
    // The C library declares flock in <sys/file.h>. Here, that name finds our own header.
    .flock = [](int fd,
                int operation) { return static_cast<int>(::syscall(SYS_flock, fd, operation)); },
    .eventfd = ::eventfd,
    .epoll_create1 = ::epoll_create1,
    .epoll_ctl = ::epoll_ctl,
    .poll = ::poll,
    .uname = ::uname,
    .pthread_create = ::pthread_create,
};

}  // namespace

const Syscalls& kernel_syscalls() noexcept { return kSyscalls; }

}  // namespace vfio::sys
