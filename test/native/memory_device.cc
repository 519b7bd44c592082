// SPDX-License-Identifier: MIT
#include "memory_device.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "command_bits.h"
#include "sys/errors.h"
#include "sys/file.h"
#include "uapi/vfio.h"
#include "vfio/errors.h"

namespace vfio::testing {

namespace {

constexpr std::size_t kCommand = 0x04;
constexpr std::uint16_t kCommandWritable = 0x0547;

constexpr std::size_t kStatus = 0x06;
constexpr std::uint8_t kStatusCapabilities = 0x10;
constexpr std::size_t kCapabilityPointer = 0x34;
constexpr std::size_t kInterruptPin = 0x3d;
constexpr std::uint8_t kMsiCapability = 0x05;
constexpr std::uint8_t kMsixCapability = 0x11;
constexpr std::uint32_t kPendingBits = 0x800;

/// Checks the device's own system calls. They bypass the table, because a test must not make them
/// fail.
void check(bool done, const char* call) {
  if (!done) throw std::runtime_error(std::string(call) + ": " + std::strerror(errno));
}

sys::UniqueFd make_memory(std::uint64_t size) {
  sys::UniqueFd memory(::memfd_create("bar", MFD_CLOEXEC));
  check(memory.valid(), "memfd_create");
  check(::ftruncate(memory.get(), static_cast<off_t>(size)) == 0, "ftruncate");
  return memory;
}

[[noreturn]] void refuse(int error, const char* call, const char* request = "") {
  throw sys::SysError(error, call, request);
}

[[noreturn]] void refuse_irqs(int error) { refuse(error, "ioctl", "VFIO_DEVICE_SET_IRQS"); }

}  // namespace

MemoryDevice::MemoryDevice(DeviceSpec spec)
    : spec_(std::move(spec)), change_fd_(sys::make_eventfd()) {
  std::vector<BarSpec> specs = spec_.bars;
  specs.resize(VFIO_PCI_ROM_REGION_INDEX);
  specs.push_back({.size = spec_.rom, .mappable = false});
  for (const BarSpec& bar : specs) {
    bars_.push_back({.spec = bar,
                     .memory = bar.size > 0 ? make_memory(bar.size) : sys::UniqueFd(),
                     .kept = {}});
  }
  build_config();
}

void MemoryDevice::build_config() {
  std::memcpy(&config_[0x00], &spec_.vendor, 2);
  std::memcpy(&config_[0x02], &spec_.device, 2);
  std::memcpy(&config_[kCommand], &spec_.command, 2);
  config_[0x0b] = 0xff;  // class: unassigned
  config_[kInterruptPin] = spec_.intx > 0 ? 1 : 0;
  std::uint8_t* next = &config_[kCapabilityPointer];
  if (spec_.msi > 0) {
    std::uint8_t* msi = add_capability(kMsiCapability, 0x40, next);
    msi[2] = static_cast<std::uint8_t>(std::bit_width(spec_.msi - 1) << 1 | 0x80);
  }
  if (spec_.msix > 0) {
    std::uint8_t* msix = add_capability(kMsixCapability, 0x60, next);
    const auto size_less_one = static_cast<std::uint16_t>(spec_.msix - 1);
    std::memcpy(msix + 2, &size_less_one, 2);
    // The table is at the start of BAR 0, the pending bits behind it.
    std::memcpy(msix + 8, &kPendingBits, 4);
  }
}

std::uint8_t* MemoryDevice::add_capability(std::uint8_t id, std::size_t offset,
                                           std::uint8_t*& next) {
  config_[kStatus] = kStatusCapabilities;
  *next = static_cast<std::uint8_t>(offset);
  config_[offset] = id;
  next = &config_[offset + 1];
  return &config_[offset];
}

// ---- The hardware

bool MemoryDevice::raise(std::uint32_t index, std::uint32_t vector) {
  const std::lock_guard lock(mutex_);
  if (index == VFIO_PCI_INTX_IRQ_INDEX) {
    intx_asserted_ = true;
    return deliver_intx();
  }
  return may_write(index) && signal(vector);
}

std::uint32_t MemoryDevice::storm(std::uint32_t index, std::uint32_t vector, std::uint32_t times) {
  std::uint32_t signalled = 0;
  for (std::uint32_t i = 0; i < times; ++i) signalled += raise(index, vector) ? 1 : 0;
  return signalled;
}

bool MemoryDevice::raise_many(std::uint32_t index, std::uint32_t vector, std::uint64_t times) {
  const std::lock_guard lock(mutex_);
  return may_write(index) && signal(vector, times);
}

bool MemoryDevice::may_write(std::uint32_t index) const {
  return enabled_ == index && (read_command() & kCommandBusMaster) != 0;
}

void MemoryDevice::lower_intx() {
  const std::lock_guard lock(mutex_);
  intx_asserted_ = false;
}

int MemoryDevice::eventfd(std::uint32_t vector) const {
  const std::lock_guard lock(mutex_);
  return vector < triggers_.size() ? triggers_[vector].get() : -1;
}

void MemoryDevice::set_decode(bool on) {
  const std::lock_guard lock(mutex_);
  powered_ = on;
  apply_decode();
}

void MemoryDevice::notify(Change change) {
  const std::lock_guard lock(mutex_);
  change_.lost |= change.lost;
  change_.requested |= change.requested;
  change_.fault |= change.fault;
  const std::uint64_t one = 1;
  check(::write(change_fd_.get(), &one, sizeof one) == sizeof one, "write");
}

void MemoryDevice::lose() {
  {
    const std::lock_guard lock(mutex_);
    lost_ = true;
    powered_ = false;
    apply_decode();
  }
  notify({.lost = true});
}

std::uint64_t MemoryDevice::peek(std::uint32_t index, std::uint64_t offset, unsigned width) const {
  const std::lock_guard lock(mutex_);
  const Bar& source = bar(index);
  std::uint64_t value = 0;
  if (decoding_) {
    get(source, offset, width, value);
  } else {
    std::memcpy(&value, &source.kept[offset], width);
  }
  return value;
}

void MemoryDevice::poke(std::uint32_t index, std::uint64_t offset, unsigned width,
                        std::uint64_t value) {
  const std::lock_guard lock(mutex_);
  const Bar& target = bar(index);
  if (decoding_) {
    put(target, offset, width, value);
  } else {
    std::memcpy(&bars_[index].kept[offset], &value, width);
  }
}

std::uint16_t MemoryDevice::command() const {
  const std::lock_guard lock(mutex_);
  return read_command();
}

unsigned MemoryDevice::open_functions() const {
  const std::lock_guard lock(mutex_);
  return functions_;
}

unsigned MemoryDevice::armed_eventfds() const {
  const std::lock_guard lock(mutex_);
  unsigned armed = 0;
  for (const sys::UniqueFd& trigger : triggers_) armed += trigger.valid() ? 1 : 0;
  return armed;
}

unsigned MemoryDevice::resets() const {
  const std::lock_guard lock(mutex_);
  return resets_;
}

// ---- The kernel: opening

void MemoryDevice::open(const std::optional<VfToken>& token) {
  if (const int error = opening.pass()) refuse(error, "ioctl", "VFIO_GROUP_GET_DEVICE_FD");
  if (token != spec_.vf_token) {
    refuse(spec_.vf_token ? EACCES : EINVAL, "ioctl", "VFIO_GROUP_GET_DEVICE_FD");
  }
  const std::lock_guard lock(mutex_);
  if (lost_) refuse(ENODEV, "ioctl", "VFIO_GROUP_GET_DEVICE_FD");
  if (functions_++ > 0) return;
  std::memcpy(&config_[kCommand], &spec_.command, 2);
  apply_decode();
}

void MemoryDevice::close() noexcept {
  closing.pass();
  const std::lock_guard lock(mutex_);
  if (--functions_ > 0) return;
  quiet_interrupts();
  const auto quiet = static_cast<std::uint16_t>(read_command() & ~kCommandBusMaster);
  std::memcpy(&config_[kCommand], &quiet, 2);
}

std::optional<RegionInfo> MemoryDevice::region(std::uint32_t index) const {
  if (index >= VFIO_PCI_VGA_REGION_INDEX) return std::nullopt;
  constexpr std::uint32_t kReadWrite = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
  RegionInfo info{.index = index,
                  .flags = 0,
                  .size = 0,
                  .mappable = {},
                  .io_ports = false,
                  .prefetchable = false,
                  .type = {},
                  .subtype = {}};
  if (index == VFIO_PCI_CONFIG_REGION_INDEX) {
    info.flags = kReadWrite;
    info.size = kConfigSize;
  } else if (index < bars_.size() && bars_[index].spec.size > 0) {
    const BarSpec& bar = bars_[index].spec;
    const bool rom = index == VFIO_PCI_ROM_REGION_INDEX;
    info.flags = rom || !bar.writable ? VFIO_REGION_INFO_FLAG_READ : kReadWrite;
    if (bar.mappable) info.flags |= VFIO_REGION_INFO_FLAG_MMAP;
    info.size = bar.size;
    info.io_ports = bar.io_ports;
    info.prefetchable = bar.prefetchable;
    if (bar.mappable) info.mappable = bar.sparse;
    if (bar.mappable && bar.sparse.empty()) info.mappable = {{.begin = 0, .size = bar.size}};
  }
  return info;
}

std::optional<IrqInfo> MemoryDevice::irq(std::uint32_t index) const {
  IrqInfo info{.index = index, .flags = VFIO_IRQ_INFO_EVENTFD, .count = vectors(index)};
  switch (index) {
    case VFIO_PCI_INTX_IRQ_INDEX:
      info.flags |= VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
      return info;
    case VFIO_PCI_MSI_IRQ_INDEX:
    case VFIO_PCI_MSIX_IRQ_INDEX:
      info.flags |= VFIO_IRQ_INFO_NORESIZE;
      return info;
    case VFIO_PCI_ERR_IRQ_INDEX:
      return spec_.err ? std::optional(info) : std::nullopt;
    case VFIO_PCI_REQ_IRQ_INDEX:
      return spec_.req ? std::optional(info) : std::nullopt;
    default:
      return std::nullopt;
  }
}

std::uint32_t MemoryDevice::vectors(std::uint32_t index) const {
  switch (index) {
    case VFIO_PCI_INTX_IRQ_INDEX:
      return spec_.intx;
    case VFIO_PCI_MSI_IRQ_INDEX:
      return spec_.msi;
    case VFIO_PCI_MSIX_IRQ_INDEX:
      return spec_.msix;
    default:
      return 1;
  }
}

// ---- The kernel: registers

const MemoryDevice::Bar& MemoryDevice::bar(std::uint32_t region) const {
  if (region >= bars_.size() || bars_[region].spec.size == 0) refuse(EINVAL, "pread");
  return bars_[region];
}

void MemoryDevice::check_access(std::uint32_t region, std::uint64_t offset, unsigned width) const {
  const bool config = region == VFIO_PCI_CONFIG_REGION_INDEX;
  const std::uint64_t size = config ? kConfigSize : bar(region).spec.size;
  const bool bar_of_memory = region < VFIO_PCI_ROM_REGION_INDEX && !bar(region).spec.io_ports;
  if (width == 8 && !bar_of_memory) {
    throw Error(ErrorCode::kUnsupported, "the kernel would split the 8 bytes into two accesses");
  }
  if (width > size || offset > size - width || offset % width != 0) refuse(EINVAL, "pread");
  if (lost_ || (!config && !decoding_)) refuse(EIO, "pread");
}

std::uint64_t MemoryDevice::read(std::uint32_t region, std::uint64_t offset, unsigned width) const {
  const bool config = region == VFIO_PCI_CONFIG_REGION_INDEX;
  if (const int error = config ? 0 : reading.pass()) refuse(error, "pread");
  const std::lock_guard lock(mutex_);
  check_access(region, offset, width);
  std::uint64_t value = 0;
  if (config) {
    std::memcpy(&value, &config_[offset], width);
  } else {
    get(bar(region), offset, width, value);
  }
  return value;
}

void MemoryDevice::write(std::uint32_t region, std::uint64_t offset, unsigned width,
                         std::uint64_t value) {
  const std::lock_guard lock(mutex_);
  check_access(region, offset, width);
  if (region == VFIO_PCI_CONFIG_REGION_INDEX) {
    write_config(offset, width, value);
  } else if (region == VFIO_PCI_ROM_REGION_INDEX) {
    refuse(EINVAL, "pwrite");
  } else {
    put(bar(region), offset, width, value);
  }
}

void MemoryDevice::get(const Bar& bar, std::uint64_t offset, std::size_t size,
                       std::uint64_t& value) {
  const auto got = ::pread(bar.memory.get(), &value, size, static_cast<off_t>(offset));
  check(got == static_cast<ssize_t>(size), "pread");
}

void MemoryDevice::put(const Bar& bar, std::uint64_t offset, std::size_t size,
                       std::uint64_t value) {
  const auto written = ::pwrite(bar.memory.get(), &value, size, static_cast<off_t>(offset));
  check(written == static_cast<ssize_t>(size), "pwrite");
}

std::uint16_t MemoryDevice::read_command() const {
  std::uint16_t command = 0;
  std::memcpy(&command, &config_[kCommand], sizeof command);
  return command;
}

/// Only the command register can be written. Other writes are dropped, as VFIO drops a write to the
/// vendor ID.
void MemoryDevice::write_config(std::uint64_t offset, unsigned width, std::uint64_t value) {
  const bool was_enabled = (read_command() & kCommandIntxDisable) == 0;
  for (unsigned i = 0; i < width; ++i) {
    if (offset + i != kCommand && offset + i != kCommand + 1) continue;
    const bool high = offset + i != kCommand;
    const auto mask = static_cast<std::uint8_t>(high ? kCommandWritable >> 8 : kCommandWritable);
    config_[offset + i] = static_cast<std::uint8_t>(value >> (8 * i)) & mask;
  }
  apply_decode();
  if (!was_enabled) deliver_intx();
}

/// Truncating the memfd removes the pages from all mappings, as the kernel does with a BAR.
void MemoryDevice::apply_decode() {
  const bool decode = powered_ && !resetting_ && (read_command() & kCommandMemory) != 0;
  if (decode == decoding_) return;
  decoding_ = decode;
  for (Bar& bar : bars_) {
    const std::size_t size = bar.spec.size;
    const int memory = bar.memory.get();
    if (size == 0) continue;
    if (decode) {
      // The write extends the file page by page, so that no thread sees a page before its contents.
      check(::pwrite(memory, bar.kept.data(), size, 0) == static_cast<ssize_t>(size), "pwrite");
    } else {
      bar.kept.resize(size);
      check(::pread(memory, bar.kept.data(), size, 0) == static_cast<ssize_t>(size), "pread");
      check(::ftruncate(memory, 0) == 0, "ftruncate");
    }
  }
}

std::optional<sys::Mapping> MemoryDevice::map(std::uint32_t region, Area area) const {
  const std::lock_guard lock(mutex_);
  const Bar& source = bar(region);
  if (!source.spec.mappable) return std::nullopt;
  return sys::Mapping::of_file(source.memory.get(), static_cast<off_t>(area.begin), area.size,
                               PROT_READ | PROT_WRITE, spec_.address);
}

void MemoryDevice::reset() {
  if (!spec_.reset) refuse(EINVAL, "ioctl", "VFIO_DEVICE_RESET");
  begin_reset();
  const int error = resetting.pass();
  end_reset(error == 0);
  if (error != 0) refuse(error, "ioctl", "VFIO_DEVICE_RESET");
}

/// The device loses its registers, and keeps configuration space and the eventfds. During the
/// reset, no BAR answers.
void MemoryDevice::begin_reset() {
  const std::lock_guard lock(mutex_);
  resetting_ = true;
  apply_decode();
  for (Bar& bar : bars_) std::fill(bar.kept.begin(), bar.kept.end(), std::uint8_t{0});
}

void MemoryDevice::end_reset(bool counts) {
  const std::lock_guard lock(mutex_);
  resetting_ = false;
  apply_decode();
  if (counts) ++resets_;
}

Change MemoryDevice::take_change() {
  const std::lock_guard lock(mutex_);
  sys::drain_eventfd(change_fd_.get());
  return std::exchange(change_, {});
}

// ---- The kernel: interrupts

int MemoryDevice::set_irqs(const IrqRequest& request) {
  const std::lock_guard lock(mutex_);
  const bool eventfds = request.data == IrqRequest::Data::kEventFd;
  if (request.index > VFIO_PCI_MSIX_IRQ_INDEX) refuse_irqs(EINVAL);
  if (eventfds && request.fds.size() != request.count) refuse_irqs(EINVAL);
  if (request.start >= vectors(request.index) ||
      request.count > vectors(request.index) - request.start) {
    refuse_irqs(EINVAL);
  }
  if (request.action == IrqRequest::Action::kTrigger) return set_trigger(request);
  // The kernel also accepts an eventfd that unmasks INTx, but the library does not use it.
  if (request.index != VFIO_PCI_INTX_IRQ_INDEX || eventfds) refuse_irqs(ENOTTY);
  set_intx_mask(request);
  return 0;
}

/// Only one index can be enabled. Without data, a count of 0 disables it, and a larger count is a
/// loop-back.
int MemoryDevice::set_trigger(const IrqRequest& request) {
  if (enabled_ && enabled_ != request.index) refuse_irqs(EINVAL);
  if (request.data == IrqRequest::Data::kEventFd) {
    if (!enabled_) return enable(request);
    replace(request);
    return 0;
  }
  if (!enabled_) refuse_irqs(EINVAL);
  if (request.count == 0) quiet_interrupts();
  for (std::uint32_t i = 0; i < request.count; ++i) signal(request.start + i);
  return 0;
}

int MemoryDevice::enable(const IrqRequest& request) {
  const std::uint32_t wanted = request.start + request.count;
  if (request.index != VFIO_PCI_INTX_IRQ_INDEX &&
      wanted > spec_.vectors_to_spare.value_or(wanted)) {
    return static_cast<int>(*spec_.vectors_to_spare);
  }
  triggers_.resize(wanted);
  enabled_ = request.index;
  intx_masked_ = false;
  try {
    replace(request);
  } catch (...) {
    quiet_interrupts();
    throw;
  }
  deliver_intx();
  return 0;
}

/// The first call determines the number of vectors (NORESIZE).
void MemoryDevice::replace(const IrqRequest& request) {
  if (request.start + request.count > triggers_.size()) refuse_irqs(EINVAL);
  for (std::uint32_t i = 0; i < request.count; ++i) {
    sys::UniqueFd trigger;
    if (request.fds[i] >= 0) {
      trigger = sys::UniqueFd(::fcntl(request.fds[i], F_DUPFD_CLOEXEC, 0));
      if (!trigger.valid()) refuse_irqs(EBADF);
    }
    triggers_[request.start + i] = std::move(trigger);
  }
}

void MemoryDevice::quiet_interrupts() {
  triggers_.clear();
  enabled_.reset();
  intx_masked_ = false;
}

void MemoryDevice::set_intx_mask(const IrqRequest& request) {
  if (enabled_ != VFIO_PCI_INTX_IRQ_INDEX || request.count != 1) refuse_irqs(EINVAL);
  intx_masked_ = request.action == IrqRequest::Action::kMask;
  deliver_intx();
}

/// Each delivery masks the line until it is unmasked.
bool MemoryDevice::deliver_intx() {
  const bool open = enabled_ == VFIO_PCI_INTX_IRQ_INDEX && !intx_masked_ &&
                    (read_command() & kCommandIntxDisable) == 0;
  if (!open || !intx_asserted_) return false;
  intx_masked_ = true;
  return signal(0);
}

bool MemoryDevice::signal(std::uint32_t vector, std::uint64_t times) const {
  if (vector >= triggers_.size() || !triggers_[vector].valid()) return false;
  return ::write(triggers_[vector].get(), &times, sizeof times) == sizeof times;
}

}  // namespace vfio::testing
