// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <string>

#include "fake_kernel.h"
#include "support.h"
#include "sys/file.h"
#include "syscalls_hook.h"
#include "uapi/vfio.h"
#include "vfio/type1/address_space.h"

using namespace vfio;
using namespace vfio::testing;

namespace {

const Address kFirst = Address::parse("0000:01:00.0");
const Address kMate = Address::parse("0000:01:00.1");
const Address kOther = Address::parse("0000:02:00.0");
const Address kNoIommu = Address::parse("0000:03:00.0");
const Address kMissing = Address::parse("0000:04:00.0");

/// Does what AddressSpace does on an attach, without the records.
void attach(const std::function<void()>& step, const std::function<void()>&) { step(); }

/// An address space that refuses the new group after the step.
void attach_and_refuse(const std::function<void()>& step, const std::function<void()>& undo) {
  step();
  undo();
  throw Error(ErrorCode::kRange, "a mapping is in the way");
}

/// A node that other code has opened.
sys::Duplicate opened(const char* path) {
  return {.fd = sys::open_file(path, O_RDWR),
          .file = path,
          .name = std::string("descriptor 5 (") + path + ")"};
}

void* const kMemory = reinterpret_cast<void*>(0x10000);

}  // namespace

TEST_CASE("a container is opened where the kernel speaks type1v2") {
  FakeKernel kernel;
  CHECK(std::string(open_type1()->name()) == "type1");
  const std::size_t before = open_descriptors();
  kernel.api_version = 1;
  CHECK(code_of([] { open_type1(); }) == ErrorCode::kUnsupported);
  kernel.api_version = 0;
  kernel.has_type1v2 = false;
  CHECK(code_of([] { open_type1(); }) == ErrorCode::kUnsupported);
  kernel.has_type1 = false;
  CHECK(code_of([] { open_type1(); }) == ErrorCode::kNoIommu);
  fail_syscall(1, EACCES, "open");
  CHECK(errno_of([] { open_type1(); }) == EACCES);
  CHECK(open_descriptors() == before);
}

