// SPDX-License-Identifier: MIT
#include "vfio/kernel_function.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "sys/errors.h"
#include "sys/file.h"
#include "sys/kernel_version.h"
#include "uapi/vfio.h"
#include "vfio/attempt.h"
#include "vfio/capabilities.h"
#include "vfio/errors.h"
#include "vfio/kernel_info.h"

namespace vfio {

namespace {

/// PCI has nine regions and five interrupt indexes, and devices add a few of their own. The library
/// asks the kernel about each index, so it rejects an implausible number.
constexpr std::uint32_t kMostIndexes = 256;

/// The first Linux whose vfio-pci reads and writes 8 bytes of a memory BAR in one access; earlier
/// versions make two accesses of 4 bytes. On x86 (CONFIG_GENERIC_IOMAP), this came later.
#if defined(__x86_64__)
constexpr sys::KernelVersion kFirstWith8Bytes{6, 14};
#else
constexpr sys::KernelVersion kFirstWith8Bytes{6, 11};
#endif

template <typename Info>
Info fixed_part(const std::vector<std::uint8_t>& bytes) {
  Info info;
  std::memcpy(&info, bytes.data(), sizeof info);
  return info;
}

/// The result of `ask`, or nullopt if the kernel answers EINVAL, which means that the device has no
/// such index.
template <typename Ask>
auto unless_absent(Ask ask) -> std::optional<decltype(ask())> {
  try {
    return ask();
  } catch (const sys::SysError& error) {
    if (error.error() != EINVAL) throw;
    return std::nullopt;
  }
}

std::uint32_t data_flag(IrqRequest::Data data) {
  return data == IrqRequest::Data::kEventFd ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE;
}

std::uint32_t action_flag(IrqRequest::Action action) {
  switch (action) {
    case IrqRequest::Action::kMask:
      return VFIO_IRQ_SET_ACTION_MASK;
    case IrqRequest::Action::kUnmask:
      return VFIO_IRQ_SET_ACTION_UNMASK;
    case IrqRequest::Action::kTrigger:
      break;
  }
  return VFIO_IRQ_SET_ACTION_TRIGGER;
}

/// vfio_irq_set, followed by the eventfds.
std::vector<std::uint8_t> encode(const IrqRequest& request) {
  const std::size_t payload = request.fds.size() * sizeof(std::int32_t);
  const vfio_irq_set head{
      .argsz = static_cast<std::uint32_t>(sizeof(vfio_irq_set) + payload),
      .flags = data_flag(request.data) | action_flag(request.action),
      .index = request.index,
      .start = request.start,
      .count = request.count,
  };
  std::vector<std::uint8_t> bytes(head.argsz);
  std::memcpy(bytes.data(), &head, sizeof head);
  if (payload > 0) std::memcpy(bytes.data() + sizeof head, request.fds.data(), payload);
  return bytes;
}

/// vfio_pci_hot_reset, followed by the descriptors of the groups.
std::vector<std::uint8_t> encode_hot_reset(const std::vector<sys::UniqueFd>& groups) {
  const std::size_t payload = groups.size() * sizeof(std::int32_t);
  const vfio_pci_hot_reset head{
      .argsz = static_cast<std::uint32_t>(sizeof(vfio_pci_hot_reset) + payload),
      .flags = 0,
      .count = static_cast<std::uint32_t>(groups.size()),
  };
  std::vector<std::uint8_t> bytes(head.argsz);
  std::memcpy(bytes.data(), &head, sizeof head);
  std::uint8_t* next = bytes.data() + sizeof head;
  for (const sys::UniqueFd& group : groups) {
    const std::int32_t fd = group.get();
    std::memcpy(next, &fd, sizeof fd);
    next += sizeof fd;
  }
  return bytes;
}

int protection_of(std::uint32_t flags) {
  return ((flags & VFIO_REGION_INFO_FLAG_READ) != 0 ? PROT_READ : 0) |
         ((flags & VFIO_REGION_INFO_FLAG_WRITE) != 0 ? PROT_WRITE : 0);
}

}  // namespace

KernelFunction::KernelFunction(sys::UniqueFd device, std::string name)
    : device_(std::move(device)),
      name_(std::move(name)),
      info_(read_function_info()),
      has_8_byte_bars_(sys::kernel_version() >= kFirstWith8Bytes),
      changes_(sys::make_epoll()),
      losses_(sys::make_eventfd()) {
  for (std::uint32_t i = 0; i < info_.num_regions; ++i) regions_.push_back(read_region(i));
  for (std::uint32_t i = 0; i < info_.num_irqs; ++i) irqs_.push_back(read_irq(i));
  // The kernel waits a minute for a device that does not answer, and then opens it nevertheless.
  if (is_gone()) lose();
  find_kinds_of_bars();
  sys::watch_readable(changes_, losses_.get());
  errors_ = watch(VFIO_PCI_ERR_IRQ_INDEX);
  requests_ = watch(VFIO_PCI_REQ_IRQ_INDEX);
}

KernelFunction::~KernelFunction() {
  if (errors_.valid()) disarm(VFIO_PCI_ERR_IRQ_INDEX);
  if (requests_.valid()) disarm(VFIO_PCI_REQ_IRQ_INDEX);
}

FunctionInfo KernelFunction::read_function_info() {
  const auto info = fixed_part<vfio_device_info>(
      read_info(device_, VFIO_DEVICE_GET_INFO, vfio_device_info{}, "VFIO_DEVICE_GET_INFO", name_));
  if ((info.flags & VFIO_DEVICE_FLAGS_PCI) == 0) {
    throw Error(ErrorCode::kUnsupported, name_ + " is not a PCI device");
  }
  if (info.num_regions > kMostIndexes || info.num_irqs > kMostIndexes) {
    throw Error(ErrorCode::kProtocol, name_ + " reports " + std::to_string(info.num_regions) +
                                          " regions and " + std::to_string(info.num_irqs) +
                                          " interrupt indexes");
  }
  return {.flags = info.flags, .num_regions = info.num_regions, .num_irqs = info.num_irqs};
}

std::optional<KernelFunction::Region> KernelFunction::read_region(std::uint32_t index) {
  vfio_region_info question{};
  question.index = index;
  return unless_absent([&] {
    const auto answer = read_info(device_, VFIO_DEVICE_GET_REGION_INFO, question,
                                  "VFIO_DEVICE_GET_REGION_INFO", name_);
    RegionInfo info = decode_region_info(answer, sys::page_size());
    if (info.index != index) {
      throw Error(ErrorCode::kProtocol, name_ + " answered for region " +
                                            std::to_string(info.index) + " when asked for " +
                                            std::to_string(index));
    }
    return Region{.info = std::move(info), .offset = fixed_part<vfio_region_info>(answer).offset};
  });
}

/// VFIO does not say which BARs are I/O ports or prefetchable; only their registers do. The upper
/// half of a 64-bit BAR is not a region, so its register, which holds part of an address, is
/// skipped.
void KernelFunction::find_kinds_of_bars() {
  constexpr std::uint64_t kFirstBar = 0x10;
  constexpr std::uint64_t kIoSpace = 1;
  constexpr std::uint64_t kPrefetchable = 8;
  for (std::uint32_t i = VFIO_PCI_BAR0_REGION_INDEX; i <= VFIO_PCI_BAR5_REGION_INDEX; ++i) {
    if (i >= regions_.size() || !regions_[i] || regions_[i]->info.size == 0) continue;
    const std::uint64_t bar = read_raw(VFIO_PCI_CONFIG_REGION_INDEX, kFirstBar + i * 4ULL, 4);
    RegionInfo& info = regions_[i]->info;
    info.io_ports = (bar & kIoSpace) != 0;
    info.prefetchable = !info.io_ports && (bar & kPrefetchable) != 0;
  }
}

std::optional<IrqInfo> KernelFunction::read_irq(std::uint32_t index) {
  vfio_irq_info question{};
  question.index = index;
  return unless_absent([&] {
    const auto info = fixed_part<vfio_irq_info>(
        read_info(device_, VFIO_DEVICE_GET_IRQ_INFO, question, "VFIO_DEVICE_GET_IRQ_INFO", name_));
    return IrqInfo{.index = index, .flags = info.flags, .count = info.count};
  });
}

std::optional<RegionInfo> KernelFunction::region(std::uint32_t index) {
  if (index >= regions_.size() || !regions_[index]) return std::nullopt;
  return regions_[index]->info;
}

std::optional<IrqInfo> KernelFunction::irq(std::uint32_t index) {
  return index < irqs_.size() ? irqs_[index] : std::nullopt;
}

const KernelFunction::Region& KernelFunction::present(std::uint32_t index) const {
  if (index >= regions_.size() || !regions_[index]) {
    throw Error(ErrorCode::kRange, name_ + " has no region " + std::to_string(index));
  }
  return *regions_[index];
}

/// Only memory BARs: the kernel accesses config space and I/O ports with at most 4 bytes, and so,
/// depending on its version, the ROM and VGA. How other regions are accessed depends on their
/// driver.
bool KernelFunction::makes_one_of_8_bytes(const RegionInfo& region) const noexcept {
  return has_8_byte_bars_ && region.index <= VFIO_PCI_BAR5_REGION_INDEX && !region.io_ports;
}

/// The position of an access in the device's file. The bounds check is essential: the next region
/// begins behind this one.
std::uint64_t KernelFunction::file_offset(std::uint32_t region, std::uint64_t offset,
                                          unsigned width) const {
  const Region& target = present(region);
  if (width == 8 && !makes_one_of_8_bytes(target.info)) {
    throw Error(ErrorCode::kUnsupported, "the kernel would split the 8 bytes into two accesses");
  }
  if (offset % width != 0) {
    throw Error(ErrorCode::kAlign, "an access of " + std::to_string(width) +
                                       " bytes must be at an offset that is a multiple of " +
                                       std::to_string(width));
  }
  if (width > target.info.size || offset > target.info.size - width) {
    throw Error(ErrorCode::kRange, "the access lies outside region " + std::to_string(region));
  }
  return target.offset + offset;
}

std::uint64_t KernelFunction::read(std::uint32_t region, std::uint64_t offset, unsigned width) {
  const std::uint64_t value = read_raw(region, offset, width);
  const std::uint64_t all_ones = ~std::uint64_t{0} >> (64 - 8 * width);
  if (region == VFIO_PCI_CONFIG_REGION_INDEX && value == all_ones && is_gone()) lose();
  return value;
}

std::uint64_t KernelFunction::read_raw(std::uint32_t region, std::uint64_t offset, unsigned width) {
  std::uint64_t value = 0;
  sys::read_at(device_, &value, width, file_offset(region, offset, width), name_);
  return value;
}

void KernelFunction::write(std::uint32_t region, std::uint64_t offset, unsigned width,
                           std::uint64_t value) {
  sys::write_at(device_, &value, width, file_offset(region, offset, width), name_);
}

std::optional<sys::Mapping> KernelFunction::map(const RegionInfo& region, Area area) {
  const Region& target = present(region.index);
  return unless_absent([&] {
    return sys::Mapping::of_file(device_.get(), static_cast<off_t>(target.offset + area.begin),
                                 area.size, protection_of(target.info.flags), name_);
  });
}

int KernelFunction::set_irqs(const IrqRequest& request) {
  std::vector<std::uint8_t> bytes = encode(request);
  return sys::control(device_, VFIO_DEVICE_SET_IRQS, bytes.data(), "VFIO_DEVICE_SET_IRQS", name_);
}

void KernelFunction::reset() {
  try {
    sys::control(device_, VFIO_DEVICE_RESET, nullptr, "VFIO_DEVICE_RESET", name_);
  } catch (const sys::SysError&) {
    if (!answers()) lose();
    throw;
  }
  if (is_gone()) lose();
}

std::vector<AffectedFunction> KernelFunction::hot_reset_info() {
  const std::vector<std::uint8_t> answer = read_hot_reset_info(device_, name_);
  return answer.empty() ? std::vector<AffectedFunction>() : decode_hot_reset_info(answer);
}

/// The kernel only tries to take the locks that it needs, without waiting. Among them is the lock
/// of this process's memory map, so a page fault or mmap in any thread makes it answer EBUSY. The
/// call is therefore repeated.
void KernelFunction::hot_reset(const std::vector<sys::UniqueFd>& groups) {
  constexpr int kRetryMs = 5;
  constexpr int kRetries = 200;
  std::vector<std::uint8_t> bytes = encode_hot_reset(groups);
  for (int retry = 0;; ++retry) {
    try {
      sys::control(device_, VFIO_DEVICE_PCI_HOT_RESET, bytes.data(), "VFIO_DEVICE_PCI_HOT_RESET",
                   name_);
      return;
    } catch (const sys::SysError& error) {
      const bool contended = error.error() == EBUSY || error.error() == EAGAIN;
      if (!contended || retry == kRetries) throw;
    }
    sys::pause(kRetryMs);
  }
}

/// Arms one of the interrupts that the kernel itself raises, and adds its eventfd to the epoll. If
/// the device does not have it (ERR needs PCI Express), the kernel answers EINVAL, either to the
/// query or to the arming.
sys::UniqueFd KernelFunction::watch(std::uint32_t irq_index) {
  const auto offered = irq(irq_index);
  if (!offered || offered->count == 0) return {};
  sys::UniqueFd eventfd = sys::make_eventfd();
  const auto armed = unless_absent([&] {
    return set_irqs({.index = irq_index,
                     .start = 0,
                     .count = 1,
                     .data = IrqRequest::Data::kEventFd,
                     .action = IrqRequest::Action::kTrigger,
                     .fds = {eventfd.get()}});
  });
  if (armed != 0) return {};
  sys::watch_readable(changes_, eventfd.get());
  return eventfd;
}

// A failure is ignored: the descriptor is closed next, which disarms everything.
void KernelFunction::disarm(std::uint32_t irq_index) noexcept {
  attempt([&] {
    set_irqs({.index = irq_index,
              .start = 0,
              .count = 0,
              .data = IrqRequest::Data::kNone,
              .action = IrqRequest::Action::kTrigger,
              .fds = {}});
  });
}

Change KernelFunction::take_change() {
  const auto raised = [](const sys::UniqueFd& eventfd) {
    return eventfd.valid() && sys::drain_eventfd(eventfd.get()) > 0;
  };
  Change change{.lost = raised(losses_), .requested = raised(requests_), .fault = raised(errors_)};
  // The kernel has no interrupt for a removed device: it requests the device back or reports an
  // error.
  if (change.requested || change.fault) change.lost = change.lost || !answers();
  return change;
}

/// A function that is gone reads as all ones. The class register shows this, because all ones is
/// not a class. The vendor ID does not, because the kernel emulates it.
bool KernelFunction::is_gone() {
  constexpr std::uint64_t kClassAndRevision = 0x08;
  constexpr std::uint64_t kAllOnes = 0xffff'ffff;
  return read_raw(VFIO_PCI_CONFIG_REGION_INDEX, kClassAndRevision, 4) == kAllOnes;
}

bool KernelFunction::answers() noexcept {
  try {
    return !is_gone();
  } catch (const std::exception&) {
    return false;
  }
}

void KernelFunction::lose() {
  sys::raise_eventfd(losses_.get(), 1);
  throw Error(ErrorCode::kLost, name_ + " does not answer: it is gone, or it has no power");
}

}  // namespace vfio
