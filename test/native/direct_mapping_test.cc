// SPDX-License-Identifier: MIT
// Unguarded stores to a memfd that is truncated, which raises SIGBUS like a BAR without memory
// decode.
#include "sys/direct_mapping.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include "support.h"
#include "sys/guarded.h"
#include "sys/syscalls.h"
#include "sys/unique_fd.h"
#include "syscalls_hook.h"

using vfio::sys::DirectMapping;
using vfio::sys::guarded_load;
using vfio::sys::Mapping;
using vfio::sys::page_size;
using vfio::sys::UniqueFd;
using namespace vfio::testing;

namespace {

/// Pages of registers that can be switched off and on.
class Registers final {
 public:
  Registers() : file_(::memfd_create("registers", MFD_CLOEXEC)) {
    set_on(true);
    vfio::sys::install_bus_error_handler();
  }
  void set_on(bool on) {
    REQUIRE(::ftruncate(file_.get(), on ? static_cast<off_t>(kPages * page_size()) : 0) == 0);
  }
  Mapping map(std::size_t pages = 1) const {
    return Mapping::of_file(file_.get(), 0, pages * page_size(), PROT_READ | PROT_WRITE, "test");
  }
  std::uint8_t first() const {
    std::uint8_t byte = 0;
    REQUIRE(::pread(file_.get(), &byte, 1, 0) == 1);
    return byte;
  }

 private:
  static constexpr std::size_t kPages = 3;

  UniqueFd file_;
};

/// Stores like compiled code that knows nothing of devices. The processor's own store is atomic, so
/// two of them at once are not a data race, as they would be in C++.
void store(const DirectMapping& page, std::uint8_t value) {
  __atomic_store_n(static_cast<std::uint8_t*>(page.data()), value, __ATOMIC_RELAXED);
}

}  // namespace

TEST_CASE("F2/ a store to a direct mapping reaches the registers") {
  const Registers registers;
  const auto page = DirectMapping::make(registers.map());
  store(*page, 42);
  CHECK(registers.first() == 42);
  CHECK_FALSE(page->is_lost());
}

TEST_CASE("F2/ a store that the device does not take is lost, until the page is restored") {
  Registers registers;
  const auto page = DirectMapping::make(registers.map());
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    registers.set_on(false);
    store(*page, 1);
    CHECK(page->is_lost());
    registers.set_on(true);
    store(*page, 2);
    CHECK(registers.first() == 0);
    const std::uint8_t* const before = page->data();
    page->restore(registers.map());
    CHECK(page->data() == before);
    CHECK_FALSE(page->is_lost());
    store(*page, 3);
    CHECK(registers.first() == 3);
  }
}

TEST_CASE("F2/ a bus error of one page takes all pages of the mapping, and all are restored") {
  Registers registers;
  const auto direct = DirectMapping::make(registers.map(3));
  const auto at = [&](std::size_t page) { return direct->data() + page * page_size(); };
  __atomic_store_n(at(1), 7, __ATOMIC_RELAXED);
  registers.set_on(false);
  CHECK(__atomic_load_n(at(2), __ATOMIC_RELAXED) == 0);
  CHECK(direct->is_lost());
  registers.set_on(true);
  store(*direct, 1);
  CHECK(registers.first() == 0);
  direct->restore(registers.map(3));
  store(*direct, 2);
  CHECK(registers.first() == 2);
  const auto end = reinterpret_cast<std::uintptr_t>(at(3));
  CHECK_FALSE(vfio::sys::give_up_direct_mapping(end));
  CHECK(vfio::sys::give_up_direct_mapping(end - 1));
}

TEST_CASE("F2/ a page that is restored while the device is still off is lost again") {
  Registers registers;
  const auto page = DirectMapping::make(registers.map());
  registers.set_on(false);
  store(*page, 1);
  page->restore(registers.map());
  store(*page, 1);
  CHECK(page->is_lost());
}

TEST_CASE("F2/ a page that is given up loses stores, whatever the device does") {
  Registers registers;
  const auto page = DirectMapping::make(registers.map());
  page->give_up();
  page->give_up();
  store(*page, 1);
  CHECK(page->is_lost());
  CHECK(registers.first() == 0);
  page->restore(registers.map());
  store(*page, 2);
  CHECK(registers.first() == 2);
  // The same after a bus error that did not lose the page.
  CHECK(vfio::sys::give_up_direct_mapping(reinterpret_cast<std::uintptr_t>(page->data())));
  page->give_up();
  CHECK(page->is_lost());
}

TEST_CASE("F2/ a restore that fails leaves the page lost, and nothing else") {
  Registers registers;
  const auto page = DirectMapping::make(registers.map());
  registers.set_on(false);
  store(*page, 1);
  registers.set_on(true);
  reset_syscalls();
  fail_syscall(1, ENOMEM, "mremap");
  CHECK(errno_of([&] { page->restore(registers.map()); }) == ENOMEM);
  CHECK(count_syscalls("munmap") == 1);
  reset_syscalls();
  CHECK(page->is_lost());
  page->restore(registers.map());
  store(*page, 4);
  CHECK(registers.first() == 4);
}

