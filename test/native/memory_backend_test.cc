// SPDX-License-Identifier: MIT
// Tests that the memory back end behaves like the kernel's back ends; all other tests rely on it.
#include "memory_backend.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <thread>

#include "command_bits.h"
#include "support.h"
#include "sys/file.h"
#include "sys/guarded.h"
#include "uapi/vfio.h"

using namespace vfio;
using namespace vfio::testing;

namespace {

using Data = IrqRequest::Data;
using Action = IrqRequest::Action;

const Address kAddress = Address::parse("0000:00:01.0");

void attach(const std::function<void()>& step, const std::function<void()>&) { step(); }

DeviceSpec spec() {
  return {.bars = {{.size = 0x4000}, {.size = 0}, {.size = 0x100, .mappable = false}},
          .msi = 4,
          .msix = 8};
}

/// An open device.
struct Fixture {
  Machine machine{{spec()}};
  MemoryDevice& device = machine.device("0000:00:01.0");
  std::unique_ptr<AddressSpaceBackend> space = machine.open_container();
  std::unique_ptr<FunctionBackend> function = space->open({kAddress}, 1, attach);

  void set_command(std::uint16_t value) {
    function->write(VFIO_PCI_CONFIG_REGION_INDEX, 4, 2, value);
  }
  int arm(std::uint32_t index, std::vector<int> fds) {
    const auto count = static_cast<std::uint32_t>(fds.size());
    return function->set_irqs({.index = index,
                               .start = 0,
                               .count = count,
                               .data = Data::kEventFd,
                               .action = Action::kTrigger,
                               .fds = std::move(fds)});
  }
  int without_data(std::uint32_t index, std::uint32_t start, std::uint32_t count, Action action) {
    return function->set_irqs({.index = index,
                               .start = start,
                               .count = count,
                               .data = Data::kNone,
                               .action = action,
                               .fds = {}});
  }
};

std::uint64_t drain(const sys::UniqueFd& eventfd) { return sys::drain_eventfd(eventfd.get()); }

}  // namespace

TEST_CASE_FIXTURE(Fixture, "regions are as on a PCI device") {
  CHECK(function->info().flags == (VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET));
  CHECK(function->region(0)->mappable.size() == 1);
  CHECK(function->region(1)->size == 0);
  CHECK(function->region(2)->mappable.empty());
  CHECK_FALSE(function->region(VFIO_PCI_VGA_REGION_INDEX));
  CHECK_FALSE(function->irq(VFIO_PCI_ERR_IRQ_INDEX));
  CHECK(function->irq(VFIO_PCI_MSIX_IRQ_INDEX)->count == 8);
}

TEST_CASE_FIXTURE(Fixture, "a mapped BAR and accesses by read and write are the same registers") {
  const auto mapping = function->map(*function->region(0), {.begin = 0, .size = 0x4000});
  REQUIRE(mapping);
  const std::uint32_t value = 0x12345678;
  std::memcpy(mapping->data() + 8, &value, sizeof value);
  CHECK(function->read(0, 8, 4) == value);
  CHECK(device.peek(0, 8, 4) == value);
  function->write(0, 8, 2, 0xffff);
  CHECK(mapping->data()[8] == 0xff);
  CHECK_FALSE(function->map(*function->region(2), {.begin = 0, .size = 0x100}));
  function->write(2, 0x10, 8, 7);
  CHECK(device.peek(2, 0x10, 8) == 7);
}

TEST_CASE_FIXTURE(Fixture, "configuration space takes writes to the command register only") {
  CHECK(function->read(7, 0, 4) == 0x11e81234);
  function->write(7, 0, 4, 0);
  CHECK(function->read(7, 0, 4) == 0x11e81234);
  set_command(0xffff);
  CHECK(device.command() == 0x0547);
  function->write(7, 5, 1, 0);
  CHECK(device.command() == 0x0047);
  function->write(7, 4, 4, 0xffff0000 | kCommandMemory);
  CHECK(device.command() == kCommandMemory);
  CHECK((function->read(7, 6, 2) & 0x10) != 0);
  CHECK(code_of([&] { function->read(7, 0, 8); }) == ErrorCode::kUnsupported);
}

TEST_CASE_FIXTURE(Fixture, "the capabilities are a list") {
  std::vector<std::uint64_t> found;
  for (auto at = function->read(7, 0x34, 1); at != 0; at = function->read(7, at + 1, 1)) {
    found.push_back(function->read(7, at, 1));
  }
  CHECK(found == std::vector<std::uint64_t>{0x05, 0x11});
}

