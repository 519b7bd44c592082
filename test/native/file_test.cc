// SPDX-License-Identifier: MIT
#include "sys/file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "support.h"

using vfio::sys::duplicate;
using vfio::sys::read_at;
using vfio::sys::UniqueFd;
using namespace vfio::testing;

TEST_CASE("F22/ a transfer that was cut short is an error") {
  const UniqueFd file(::memfd_create("short", MFD_CLOEXEC));
  REQUIRE(::ftruncate(file.get(), 2) == 0);
  std::array<std::uint8_t, 4> bytes{};
  CHECK(errno_of([&] { read_at(file, bytes.data(), 2, 0, "short"); }) == 0);
  CHECK(errno_of([&] { read_at(file, bytes.data(), bytes.size(), 0, "short"); }) == EIO);
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
