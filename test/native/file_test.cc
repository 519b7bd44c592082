// SPDX-License-Identifier: MIT
// System calls that fail or transfer less than requested.
#include "sys/file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "support.h"
#include "syscalls_hook.h"

using namespace vfio;
using namespace vfio::testing;
using sys::duplicate;
using sys::read_at;
using sys::UniqueFd;

namespace {

/// Restores the table.
struct Fixture {
  ~Fixture() {
    forward_syscalls_to(sys::kernel_syscalls());
    reset_syscalls();
  }
  /// The table, with the changes of a test.
  sys::Syscalls calls = sys::kernel_syscalls();
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "F22/ a transfer that was cut short is an error") {
  const UniqueFd file(::memfd_create("short", MFD_CLOEXEC));
  REQUIRE(::ftruncate(file.get(), 2) == 0);
  std::array<std::uint8_t, 4> bytes{};
  CHECK(errno_of([&] { read_at(file, bytes.data(), 2, 0, "short"); }) == 0);
  CHECK(errno_of([&] { read_at(file, bytes.data(), bytes.size(), 0, "short"); }) == EIO);
  calls.pwrite = [](int fd, const void* buffer, std::size_t, off_t offset) {
    return ::pwrite(fd, buffer, 1, offset);
  };
  forward_syscalls_to(calls);
  CHECK(errno_of([&] { sys::write_at(file, bytes.data(), 2, 0, "short"); }) == EIO);
}

TEST_CASE("a duplicate is of its own, closes on exec, and says what it was opened on") {
  CHECK(errno_of([] { duplicate(-1); }) == EBADF);
  UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const auto copy = duplicate(file.get());
  CHECK(copy.file == "/dev/null");
  CHECK(copy.name == "descriptor " + std::to_string(file.get()) + " (/dev/null)");
  file = UniqueFd();
  CHECK(::fcntl(copy.fd.get(), F_GETFD) == FD_CLOEXEC);
}

TEST_CASE_FIXTURE(Fixture, "a duplicate is known by its number where /proc does not say of what") {
  const UniqueFd file = sys::open_file("/dev/null", O_RDWR);
  fail_syscall(1, ENOENT, "readlink");
  const sys::Duplicate copy = duplicate(file.get());
  CHECK(copy.fd.valid());
  CHECK(copy.file.empty());
  CHECK(copy.name == "descriptor " + std::to_string(file.get()));
}

TEST_CASE_FIXTURE(Fixture, "a link that is cut off is not taken for a shorter one") {
  CHECK(sys::read_link("/proc/self/cwd").front() == '/');
  CHECK(errno_of([] { sys::read_link("/proc/self/nothing"); }) == ENOENT);
  calls.readlink = [](const char*, char* buffer, std::size_t size) {
    std::memset(buffer, 'a', size);
    return static_cast<ssize_t>(size);
  };
  forward_syscalls_to(calls);
  CHECK(errno_of([] { sys::read_link("/a/link"); }) == ENAMETOOLONG);
}

TEST_CASE_FIXTURE(Fixture, "a lock is of one opening of a file, until that is closed") {
  const std::string path = "/proc/self/fd/" + std::to_string(::memfd_create("lock", 0));
  UniqueFd one = sys::open_file(path, O_RDWR);
  const UniqueFd other = sys::open_file(path, O_RDWR);
  fail_syscall(1, EINTR, "flock");
  CHECK(sys::try_lock(one.get()));
  CHECK(sys::try_lock(one.get()));
  CHECK_FALSE(sys::try_lock(other.get()));
  one.reset();
  CHECK(sys::try_lock(other.get()));
  CHECK(errno_of([] { sys::try_lock(-1); }) == EBADF);
  fail_syscall(1, ENOLCK, "flock");
  CHECK(errno_of([&] { sys::try_lock(other.get()); }) == ENOLCK);
}

TEST_CASE_FIXTURE(Fixture, "an eventfd counts what was raised since it was drained") {
  const UniqueFd eventfd = sys::make_eventfd();
  CHECK(sys::drain_eventfd(eventfd.get()) == 0);
  sys::raise_eventfd(eventfd.get(), 3);
  fail_syscall(1, EINTR, "write");
  sys::raise_eventfd(eventfd.get(), 4);
  fail_syscall(1, EINTR, "read");
  CHECK(sys::drain_eventfd(eventfd.get()) == 7);
  CHECK(errno_of([] { sys::raise_eventfd(-1, 1); }) == EBADF);
  CHECK(sys::drain_eventfd(-1) == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "waiting ends by itself, also when a signal came, and says what it cannot do") {
  const UniqueFd eventfd = sys::make_eventfd();
  sys::wait_readable(eventfd.get(), 0);
  sys::raise_eventfd(eventfd.get(), 1);
  sys::wait_readable(eventfd.get(), -1);
  fail_syscall(1, EINTR, "poll");
  CHECK(errno_of([&] { sys::wait_readable(eventfd.get(), -1); }) == 0);
  fail_syscall(1, ENOMEM, "poll");
  CHECK(errno_of([&] { sys::wait_readable(eventfd.get(), -1); }) == ENOMEM);
}

TEST_CASE_FIXTURE(Fixture, "an epoll watches a descriptor once") {
  const UniqueFd epoll = sys::make_epoll();
  const UniqueFd eventfd = sys::make_eventfd();
  sys::watch_readable(epoll, eventfd.get());
  CHECK(errno_of([&] { sys::watch_readable(epoll, eventfd.get()); }) == EEXIST);
  fail_syscall(1, EMFILE, "epoll_create1");
  CHECK(errno_of([] { sys::make_epoll(); }) == EMFILE);
  fail_syscall(1, EMFILE, "eventfd");
  CHECK(errno_of([] { sys::make_eventfd(); }) == EMFILE);
}
