// SPDX-License-Identifier: MIT
#include "vfio/kernel_function.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "fake_kernel.h"
#include "support.h"
#include "syscalls_hook.h"
#include "uapi/vfio.h"
#include "vfio/type1/address_space.h"

using namespace vfio;
using namespace vfio::testing;

namespace {

const Address kAddress = Address::parse("0000:01:00.0");

void attach_without_limits(const std::function<void()>& step, const std::function<void()>&) {
  step();
}

/// An open device of the fake kernel.
struct Fixture {
  FakeKernel kernel;
  std::unique_ptr<AddressSpaceBackend> space = open_type1();
  std::unique_ptr<FunctionBackend> function = space->open({kAddress}, 12, attach_without_limits);
};

bool is_readable(int fd) {
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, 0) == 1;
}

std::vector<std::uint32_t> words(const std::vector<std::uint8_t>& bytes) {
  std::vector<std::uint32_t> result(bytes.size() / 4);
  std::memcpy(result.data(), bytes.data(), result.size() * 4);
  return result;
}

IrqRequest irq_request(std::uint32_t index, std::uint32_t start, std::uint32_t count,
                       IrqRequest::Data data, IrqRequest::Action action,
                       std::vector<int> fds = {}) {
  return {.index = index,
          .start = start,
          .count = count,
          .data = data,
          .action = action,
          .fds = std::move(fds)};
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "regions keep their numbers past one that is absent") {
  CHECK(function->info().num_regions == 10);
  CHECK(function->region(VFIO_PCI_CONFIG_REGION_INDEX)->size == 0x1000);
  CHECK_FALSE(function->region(VFIO_PCI_VGA_REGION_INDEX));
  const auto own = function->region(9);
  REQUIRE(own);
  CHECK(own->index == 9);
  CHECK(own->type == 0x80008086);
  CHECK(own->mappable.empty());
  CHECK_FALSE(function->region(10));
  CHECK(function->region(1)->size == 0);
}

TEST_CASE_FIXTURE(Fixture, "the capabilities of a region are read, however long they are") {
  CHECK(function->region(0)->mappable.size() == 1);
  const auto sparse = function->region(2);
  REQUIRE(sparse->mappable.size() == 2);
  CHECK(sparse->mappable[1].begin == 0x4000);
  CHECK(sparse->mappable[1].size == 0x4000);
  CHECK(function->region(4)->mappable.empty());
}

TEST_CASE("a kernel whose answers never settle is given up") {
  FakeKernel kernel;
  const auto space = open_type1();
  kernel.asks_for_more = 8;
  CHECK(code_of([&] { space->open({kAddress}, 12, attach_without_limits); }) ==
        ErrorCode::kProtocol);
}

TEST_CASE("F21/ an answer of gigabytes is refused before there is memory for it") {
  FakeKernel kernel;
  const auto space = open_type1();
  kernel.asks_for_more = 0x80000000;
  CHECK(code_of([&] { space->open({kAddress}, 12, attach_without_limits); }) ==
        ErrorCode::kProtocol);
  CHECK(count_syscalls("VFIO_DEVICE_GET_INFO") == 1);
}

TEST_CASE("a device on another bus is refused") {
  FakeKernel kernel;
  kernel.device_flags = VFIO_DEVICE_FLAGS_RESET;
  const auto space = open_type1();
  const std::size_t before = open_descriptors();
  CHECK(code_of([&] { space->open({kAddress}, 12, attach_without_limits); }) ==
        ErrorCode::kUnsupported);
  CHECK(open_descriptors() == before);
}

TEST_CASE("a device without the kernel's own interrupts is opened, and says nothing") {
  FakeKernel kernel;
  kernel.num_irqs = 3;
  const auto space = open_type1();
  const auto function = space->open({kAddress}, 12, attach_without_limits);
  CHECK(kernel.armed_eventfds() == 0);
  kernel.raise(VFIO_PCI_REQ_IRQ_INDEX);
  CHECK_FALSE(is_readable(function->change_fd()));
  CHECK_FALSE(function->take_change().requested);
}