TEST_CASE("a container and a group are taken as they were opened elsewhere") {
  FakeKernel kernel;
  const std::size_t before = open_descriptors();
  {
    const auto space = open_type1(opened("/dev/vfio/vfio"));
    space->hold_group(12, opened("/dev/vfio/12"), attach);
    CHECK(kernel.set_iommus == 1);
    // The group is open already, and its node would not open twice.
    const auto function = space->open({kFirst}, 12, attach);
    CHECK(function->info().num_regions > 0);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("what was opened elsewhere is refused when it is something else") {
  FakeKernel kernel;
  const std::size_t before = open_descriptors();
  {
    CHECK(errno_of([] { open_type1(opened("/dev/vfio/12")); }) == EINVAL);
    const auto space = open_type1();
    const auto hold = [&](int group, const char* path) {
      return [&space, group, path] { space->hold_group(group, opened(path), attach); };
    };
    CHECK(errno_of(hold(12, "/dev/vfio/vfio")) == EINVAL);
    CHECK(code_of(hold(12, "/dev/vfio/13")) == ErrorCode::kRange);
    kernel.viable = false;
    CHECK(code_of(hold(12, "/dev/vfio/12")) == ErrorCode::kNotViable);
    kernel.viable = true;
    // The group does not stay in a container whose SET_IOMMU failed.
    fail_syscall(3, EINVAL, "ioctl");
    CHECK(errno_of(hold(12, "/dev/vfio/12")) == EINVAL);
    CHECK(kernel.unset_containers == 1);
    space->hold_group(12, opened("/dev/vfio/12"), attach);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a node that is in a container already is left there") {
  FakeKernel kernel;
  const sys::UniqueFd elsewhere = sys::open_file("/dev/vfio/vfio", O_RDWR);
  sys::Duplicate node = opened("/dev/vfio/12");
  int container = elsewhere.get();
  sys::control(node.fd, VFIO_GROUP_SET_CONTAINER, &container, "", "");
  const auto space = open_type1();
  CHECK(code_of([&] { space->hold_group(12, std::move(node), attach); }) == ErrorCode::kBusy);
  CHECK(kernel.unset_containers == 0);
  CHECK_FALSE(space->limits().attached);
}

TEST_CASE("a node whose name only begins with a number is believed") {
  FakeKernel kernel;
  const auto space = open_type1();
  sys::Duplicate node = opened("/dev/vfio/12");
  node.file = "/run/13-of-a-machine";
  space->hold_group(12, std::move(node), attach);
  CHECK(space->limits().attached);
}

TEST_CASE("the group of a device is what sysfs says") {
  FakeKernel kernel;
  const auto space = open_type1();
  CHECK(space->group_of(kFirst) == 12);
  CHECK(space->group_of(kOther) == 13);
  CHECK(code_of([&] { space->group_of(kNoIommu); }) == ErrorCode::kNoIommu);
  CHECK(errno_of([&] { space->group_of(kMissing); }) == ENODEV);
  fail_syscall(1, EACCES, "readlink");
  CHECK(errno_of([&] { space->group_of(kFirst); }) == EACCES);
}

TEST_CASE("F21/ a link to what is no group is refused") {
  FakeKernel kernel;
  const auto space = open_type1();
  for (const char* address :
       {"0000:06:00.0", "0000:06:00.1", "0000:06:00.2", "0000:06:00.3", "0000:06:00.4"}) {
    CAPTURE(address);
    CHECK(code_of([&] { space->group_of(Address::parse(address)); }) == ErrorCode::kProtocol);
  }
}

TEST_CASE("there are no limits before the first group, and none after the last") {
  FakeKernel kernel;
  const auto space = open_type1();
  CHECK_FALSE(space->limits().attached);
  space->hold_group(12, {}, attach);
  const Limits limits = space->limits();
  CHECK(limits.attached);
  CHECK(limits.page_sizes == 0x40201000);
  CHECK(limits.ranges.size() == 2);
  CHECK(limits.mappings_available == 65535);
  space->release_group(12);
  CHECK_FALSE(space->limits().attached);
}

TEST_CASE("a kernel that reports no ranges has the usual one") {
  FakeKernel kernel;
  kernel.has_ranges = false;
  const auto space = open_type1();
  space->hold_group(12, {}, attach);
  CHECK(space->limits().ranges.size() == 1);
}

TEST_CASE("several groups and devices share a container, set up once") {
  FakeKernel kernel;
  const auto space = open_type1();
  const std::size_t before = open_descriptors();
  auto first = space->open({kFirst}, 12, attach);
  auto mate = space->open({kMate}, 12, attach);
  auto other = space->open({kOther}, 13, attach);
  CHECK(kernel.set_iommus == 1);
  CHECK(count_syscalls("VFIO_GROUP_SET_CONTAINER") == 2);

  space->map(0x20000, kMemory, 0x1000, Direction::kBoth);
  first.reset();
  space->detach(kFirst, 12);
  mate.reset();
  CHECK(count_syscalls("VFIO_GROUP_UNSET_CONTAINER") == 0);
  space->detach(kMate, 12);
  CHECK(count_syscalls("VFIO_GROUP_UNSET_CONTAINER") == 1);
  CHECK(kernel.mappings().size() == 1);
  other.reset();
  space->detach(kOther, 13);
  CHECK(kernel.mappings().empty());
  CHECK(open_descriptors() == before);

  first = space->open({kFirst}, 12, attach);
  CHECK(kernel.set_iommus == 2);
}

TEST_CASE("a group is held without a device, and beside one") {
  FakeKernel kernel;
  const auto space = open_type1();
  space->hold_group(12, {}, attach);
  auto function = space->open({kFirst}, 12, attach);
  space->release_group(12);
  CHECK(space->limits().attached);
  function.reset();
  space->detach(kFirst, 12);
  CHECK_FALSE(space->limits().attached);
}

TEST_CASE("a group that leaves while a device of it is open closes all the same, and says so") {
  FakeKernel kernel;
  const auto space = open_type1();
  const auto function = space->open({kFirst}, 12, attach);
  const std::size_t before = open_descriptors();
  CHECK(errno_of([&] { space->detach(kFirst, 12); }) == EBUSY);
  CHECK(open_descriptors() == before - 1);
}

TEST_CASE("a group that cannot be joined says why") {
  FakeKernel kernel;
  const auto space = open_type1();
  const std::size_t before = open_descriptors();

  kernel.viable = false;
  CHECK(code_of([&] { space->open({kFirst}, 12, attach); }) == ErrorCode::kNotViable);
  kernel.viable = true;

  const auto elsewhere = open_type1();
  elsewhere->hold_group(12, {}, attach);
  try {
    space->open({kFirst}, 12, attach);
    FAIL("it opened");
  } catch (const sys::SysError& error) {
    CHECK(error.error() == EBUSY);
    CHECK(error.syscall() == "open");
    CHECK(error.path() == "/dev/vfio/12");
  }
  elsewhere->release_group(12);

  for (const int error : {EACCES, EPERM}) {
    fail_syscall(1, error, "open");
    CHECK(errno_of([&] { space->open({kFirst}, 12, attach); }) == error);
  }
  CHECK(code_of([&] { space->open({kFirst}, 12, attach_and_refuse); }) == ErrorCode::kRange);
  CHECK(errno_of([&] { space->open({kMissing}, 12, attach); }) == ENODEV);
  CHECK(open_descriptors() == before + 1);
  CHECK_FALSE(space->limits().attached);
}

TEST_CASE("a VF token is a part of the name that a group is asked for a device by") {
  FakeKernel kernel;
  const auto space = open_type1();
  const VfToken token = VfToken::parse("83d8f4f2-509f-382f-3c1e-e6bfe0fa1001");
  const VfToken wrong = VfToken::parse("83d8f4f2-509f-382f-3c1e-e6bfe0fa1002");
  kernel.vf_tokens["0000:01:00.1"] = token.text();

  CHECK(errno_of([&] { space->open({kMate}, 12, attach); }) == EACCES);
  CHECK(errno_of([&] { space->open({.address = kMate, .vf_token = wrong}, 12, attach); }) ==
        EACCES);
  CHECK(errno_of([&] { space->open({.address = kFirst, .vf_token = token}, 12, attach); }) ==
        EINVAL);
  CHECK_FALSE(space->limits().attached);
  CHECK(space->open({.address = kMate, .vf_token = token}, 12, attach));
  space->detach(kMate, 12);
}

TEST_CASE("F20/ a node that is late is waited for, one that will not come is not") {
  FakeKernel kernel;
  const auto space = open_type1();
  kernel.opens_too_early = 3;
  CHECK(space->open({kFirst}, 12, attach));
  space->detach(kFirst, 12);

  fail_syscall(1, ENODEV, "open");
  CHECK(space->open({kFirst}, 12, attach));
  space->detach(kFirst, 12);

  kernel.opens_too_early = 1000000;
  CHECK(errno_of([&] { space->open({kFirst}, 12, attach); }) == ENOENT);
  kernel.bound = false;
  const unsigned before = count_syscalls("open");
  CHECK(errno_of([&] { space->open({kFirst}, 12, attach); }) == ENOENT);
  CHECK(count_syscalls("open") == before + 1);
}

TEST_CASE("F22/ whichever step of opening a device fails, nothing is left of it") {
  FakeKernel kernel;
  const auto space = open_type1();
  const std::size_t before = open_descriptors();
  unsigned failures = 0;
  for (unsigned nth = 1;; ++nth) {
    CAPTURE(nth);
    fail_syscall(nth, EIO);
    std::unique_ptr<FunctionBackend> function;
    const int error = errno_of([&] { function = space->open({kFirst}, 12, attach); });
    if (!syscall_failed()) break;
    ++failures;
    CHECK(error == EIO);
    CHECK(open_descriptors() == before);
    CHECK_FALSE(space->limits().attached);
  }
  CHECK(failures > 20);
  fail_syscall(0, 0);
  space->detach(kFirst, 12);
  CHECK(open_descriptors() == before);
}

TEST_CASE("an open interrupted by signals goes on") {
  FakeKernel kernel;
  const auto space = open_type1();
  for (const char* name : {"open", "VFIO_GROUP_SET_CONTAINER", "VFIO_GROUP_GET_DEVICE_FD"}) {
    fail_syscall(1, EINTR, name);
    CHECK(space->open({kFirst}, 12, attach));
    CHECK(syscall_failed());
    space->detach(kFirst, 12);
  }
}

TEST_CASE("the address space hears of a join that was undone") {
  FakeKernel kernel;
  const auto space = open_type1();
  unsigned steps = 0;
  const auto counting = [&](const std::function<void()>& step, const std::function<void()>&) {
    step();
    ++steps;
  };
  fail_syscall(1, ENODEV, "VFIO_GROUP_GET_DEVICE_FD");
  CHECK(errno_of([&] { space->open({kFirst}, 12, counting); }) == ENODEV);
  CHECK(steps == 2);
}

TEST_CASE("mappings say which way the device may use them") {
  FakeKernel kernel;
  const auto space = open_type1();
  space->hold_group(12, {}, attach);
  space->map(0x10000, kMemory, 0x1000, Direction::kToDevice);
  CHECK(kernel.last_map_flags == VFIO_DMA_MAP_FLAG_READ);
  space->map(0x20000, kMemory, 0x1000, Direction::kFromDevice);
  CHECK(kernel.last_map_flags == VFIO_DMA_MAP_FLAG_WRITE);
  space->map(0x30000, kMemory, 0x1000, Direction::kBoth);
  CHECK(kernel.last_map_flags == (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE));
  CHECK(space->limits().mappings_available == 65532);
  CHECK(errno_of([&] { space->map(0x30000, kMemory, 0x1000, Direction::kBoth); }) == EEXIST);
}

TEST_CASE("F14/ an unmap is of exactly that much, or it throws") {
  FakeKernel kernel;
  const auto space = open_type1();
  space->hold_group(12, {}, attach);
  space->map(0x10000, kMemory, 0x2000, Direction::kBoth);
  space->unmap(0x10000, 0x2000);
  CHECK(kernel.mappings().empty());
  CHECK(errno_of([&] { space->unmap(0x10000, 0x2000); }) == ENOENT);
  space->map(0x10000, kMemory, 0x2000, Direction::kBoth);
  kernel.unmapped = 0x1000;
  CHECK(errno_of([&] { space->unmap(0x10000, 0x2000); }) == EIO);
}