TEST_CASE("F2/ one bus error that was over when the store was tried again is none") {
  Registers registers;
  const auto page = DirectMapping::make(registers.map());
  const auto address = reinterpret_cast<std::uintptr_t>(page->data());
  for (int round = 0; round < 3; ++round) {
    CHECK(vfio::sys::give_up_direct_mapping(address));  // as a late signal does
    CHECK_FALSE(page->is_lost());
    store(*page, 5);
    CHECK(registers.first() == 5);
  }
  CHECK_FALSE(vfio::sys::give_up_direct_mapping(0));
  CHECK_FALSE(vfio::sys::give_up_direct_mapping(address + page_size()));
}

TEST_CASE("F2/ guarded accesses beside a lost page see the registers") {
  Registers registers;
  const auto page = DirectMapping::make(registers.map());
  const Mapping window = registers.map();
  registers.set_on(false);
  store(*page, 1);
  std::uint32_t value = 7;
  CHECK_FALSE(guarded_load(reinterpret_cast<volatile std::uint32_t*>(window.data()), value));
  registers.set_on(true);
  CHECK(guarded_load(reinterpret_cast<volatile std::uint32_t*>(window.data()), value));
  CHECK(value == 0);
}

TEST_CASE(
    "F2/ two threads store while the device goes off and on, and the page is whole at the end") {
  Registers registers;
  const auto page = DirectMapping::make(registers.map());
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!stop) store(*page, 1);
    });
  }
  for (int round = 0; round < 200; ++round) {
    registers.set_on(false);
    registers.set_on(true);
    if (page->is_lost()) page->restore(registers.map());
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  if (page->is_lost()) page->restore(registers.map());
  store(*page, 9);
  CHECK(registers.first() == 9);
}

TEST_CASE("F2/ a tombstoned page takes stores and keeps the registers from them") {
  const Registers registers;
  const auto page = DirectMapping::make(registers.map());
  page->tombstone();
  store(*page, 42);
  CHECK(registers.first() == 0);
}

TEST_CASE("F2/ there are 256 such pages, and those that ended make room") {
  const Registers registers;
  std::vector<std::shared_ptr<DirectMapping>> pages;
  while (auto page = DirectMapping::make(registers.map())) pages.push_back(std::move(page));
  CHECK(pages.size() == 256);
  pages.pop_back();
  CHECK(DirectMapping::make(registers.map()) != nullptr);
}

TEST_CASE(
    "F2/ a page that is closed makes room although JavaScript keeps it, and a late store is lost") {
  const Registers registers;
  std::vector<std::shared_ptr<DirectMapping>> pages;
  while (auto page = DirectMapping::make(registers.map())) pages.push_back(std::move(page));
  pages.front()->tombstone();
  const auto next = DirectMapping::make(registers.map());
  REQUIRE(next != nullptr);
  CHECK(DirectMapping::make(registers.map()) == nullptr);
  store(*pages.front(), 1);
  CHECK(registers.first() == 0);
  pages.front().reset();
  store(*next, 2);
  CHECK(registers.first() == 2);
  CHECK(DirectMapping::make(registers.map()) == nullptr);
}

TEST_CASE("F2/ a store to a closed page that the kernel had no memory for is lost, too") {
  Registers registers;
  const auto page = DirectMapping::make(registers.map());
  vfio::sys::Syscalls table = vfio::sys::kernel_syscalls();
  table.mmap = [](void*, std::size_t, int, int, int, off_t) {
    errno = ENOMEM;
    return MAP_FAILED;
  };
  forward_syscalls_to(table);
  page->tombstone();
  forward_syscalls_to(vfio::sys::kernel_syscalls());
  registers.set_on(false);
  store(*page, 1);
  registers.set_on(true);
  CHECK(registers.first() == 0);
}

TEST_CASE(
    "F2/ an access is not repeated if the memory in place of a page raises the error itself") {
  Registers registers;
  const auto page = DirectMapping::make(registers.map());
  const auto address = reinterpret_cast<std::uintptr_t>(page->data());
  bool closed = false;
  SUBCASE("after a bus error") { page->give_up(); }
  SUBCASE("after close") {
    page->tombstone();
    closed = true;
  }
  CAPTURE(closed);
  // Another thread may have raised the error before the page was replaced.
  CHECK(vfio::sys::give_up_direct_mapping(address));
  const Mapping other = registers.map();
  REQUIRE(::mremap(other.data(), page_size(), page_size(), MREMAP_MAYMOVE | MREMAP_FIXED,
                   page->data()) != MAP_FAILED);
  registers.set_on(false);
  CHECK_FALSE(vfio::sys::give_up_direct_mapping(address));
}