TEST_CASE("F21/ a device that claims more regions or interrupts than there can be is refused") {
  FakeKernel kernel;
  const auto space = open_type1();
  const auto open = [&] { space->open({kAddress}, 12, attach_without_limits); };
  const std::size_t before = open_descriptors();
  kernel.num_regions = 0xffffffff;
  CHECK(code_of(open) == ErrorCode::kProtocol);
  CHECK(count_syscalls("VFIO_DEVICE_GET_REGION_INFO") == 0);
  kernel.num_regions = 10;
  kernel.num_irqs = 0xffffffff;
  CHECK(code_of(open) == ErrorCode::kProtocol);
  CHECK(count_syscalls("VFIO_DEVICE_GET_IRQ_INFO") == 0);
  CHECK(open_descriptors() == before);
}

TEST_CASE("F21/ an answer for another region is refused") {
  FakeKernel kernel;
  kernel.mixes_up_regions = true;
  const auto space = open_type1();
  CHECK(code_of([&] { space->open({kAddress}, 12, attach_without_limits); }) ==
        ErrorCode::kProtocol);
}

TEST_CASE_FIXTURE(Fixture, "interrupt kinds are read, absent ones kept absent") {
  CHECK(function->irq(VFIO_PCI_MSIX_IRQ_INDEX)->count == 8);
  CHECK(function->irq(VFIO_PCI_ERR_IRQ_INDEX));
  CHECK_FALSE(function->irq(5));
}

TEST_CASE_FIXTURE(Fixture, "an access is one call of its width at the region's place in the file") {
  for (const unsigned width : {1U, 2U, 4U, 8U}) {
    CAPTURE(width);
    const unsigned before = count_syscalls("pread") + count_syscalls("pwrite");
    function->write(4, 16, width, 0x1122334455667788);
    const std::uint64_t mask = width == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << 8 * width) - 1;
    CHECK(function->read(4, 16, width) == (0x1122334455667788 & mask));
    CHECK(count_syscalls("pread") + count_syscalls("pwrite") == before + 2);
  }
  kernel.poke(FakeKernel::region_offset(7) + 0x10, 0xdeadbeef);
  CHECK(function->read(7, 0x10, 4) == 0xdeadbeef);
  CHECK(function->read(7, 0x12, 2) == 0xdead);
}

TEST_CASE_FIXTURE(Fixture, "the register of a BAR says whether it is I/O ports or prefetchable") {
  for (std::uint32_t index = 0; index < 10; ++index) {
    CAPTURE(index);
    const auto region = function->region(index);
    if (!region) continue;
    CHECK(region->io_ports == (index == 5));
    CHECK(region->prefetchable == (index == 2));
  }
}

TEST_CASE("a register that no BAR stands behind tells nothing") {
  FakeKernel kernel;
  const auto space = open_type1();
  const unsigned before = count_syscalls("pread");
  const auto function = space->open({.address = kAddress}, 12, attach_without_limits);
  // The reads of BARs 0, 2, 4 and 5, and the check that the device answers.
  CHECK(count_syscalls("pread") == before + 5);
}

TEST_CASE_FIXTURE(Fixture, "8 bytes are refused wherever the kernel makes two accesses of them") {
  kernel.poke(FakeKernel::region_offset(5), 0x11111111);
  for (const std::uint32_t region : {5U, 7U, 9U}) {
    CAPTURE(region);
    const unsigned before = count_syscalls("pread") + count_syscalls("pwrite");
    CHECK(code_of([&] { function->read(region, 0, 8); }) == ErrorCode::kUnsupported);
    CHECK(code_of([&] { function->write(region, 0, 8, 0); }) == ErrorCode::kUnsupported);
    CHECK(count_syscalls("pread") + count_syscalls("pwrite") == before);
  }
  CHECK(function->read(5, 0, 4) == 0x11111111);
}