TEST_CASE_FIXTURE(Fixture, "without memory decode a BAR does not answer, and then it does again") {
  sys::install_bus_error_handler();
  const auto mapping = function->map(*function->region(0), {.begin = 0, .size = 0x4000});
  const auto* reg = reinterpret_cast<const volatile std::uint32_t*>(mapping->data() + 4);
  device.poke(0, 4, 4, 99);
  std::uint32_t value = 0;

  const auto dead = [&] {
    CHECK_FALSE(sys::guarded_load(reg, value));
    CHECK(errno_of([&] { function->read(0, 4, 4); }) == EIO);
    CHECK(errno_of([&] { function->write(0, 4, 4, 1); }) == EIO);
    CHECK(device.peek(0, 4, 4) == 99);
  };
  set_command(0);
  dead();
  set_command(kCommandMemory);
  CHECK(sys::guarded_load(reg, value));
  CHECK(value == 99);

  device.set_decode(false);
  dead();
  set_command(kCommandMemory);
  dead();
  device.set_decode(true);
  CHECK(function->read(0, 4, 4) == 99);
}

TEST_CASE_FIXTURE(Fixture,
                  "a reset forgets the registers, keeps the rest, and no BAR answers meanwhile") {
  sys::install_bus_error_handler();
  const auto eventfd = sys::make_eventfd();
  arm(VFIO_PCI_MSIX_IRQ_INDEX, {eventfd.get()});
  set_command(kCommandMemory | kCommandBusMaster);
  function->write(0, 0, 4, 5);
  device.resetting.hold();
  std::thread resetting([&] { function->reset(); });
  REQUIRE(device.resetting.await_arrival());
  CHECK(errno_of([&] { function->read(0, 0, 4); }) == EIO);
  CHECK(device.resets() == 0);
  device.resetting.release();
  resetting.join();
  CHECK(device.resets() == 1);
  CHECK(function->read(0, 0, 4) == 0);
  CHECK(device.command() == (kCommandMemory | kCommandBusMaster));
  CHECK(device.raise(VFIO_PCI_MSIX_IRQ_INDEX, 0));

  device.resetting.fail_next(EIO);
  CHECK(errno_of([&] { function->reset(); }) == EIO);
  CHECK(function->read(0, 0, 4) == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "MSI and MSI-X are raised through their eventfds, when the device may write") {
  const auto first = sys::make_eventfd();
  const auto third = sys::make_eventfd();
  CHECK(arm(VFIO_PCI_MSIX_IRQ_INDEX, {first.get(), -1, third.get()}) == 0);
  CHECK(device.armed_eventfds() == 2);
  CHECK_FALSE(device.raise(VFIO_PCI_MSIX_IRQ_INDEX, 0));
  set_command(kCommandBusMaster);
  CHECK(device.raise(VFIO_PCI_MSIX_IRQ_INDEX, 0));
  CHECK(device.raise(VFIO_PCI_MSIX_IRQ_INDEX, 0));
  CHECK_FALSE(device.raise(VFIO_PCI_MSIX_IRQ_INDEX, 1));
  CHECK_FALSE(device.raise(VFIO_PCI_MSIX_IRQ_INDEX, 7));
  CHECK_FALSE(device.raise(VFIO_PCI_MSI_IRQ_INDEX, 0));
  CHECK(drain(first) == 2);
  CHECK(drain(third) == 0);
  // A loop-back comes from the kernel, so it needs no bus mastering.
  set_command(0);
  without_data(VFIO_PCI_MSIX_IRQ_INDEX, 2, 1, Action::kTrigger);
  CHECK(drain(third) == 1);

  without_data(VFIO_PCI_MSIX_IRQ_INDEX, 0, 0, Action::kTrigger);
  CHECK(device.armed_eventfds() == 0);
  CHECK(errno_of([&] { without_data(VFIO_PCI_MSIX_IRQ_INDEX, 0, 0, Action::kTrigger); }) == EINVAL);
}

TEST_CASE_FIXTURE(Fixture, "interrupts are refused as the kernel refuses them") {
  const auto eventfd = sys::make_eventfd();
  const auto arming = [&](std::uint32_t index, std::size_t count) {
    return errno_of([&] { arm(index, std::vector<int>(count, eventfd.get())); });
  };
  CHECK(arming(VFIO_PCI_MSIX_IRQ_INDEX, 9) == EINVAL);
  CHECK(arming(VFIO_PCI_ERR_IRQ_INDEX, 1) == EINVAL);
  CHECK(errno_of([&] { arm(VFIO_PCI_MSIX_IRQ_INDEX, {99999}); }) == EBADF);
  CHECK(device.armed_eventfds() == 0);
  CHECK(arming(VFIO_PCI_MSIX_IRQ_INDEX, 2) == 0);
  CHECK(arming(VFIO_PCI_MSIX_IRQ_INDEX, 3) == EINVAL);  // NORESIZE
  CHECK(arming(VFIO_PCI_INTX_IRQ_INDEX, 1) == EINVAL);  // one type at a time
  CHECK(errno_of([&] { without_data(VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, Action::kMask); }) == ENOTTY);
  CHECK(errno_of([&] { without_data(VFIO_PCI_INTX_IRQ_INDEX, 0, 1, Action::kMask); }) == EINVAL);
}

TEST_CASE("where vectors are short, their number is the answer, and none is armed") {
  DeviceSpec poor = spec();
  poor.vectors_to_spare = 3;
  Machine machine({poor});
  const auto space = machine.open_container();
  const auto function = space->open({kAddress}, 1, attach);
  const auto eventfd = sys::make_eventfd();
  IrqRequest request{.index = VFIO_PCI_MSIX_IRQ_INDEX,
                     .start = 0,
                     .count = 8,
                     .data = Data::kEventFd,
                     .action = Action::kTrigger,
                     .fds = std::vector<int>(8, eventfd.get())};
  CHECK(function->set_irqs(request) == 3);
  CHECK(machine.device("0000:00:01.0").armed_eventfds() == 0);
  request.count = 3;
  request.fds.resize(3);
  CHECK(function->set_irqs(request) == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "INTx masks itself, and comes again at each unmask while it is asserted") {
  const auto eventfd = sys::make_eventfd();
  CHECK(arm(VFIO_PCI_INTX_IRQ_INDEX, {eventfd.get()}) == 0);
  CHECK(device.raise(VFIO_PCI_INTX_IRQ_INDEX, 0));
  for (int i = 0; i < 10; ++i) CHECK_FALSE(device.raise(VFIO_PCI_INTX_IRQ_INDEX, 0));
  CHECK(drain(eventfd) == 1);
  without_data(VFIO_PCI_INTX_IRQ_INDEX, 0, 1, Action::kUnmask);
  CHECK(drain(eventfd) == 1);
  device.lower_intx();
  without_data(VFIO_PCI_INTX_IRQ_INDEX, 0, 1, Action::kUnmask);
  CHECK(drain(eventfd) == 0);

  without_data(VFIO_PCI_INTX_IRQ_INDEX, 0, 1, Action::kMask);
  CHECK_FALSE(device.raise(VFIO_PCI_INTX_IRQ_INDEX, 0));
  without_data(VFIO_PCI_INTX_IRQ_INDEX, 0, 1, Action::kUnmask);
  CHECK(drain(eventfd) == 1);
}

TEST_CASE_FIXTURE(Fixture, "the command register's bit holds INTx back") {
  const auto eventfd = sys::make_eventfd();
  set_command(kCommandIntxDisable);
  arm(VFIO_PCI_INTX_IRQ_INDEX, {eventfd.get()});
  CHECK_FALSE(device.raise(VFIO_PCI_INTX_IRQ_INDEX, 0));
  CHECK(drain(eventfd) == 0);
  set_command(0);
  CHECK(drain(eventfd) == 1);
}

TEST_CASE_FIXTURE(Fixture, "the device reads and writes through what is mapped, and nothing else") {
  auto memory = sys::Mapping::of_memory(0x3000, 0x1000);
  space->map(0x10000, memory.data(), 0x1000, Direction::kToDevice);
  space->map(0x11000, memory.data() + 0x1000, 0x2000, Direction::kBoth);
  const std::vector<std::uint8_t> bytes(0x1800, 0x5a);
  const std::string address = "0000:00:01.0";

  CHECK_FALSE(machine.dma_write(address, 0x11000, bytes));
  set_command(kCommandBusMaster);
  CHECK(machine.dma_write(address, 0x11000, bytes));
  CHECK(memory.data()[0x1000 + 0x17ff] == 0x5a);
  CHECK(memory.data()[0x1000 + 0x1800] == 0);
  CHECK(machine.dma_read(address, 0x10800, 0x1000)->back() == 0x5a);
  CHECK(machine.dma_faults() == 0);

  CHECK_FALSE(machine.dma_write(address, 0x10000, bytes));
  CHECK_FALSE(machine.dma_write(address, 0x12000, bytes));
  CHECK_FALSE(machine.dma_read(address, 0x9000, 1));
  space->unmap(0x11000, 0x2000);
  CHECK_FALSE(machine.dma_read(address, 0x11000, 1));
  CHECK(machine.dma_faults() == 4);
}

TEST_CASE_FIXTURE(Fixture, "mappings are refused as type1 refuses them") {
  auto memory = sys::Mapping::of_memory(0x4000, 0x1000);
  const auto map = [&](std::uint64_t iova, std::uint64_t size) {
    return errno_of([&] { space->map(iova, memory.data(), size, Direction::kBoth); });
  };
  CHECK(map(0x10000, 0) == EINVAL);
  CHECK(map(0x10000, 0x800) == EINVAL);
  CHECK(map(0x10800, 0x1000) == EINVAL);
  CHECK(map(0xfee00000, 0x1000) == EINVAL);
  CHECK(map(0xfedff000, 0x2000) == EINVAL);
  CHECK(map(std::uint64_t{1} << 39, 0x1000) == EINVAL);
  CHECK(map(~std::uint64_t{0xfff}, 0x2000) == EINVAL);
  CHECK(map(0xfedff000, 0x1000) == 0);
  CHECK(map(0x10000, 0x2000) == 0);
  CHECK(map(0x11000, 0x2000) == EEXIST);
  CHECK(space->limits().mappings_available == 65533);
  CHECK(machine.mappings(1).at(0x10000).size == 0x2000);

  const auto unmap = [&](std::uint64_t iova, std::uint64_t size) {
    return errno_of([&] { space->unmap(iova, size); });
  };
  CHECK(unmap(0x10000, 0x1000) == EINVAL);
  CHECK(unmap(0x20000, 0x1000) == ENOENT);
  CHECK(unmap(0x10000, 0x2000) == 0);
  machine.mapping.fail_next(ENOMEM);
  CHECK(map(0x10000, 0x1000) == ENOMEM);
}

TEST_CASE_FIXTURE(Fixture, "a mapping overlaps whatever it shares a byte with, and no neighbour") {
  auto memory = sys::Mapping::of_memory(0x1000, 0x1000);
  const auto map = [&](std::uint64_t iova, std::uint64_t size) {
    return errno_of([&] { space->map(iova, memory.data(), size, Direction::kBoth); });
  };
  REQUIRE(map(0x20000, 0x3000) == 0);
  REQUIRE(map(0x30000, 0x1000) == 0);
  CHECK(map(0x20000, 0x1000) == EEXIST);
  CHECK(map(0x22000, 0x2000) == EEXIST);
  CHECK(map(0x1f000, 0x2000) == EEXIST);
  CHECK(map(0x1f000, 0x9000) == EEXIST);
  CHECK(map(0x23000, 0xe000) == EEXIST);
  CHECK(map(0x10000, 0x30000) == EEXIST);
  CHECK(map(0x1f000, 0x1000) == 0);
  CHECK(map(0x23000, 0xd000) == 0);
  CHECK(map(0x31000, 0x1000) == 0);
  CHECK(errno_of([&] { space->unmap(0x21000, 0x1000); }) == EINVAL);
  CHECK(errno_of([&] { space->unmap(0x1e000, 0x1000); }) == ENOENT);
}

TEST_CASE_FIXTURE(Fixture, "a mapping costs about the same beside thirty thousand others") {
  constexpr std::uint64_t kStep = 0x2000;
  constexpr unsigned kTimed = 500;
  auto page = sys::Mapping::of_memory(0x1000, 0x1000);
  std::uint64_t next = 0x100000000;
  const auto map = [&](unsigned count) {
    const std::clock_t start = std::clock();
    for (unsigned i = 0; i < count; ++i, next += kStep) {
      space->map(next, page.data(), page.size(), Direction::kBoth);
    }
    return std::clock() - start;
  };
  map(kTimed);
  const std::clock_t few = map(kTimed);
  map(30'000);
  // A linear list would be thirty times slower by then.
  CHECK(map(kTimed) < 10 * few + CLOCKS_PER_SEC / 1000);
}

TEST_CASE("a group belongs to one container, and its mappings end with the last of it") {
  DeviceSpec other = spec();
  other.address = "0000:00:02.0";
  other.group = 2;
  other.reserved = {{.first = 0x100000, .last = 0x1fffff}};
  Machine machine({spec(), other});
  auto one = machine.open_container();
  const auto two = machine.open_container();
  CHECK(machine.open_containers() == 2);
  CHECK(one->group_of(kAddress) == 1);
  CHECK(errno_of([&] { one->group_of(Address::parse("0000:00:09.0")); }) == ENODEV);
  CHECK_FALSE(one->limits().attached);

  one->hold_group(1, {}, attach);
  CHECK(errno_of([&] { two->open({kAddress}, 1, attach); }) == EBUSY);
  CHECK(one->limits().ranges.size() == 2);
  auto memory = sys::Mapping::of_memory(0x1000, 0x1000);
  one->map(0x100000, memory.data(), 0x1000, Direction::kBoth);
  CHECK(errno_of([&] { one->hold_group(2, {}, attach); }) == EINVAL);
  one->unmap(0x100000, 0x1000);
  one->hold_group(2, {}, attach);
  CHECK(one->limits().ranges.size() == 3);
  one->release_group(2);
  CHECK(one->limits().ranges.size() == 2);

  one->map(0x100000, memory.data(), 0x1000, Direction::kBoth);
  one->release_group(1);
  CHECK_FALSE(one->limits().attached);
  one->hold_group(1, {}, attach);
  CHECK(machine.mappings(1).empty());
  one.reset();
  CHECK(machine.open_groups() == 0);
  CHECK(machine.open_containers() == 1);
  two->hold_group(1, {}, attach);
}

TEST_CASE("a group can be busy elsewhere, or not viable, and a device can fail to open") {
  Machine machine({spec()});
  const auto space = machine.open_container();
  machine.set_viable(1, false);
  CHECK(code_of([&] { space->open({kAddress}, 1, attach); }) == ErrorCode::kNotViable);
  machine.set_viable(1, true);
  machine.set_busy_elsewhere(1, true);
  CHECK(errno_of([&] { space->open({kAddress}, 1, attach); }) == EBUSY);
  machine.set_busy_elsewhere(1, false);
  machine.device("0000:00:01.0").opening.fail_next(ENODEV);
  CHECK(errno_of([&] { space->open({kAddress}, 1, attach); }) == ENODEV);
  CHECK(machine.open_groups() == 0);
  CHECK(space->open({kAddress}, 1, attach));
}

TEST_CASE_FIXTURE(Fixture, "what happens to a device is told once") {
  device.notify({.fault = true});
  device.notify({.requested = true});
  Change change = function->take_change();
  CHECK(change.fault);
  CHECK(change.requested);
  CHECK_FALSE(change.lost);
  CHECK_FALSE(function->take_change().fault);

  device.lose();
  CHECK(function->take_change().lost);
  CHECK(errno_of([&] { function->read(7, 0, 2); }) == EIO);
  CHECK(errno_of([&] { function->read(0, 0, 2); }) == EIO);
}

TEST_CASE_FIXTURE(Fixture, "closing disarms and takes bus mastering away") {
  const auto eventfd = sys::make_eventfd();
  arm(VFIO_PCI_MSI_IRQ_INDEX, {eventfd.get()});
  set_command(kCommandMemory | kCommandBusMaster);
  CHECK(device.open_functions() == 1);
  function.reset();
  CHECK(device.open_functions() == 0);
  CHECK(device.armed_eventfds() == 0);
  CHECK((device.command() & kCommandBusMaster) == 0);
}

TEST_CASE("a stage is slow, held or failed as told") {
  Stage stage;
  CHECK(stage.pass() == 0);
  stage.fail_next(EBUSY);
  CHECK(stage.pass() == EBUSY);
  CHECK(stage.pass() == 0);
  stage.set_delay(std::chrono::milliseconds(20));
  const auto before = std::chrono::steady_clock::now();
  stage.pass();
  CHECK(std::chrono::steady_clock::now() - before >= std::chrono::milliseconds(20));
}
