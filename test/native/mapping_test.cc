// SPDX-License-Identifier: MIT
#include "sys/mapping.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>
#include <vector>

#include "support.h"
#include "sys/unique_fd.h"
#include "syscalls_hook.h"

using vfio::sys::Mapping;
using vfio::sys::page_size;
using vfio::sys::UniqueFd;
using namespace vfio::testing;

namespace {

UniqueFd make_file(std::size_t size) {
  UniqueFd file(::memfd_create("test", MFD_CLOEXEC));
  REQUIRE(::ftruncate(file.get(), static_cast<off_t>(size)) == 0);
  return file;
}

/// The flags of the VMA at an address, as smaps abbreviates them. Empty if nothing is mapped there.
std::string vm_flags(const void* address) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long begin = 0;
    unsigned long end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      inside = begin <= wanted && wanted < end;
    } else if (inside && line.starts_with("VmFlags:")) {
      return line + " ";
    }
  }
  return {};
}

bool has_flag(const void* address, const std::string& flag) {
  return vm_flags(address).find(" " + flag + " ") != std::string::npos;
}

/// Whether each page is present and exclusive, unlike the shared zero page.
bool has_own_pages(const Mapping& mapping) {
  const UniqueFd file(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  std::vector<std::uint64_t> entries(mapping.size() / page_size());
  const auto first = reinterpret_cast<std::uintptr_t>(mapping.data()) / page_size();
  const std::size_t size = entries.size() * sizeof(std::uint64_t);
  REQUIRE(::pread(file.get(), entries.data(), size,
                  static_cast<off_t>(first * sizeof(std::uint64_t))) == static_cast<ssize_t>(size));
  constexpr std::uint64_t kOwn = std::uint64_t{1} << 63 | std::uint64_t{1} << 56;
  return std::all_of(entries.begin(), entries.end(),
                     [](std::uint64_t entry) { return (entry & kOwn) == kOwn; });
}

bool is_zero(const Mapping& mapping) {
  return std::all_of(mapping.data(), mapping.data() + mapping.size(),
                     [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

TEST_CASE("F16/ a file is mapped shared and not inherited over fork") {
  const UniqueFd file = make_file(2 * page_size());
  const Mapping mapping = Mapping::of_file(file.get(), static_cast<off_t>(page_size()), page_size(),
                                           PROT_READ | PROT_WRITE, "test");
  mapping.data()[0] = 42;
  std::uint8_t byte = 0;
  CHECK(::pread(file.get(), &byte, 1, static_cast<off_t>(page_size())) == 1);
  CHECK(byte == 42);
  CHECK(has_flag(mapping.data(), "dc"));
}

TEST_CASE("a mapping ends with its value, and moves") {
  const UniqueFd file = make_file(page_size());
  const auto map = [&] { return Mapping::of_file(file.get(), 0, page_size(), PROT_READ, "test"); };
  const void* address = nullptr;
  {
    Mapping mapping = map();
    address = mapping.data();
    const Mapping moved = std::move(mapping);
    CHECK(moved.data() == address);
    CHECK(mapping.data() == nullptr);  // NOLINT(bugprone-use-after-move): that is the question
    CHECK_FALSE(vm_flags(address).empty());
  }
  reset_syscalls();
  Mapping first = map();
  first = map();
  CHECK(count_syscalls("munmap") == 1);
}

TEST_CASE("F22/ a mapping that fails says on what, and leaves nothing") {
  const UniqueFd file = make_file(page_size());
  const auto map = [&] { Mapping::of_file(file.get(), 0, page_size(), PROT_READ, "test"); };
  reset_syscalls();
  fail_syscall(1, EINVAL, "mmap");
  CHECK(errno_of(map) == EINVAL);
  fail_syscall(1, EINVAL, "madvise");  // DONTFORK is not only advice
  CHECK(errno_of(map) == EINVAL);
  CHECK(count_syscalls("munmap") == 1);
  reset_syscalls();
}

TEST_CASE("F16/ DMA memory is zeroed, aligned, and neither inherited nor dumped") {
  const std::size_t sizes[] = {page_size(), 3 * page_size(), std::size_t{2} << 20,
                               (std::size_t{3} << 20) + page_size()};
  for (const std::size_t size : sizes) {
    for (const std::size_t alignment : {page_size(), std::size_t{1} << 16, std::size_t{4} << 20}) {
      CAPTURE(size);
      CAPTURE(alignment);
      const Mapping mapping = Mapping::of_memory(size, alignment);
      const bool huge = size >= std::size_t{2} << 20;
      const std::size_t expected = huge ? std::max(alignment, std::size_t{2} << 20) : alignment;
      CHECK(reinterpret_cast<std::uintptr_t>(mapping.data()) % expected == 0);
      CHECK(mapping.size() == size);
      CHECK(is_zero(mapping));
      CHECK(has_flag(mapping.data(), "dc"));
      CHECK(has_flag(mapping.data(), "dd"));
      std::fill_n(mapping.data(), size, std::uint8_t{0xff});
    }
  }
}

TEST_CASE("DMA memory does without advice, but not without DONTFORK") {
  reset_syscalls();
  fail_syscall(2, EINVAL, "madvise");
  CHECK(Mapping::of_memory(page_size(), page_size()).data() != nullptr);
  CHECK(syscall_failed());
  fail_syscall(1, EINVAL, "madvise");
  CHECK(errno_of([] { Mapping::of_memory(page_size(), page_size()); }) == EINVAL);
  reset_syscalls();
}

TEST_CASE("memory that is populated has a page of its own everywhere, and keeps what is in it") {
  for (const int error : {0, EINVAL}) {
    CAPTURE(error);
    Mapping mapping = Mapping::of_memory(4 * page_size(), page_size());
    mapping.data()[page_size()] = 42;
    CHECK(mapping.data()[0] == 0);  // read, so that the zero page is mapped
    CHECK_FALSE(has_own_pages(mapping));
    reset_syscalls();
    if (error != 0) fail_syscall(1, error, "madvise");  // as before Linux 5.14
    mapping.populate();
    reset_syscalls();
    CHECK(mapping.data()[page_size()] == 42);
    CHECK(has_own_pages(mapping));
  }
  Mapping mapping = Mapping::of_memory(page_size(), page_size());
  fail_syscall(1, ENOMEM, "madvise");
  CHECK(errno_of([&] { mapping.populate(); }) == ENOMEM);
  reset_syscalls();
}

TEST_CASE("DMA memory gives back all that it took for alignment") {
  reset_syscalls();
  const std::size_t before = mapped_bytes();
  for (int i = 0; i < 100; ++i) {
    const Mapping memory = Mapping::of_memory(page_size(), std::size_t{1} << 30);
    CHECK(mapped_bytes() == before + page_size());
  }
  CHECK(mapped_bytes() == before);
  CHECK(errno_of([] { Mapping::of_memory(~std::size_t{0} - 1, std::size_t{1} << 30); }) == ENOMEM);
  CHECK(errno_of([] { Mapping::of_memory(0, page_size()); }) == EINVAL);
  for (const unsigned nth : {1U, 2U}) {
    fail_syscall(nth, ENOMEM, "munmap");
    const int error = errno_of([] { Mapping::of_memory(page_size(), std::size_t{1} << 30); });
    // If the front happens to be aligned, the second munmap is the one of the destructor.
    CHECK((error == ENOMEM || nth == 2));
  }
  reset_syscalls();
}

TEST_CASE("a tombstone is writable zeros that hold nothing") {
  const UniqueFd file = make_file(2 * page_size());
  Mapping mapping = Mapping::of_file(file.get(), 0, 2 * page_size(), PROT_READ, "test");
  const std::uint8_t* const before = mapping.data();
  const std::uint8_t byte = 42;
  REQUIRE(::pwrite(file.get(), &byte, 1, 0) == 1);
  REQUIRE(mapping.data()[0] == 42);
  mapping.tombstone();
  CHECK(mapping.data() == before);
  CHECK(mapping.size() == 2 * page_size());
  CHECK(is_zero(mapping));
  mapping.data()[0] = 7;
  std::uint8_t in_file = 0;
  CHECK(::pread(file.get(), &in_file, 1, 0) == 1);
  CHECK(in_file == 42);
  CHECK(::ftruncate(file.get(), 0) == 0);
  CHECK(mapping.data()[0] == 7);
  Mapping().tombstone();
}

TEST_CASE("a tombstone is one although the kernel refuses private memory") {
  const UniqueFd file = make_file(2 * page_size());
  Mapping mapping =
      Mapping::of_file(file.get(), 0, 2 * page_size(), PROT_READ | PROT_WRITE, "test");
  mapping.data()[0] = 42;
  reset_syscalls();
  fail_syscall(1, ENOMEM, "mmap");
  mapping.tombstone();
  CHECK(syscall_failed());
  CHECK(is_zero(mapping));
  mapping.data()[0] = 7;
  std::uint8_t in_file = 0;
  CHECK(::pread(file.get(), &in_file, 1, 0) == 1);
  CHECK(in_file == 42);
  CHECK(count_syscalls("close") == 1);
  reset_syscalls();
}

TEST_CASE("the pages of another mapping move to this place, and leave nothing to unmap at theirs") {
  const UniqueFd file = make_file(page_size());
  const std::uint8_t byte = 42;
  REQUIRE(::pwrite(file.get(), &byte, 1, 0) == 1);
  Mapping place = Mapping::of_memory(page_size(), page_size());
  const std::uint8_t* const before = place.data();
  reset_syscalls();
  place.replace_with(Mapping::of_file(file.get(), 0, page_size(), PROT_READ, "test"));
  CHECK(place.data() == before);
  CHECK(place.data()[0] == 42);
  // Another thread may have mapped something there already.
  CHECK(count_syscalls("munmap") == 0);
}

TEST_CASE("a region of part of a page is mapped and tombstoned with all of it") {
  const UniqueFd file = make_file(page_size());
  Mapping mapping = Mapping::of_file(file.get(), 0, 0x100, PROT_READ | PROT_WRITE, "test");
  CHECK(mapping.size() == 0x100);
  mapping.data()[0] = 1;
  mapping.tombstone();
  CHECK(is_zero(mapping));
}