TEST_CASE("8 bytes of a BAR are one access since a certain Linux") {
  FakeKernel kernel;
#if defined(__x86_64__)
  const char* const last_without = "6.13.12-generic";
  const char* const first_with = "6.14.0-rc1";
#else
  const char* const last_without = "6.10.14-generic";
  const char* const first_with = "6.11.0-rc1";
#endif
  const auto reads = [&](const char* release) {
    kernel.release = release;
    const auto function = open_type1()->open({.address = kAddress}, 12, attach_without_limits);
    return code_of([&] { function->read(4, 0, 8); }) == std::nullopt;
  };
  for (const char* release :
       {"6.1.0-26-amd64", last_without, "5.19", "6", "6.", "", "six.eleven", "7-14.0", "7 14"}) {
    CAPTURE(release);
    CHECK_FALSE(reads(release));
  }
  for (const char* release : {first_with, "6.100.1", "7.3.0-lab", "10.0"}) {
    CAPTURE(release);
    CHECK(reads(release));
  }
}

TEST_CASE("a kernel that does not say its name is not opened on") {
  FakeKernel kernel;
  const auto space = open_type1();
  fail_syscall(1, EFAULT, "uname");
  CHECK(errno_of([&] { space->open({.address = kAddress}, 12, attach_without_limits); }) == EFAULT);
}

TEST_CASE_FIXTURE(Fixture,
                  "an access that the kernel would tear, or that lies outside, is refused") {
  CHECK(code_of([&] { function->read(7, 0, 8); }) == ErrorCode::kUnsupported);
  CHECK(code_of([&] { function->read(4, 2, 4); }) == ErrorCode::kAlign);
  CHECK(code_of([&] { function->read(4, 0x100, 1); }) == ErrorCode::kRange);
  CHECK(code_of([&] { function->write(4, 0xf8 + 8, 8, 0); }) == ErrorCode::kRange);
  CHECK(code_of([&] { function->read(4, ~std::uint64_t{0} - 7, 8); }) == ErrorCode::kRange);
  CHECK(code_of([&] { function->read(1, 0, 1); }) == ErrorCode::kRange);
  CHECK(code_of([&] { function->read(8, 0, 1); }) == ErrorCode::kRange);
  CHECK(code_of([&] { function->read(99, 0, 1); }) == ErrorCode::kRange);
}

TEST_CASE_FIXTURE(Fixture, "a failed access says which, and on what") {
  fail_syscall(1, EIO, "pread");
  try {
    function->read(4, 0, 4);
    FAIL("it read");
  } catch (const sys::SysError& error) {
    CHECK(error.error() == EIO);
    CHECK(error.syscall() == "pread");
    CHECK(error.path() == "0000:01:00.0");
  }
  fail_syscall(1, EINTR, "pwrite");
  function->write(4, 0, 4, 7);
  CHECK(syscall_failed());
}

TEST_CASE_FIXTURE(Fixture, "a mapped area is the region's memory at that place") {
  const auto region = function->region(2);
  const auto mapping = function->map(*region, region->mappable[1]);
  REQUIRE(mapping);
  CHECK(mapping->size() == 0x4000);
  mapping->data()[8] = 42;
  CHECK(function->read(2, 0x4008, 1) == 42);
}

TEST_CASE_FIXTURE(Fixture, "where mmap says EINVAL only read and write will do") {
  const auto region = function->region(0);
  fail_syscall(1, EINVAL, "mmap");
  CHECK_FALSE(function->map(*region, region->mappable[0]));
  fail_syscall(1, ENOMEM, "mmap");
  CHECK(errno_of([&] { function->map(*region, region->mappable[0]); }) == ENOMEM);
}

TEST_CASE_FIXTURE(Fixture, "interrupt requests have the kernel's form") {
  using Data = IrqRequest::Data;
  using Action = IrqRequest::Action;
  CHECK(function->set_irqs(irq_request(2, 1, 3, Data::kEventFd, Action::kTrigger, {5, -1, 7})) ==
        0);
  CHECK(words(kernel.last_irq_set) ==
        std::vector<std::uint32_t>{32, 0x24, 2, 1, 3, 5, 0xffffffff, 7});
  function->set_irqs(irq_request(2, 0, 0, Data::kNone, Action::kTrigger));
  CHECK(words(kernel.last_irq_set) == std::vector<std::uint32_t>{20, 0x21, 2, 0, 0});
  function->set_irqs(irq_request(0, 0, 1, Data::kNone, Action::kUnmask));
  CHECK(words(kernel.last_irq_set) == std::vector<std::uint32_t>{20, 0x11, 0, 0, 1});
  function->set_irqs(irq_request(0, 0, 1, Data::kNone, Action::kMask));
  CHECK(words(kernel.last_irq_set) == std::vector<std::uint32_t>{20, 0x09, 0, 0, 1});
  kernel.set_irqs_result = 3;
  CHECK(function->set_irqs(
            irq_request(2, 0, 8, Data::kEventFd, Action::kTrigger, std::vector<int>(8, -1))) == 3);
}

TEST_CASE_FIXTURE(Fixture, "what the kernel announces makes one descriptor readable, once") {
  REQUIRE(function->change_fd() >= 0);
  CHECK_FALSE(is_readable(function->change_fd()));
  kernel.raise(VFIO_PCI_REQ_IRQ_INDEX);
  CHECK(is_readable(function->change_fd()));
  Change change = function->take_change();
  CHECK(change.requested);
  CHECK_FALSE(change.fault);
  CHECK_FALSE(is_readable(function->change_fd()));
  kernel.raise(VFIO_PCI_ERR_IRQ_INDEX);
  change = function->take_change();
  CHECK(change.fault);
  CHECK_FALSE(change.requested);
}

TEST_CASE("a device that announces no errors still asks to be returned") {
  FakeKernel kernel;
  kernel.has_err = false;
  const auto space = open_type1();
  const auto function = space->open({kAddress}, 12, attach_without_limits);
  CHECK_FALSE(function->irq(VFIO_PCI_ERR_IRQ_INDEX));
  CHECK(kernel.armed_eventfds() == 1);
  kernel.raise(VFIO_PCI_REQ_IRQ_INDEX);
  CHECK(function->take_change().requested);
}

TEST_CASE("an announcement that cannot be armed is done without") {
  FakeKernel kernel;
  const auto space = open_type1();
  fail_syscall(1, EINVAL, "VFIO_DEVICE_SET_IRQS");
  const auto function = space->open({kAddress}, 12, attach_without_limits);
  CHECK(syscall_failed());
  CHECK(kernel.armed_eventfds() == 1);
  CHECK_FALSE(function->take_change().fault);
}

namespace {

constexpr std::uint64_t kConfig = FakeKernel::region_offset(VFIO_PCI_CONFIG_REGION_INDEX);

template <typename Work>
bool is_lost(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.code() == ErrorCode::kLost;
  }
  return false;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "F4/ a device that is gone is noticed when config space reads all ones") {
  kernel.poke(kConfig + 4, ~0U);
  CHECK(function->read(VFIO_PCI_CONFIG_REGION_INDEX, 4, 2) == 0xffff);
  CHECK_FALSE(function->take_change().lost);
  kernel.vanish();
  CHECK(function->read(VFIO_PCI_CONFIG_REGION_INDEX, 0, 2) != 0xffff);
  CHECK_FALSE(is_readable(function->change_fd()));
  for (const unsigned width : {1, 2, 4}) {
    CHECK(is_lost([&] { function->read(VFIO_PCI_CONFIG_REGION_INDEX, 4, width); }));
    CHECK(is_readable(function->change_fd()));
    CHECK(function->take_change().lost);
  }
  CHECK_FALSE(function->take_change().lost);
}

TEST_CASE_FIXTURE(Fixture,
                  "F4/ a device that is gone is noticed when the kernel announces something") {
  kernel.vanish();
  kernel.raise(VFIO_PCI_REQ_IRQ_INDEX);
  const Change change = function->take_change();
  CHECK(change.requested);
  CHECK(change.lost);
}

TEST_CASE_FIXTURE(Fixture,
                  "F4/ a device that is gone is noticed after its reset, however that ended") {
  kernel.vanish();
  CHECK(is_lost([&] { function->reset(); }));
  fail_syscall(1, EINVAL, "VFIO_DEVICE_RESET");
  CHECK(is_lost([&] { function->reset(); }));
  CHECK(function->take_change().lost);
}

TEST_CASE_FIXTURE(Fixture, "F4/ a device that is gone is told once, whoever found it out") {
  kernel.vanish();
  CHECK(is_lost([&] { function->reset(); }));
  kernel.raise(VFIO_PCI_REQ_IRQ_INDEX);
  CHECK(function->take_change().lost);
  CHECK_FALSE(is_readable(function->change_fd()));
}

TEST_CASE_FIXTURE(Fixture, "F4/ a device whose config space cannot even be read is gone") {
  kernel.raise(VFIO_PCI_ERR_IRQ_INDEX);
  fail_syscall(1, EIO, "pread");
  const Change change = function->take_change();
  CHECK(change.fault);
  CHECK(change.lost);
}

TEST_CASE("F4/ a device that does not answer is not opened, and nothing stays open") {
  FakeKernel kernel;
  const auto space = open_type1();
  kernel.vanish();
  const auto before = open_descriptors();
  CHECK(is_lost([&] { space->open({kAddress}, 12, attach_without_limits); }));
  CHECK(open_descriptors() == before);
  CHECK(kernel.armed_eventfds() == 0);
}

TEST_CASE_FIXTURE(Fixture, "closing disarms, and closes the device last") {
  trace_syscalls();
  function.reset();
  CHECK(kernel.armed_eventfds() == 0);
  const auto trace = take_trace();
  REQUIRE(trace.size() == 7);
  CHECK(trace[0] == "ioctl VFIO_DEVICE_SET_IRQS = 0");
  CHECK(trace[1] == "ioctl VFIO_DEVICE_SET_IRQS = 0");
  for (std::size_t i = 2; i < 7; ++i) CHECK(trace[i] == "close = 0");
  space->detach(kAddress, 12);
}

TEST_CASE_FIXTURE(Fixture, "reset is the kernel's") {
  function->reset();
  CHECK(kernel.resets == 1);
  fail_syscall(1, EINVAL, "VFIO_DEVICE_RESET");
  CHECK(errno_of([&] { function->reset(); }) == EINVAL);
}

namespace {

/// The slot of 0000:01:00.0, with a device of another group.
std::vector<vfio_pci_dependent_device> slot_of_three() {
  return {{.group_id = 12, .segment = 0, .bus = 1, .devfn = 0},
          {.group_id = 12, .segment = 0, .bus = 1, .devfn = 1},
          {.group_id = 13, .segment = 0x10, .bus = 0xa2, .devfn = (0x1f << 3) | 7}};
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "what a hot reset takes along is asked for with enough space") {
  CHECK(function->hot_reset_info().empty());  // ENODEV: no bridge above it could reset it
  kernel.slot = slot_of_three();
  const auto affected = function->hot_reset_info();
  REQUIRE(affected.size() == 3);
  CHECK(affected[0].address == kAddress);
  CHECK(affected[1].address.text() == "0000:01:00.1");
  CHECK(affected[2].address.text() == "0010:a2:1f.7");
  CHECK(affected[2].group == 13);
  kernel.asks_for_more = 8;
  CHECK(code_of([&] { function->hot_reset_info(); }) == ErrorCode::kProtocol);
}

TEST_CASE_FIXTURE(Fixture,
                  "a hot reset comes with the groups, and is tried again while contended") {
  kernel.slot = slot_of_three();
  kernel.hot_resets_refused = 3;
  space->hold_group(13, std::nullopt, attach_without_limits);
  std::vector<sys::UniqueFd> groups;
  groups.push_back(space->group_descriptor(12));
  CHECK(errno_of([&] { function->hot_reset(groups); }) == EINVAL);
  groups.push_back(space->group_descriptor(13));
  function->hot_reset(groups);
  REQUIRE(kernel.hot_resets.size() == 1);
  CHECK(kernel.hot_resets[0] == std::vector<int>{12, 13});
  fail_syscall(1, EAGAIN, "ioctl");
  function->hot_reset(groups);
  CHECK(kernel.hot_resets.size() == 2);
  kernel.hot_resets_refused = 1000;
  CHECK(errno_of([&] { function->hot_reset(groups); }) == EBUSY);
  space->release_group(13);
  CHECK_FALSE(space->group_descriptor(13).valid());
}
