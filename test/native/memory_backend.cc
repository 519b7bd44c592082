// SPDX-License-Identifier: MIT
#include "memory_backend.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "command_bits.h"
#include "sys/errors.h"
#include "sys/file.h"
#include "uapi/vfio.h"
#include "vfio/errors.h"

namespace vfio::testing {

namespace {

// An x86 machine with 39 address bits. The MSI window cannot be used for memory.
constexpr std::uint64_t kMsiFirst = 0xfee00000;
constexpr std::uint64_t kMsiLast = 0xfeefffff;
constexpr std::uint64_t kLast = (std::uint64_t{1} << 39) - 1;
constexpr std::uint64_t kPageSizes = 0x1000 | 0x200000 | 0x40000000;
constexpr std::uint64_t kPage = 0x1000;
constexpr std::uint32_t kMostMappings = 65535;

std::string group_path(int group) { return "/dev/vfio/" + std::to_string(group); }

/// Removes a closed range from ascending ranges.
std::vector<IovaRange> without(const std::vector<IovaRange>& ranges, IovaRange hole) {
  std::vector<IovaRange> left;
  for (const IovaRange& range : ranges) {
    if (range.first < hole.first) {
      left.push_back({range.first, std::min(range.last, hole.first - 1)});
    }
    if (range.last > hole.last) left.push_back({std::max(range.first, hole.last + 1), range.last});
  }
  return left;
}

bool inside(const std::vector<IovaRange>& ranges, std::uint64_t iova, std::uint64_t size) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const IovaRange& range) {
    return range.first <= iova && iova <= range.last && size - 1 <= range.last - iova;
  });
}

/// An open device. It closes the device when destroyed.
class MemoryFunction final : public FunctionBackend {
 public:
  MemoryFunction(Machine& machine, MemoryDevice& device, const std::optional<VfToken>& token)
      : machine_(machine), device_(device) {
    device_.open(token);
  }
  ~MemoryFunction() override { device_.close(); }
  MemoryFunction(const MemoryFunction&) = delete;
  MemoryFunction& operator=(const MemoryFunction&) = delete;

  FunctionInfo info() override {
    const std::uint32_t reset = device_.spec().reset ? VFIO_DEVICE_FLAGS_RESET : 0;
    return {.flags = VFIO_DEVICE_FLAGS_PCI | reset,
            .num_regions = VFIO_PCI_NUM_REGIONS,
            .num_irqs = VFIO_PCI_NUM_IRQS};
  }
  std::optional<RegionInfo> region(std::uint32_t index) override { return device_.region(index); }
  std::optional<IrqInfo> irq(std::uint32_t index) override { return device_.irq(index); }
  std::uint64_t read(std::uint32_t region, std::uint64_t offset, unsigned width) override {
    return device_.read(region, offset, width);
  }
  void write(std::uint32_t region, std::uint64_t offset, unsigned width,
             std::uint64_t value) override {
    device_.write(region, offset, width, value);
  }
  std::optional<sys::Mapping> map(const RegionInfo& region, Area area) override {
    return device_.map(region.index, area);
  }
  int set_irqs(const IrqRequest& request) override { return device_.set_irqs(request); }
  void reset() override { device_.reset(); }
  std::vector<AffectedFunction> hot_reset_info() override {
    std::vector<AffectedFunction> affected;
    for (const MemoryDevice* mate : machine_.slot_of(device_)) {
      affected.push_back(
          {.address = Address::parse(mate->spec().address), .group = mate->spec().group});
    }
    return affected;
  }
  void hot_reset(const std::vector<sys::UniqueFd>& groups) override;
  int change_fd() const noexcept override { return device_.change_fd(); }
  Change take_change() override { return device_.take_change(); }

 private:
  Machine& machine_;
  MemoryDevice& device_;
};

/// Like the kernel, this needs a descriptor of each group. Here, only their number is checked.
void MemoryFunction::hot_reset(const std::vector<sys::UniqueFd>& groups) {
  constexpr const char* kRequest = "VFIO_DEVICE_PCI_HOT_RESET";
  const std::vector<MemoryDevice*> slot = machine_.slot_of(device_);
  std::set<int> affected;
  for (const MemoryDevice* mate : slot) affected.insert(mate->spec().group);
  if (groups.size() != affected.size()) throw sys::SysError(EINVAL, "ioctl", kRequest);
  for (MemoryDevice* mate : slot) mate->begin_reset();
  const int error = device_.resetting.pass();
  for (MemoryDevice* mate : slot) mate->end_reset(error == 0);
  if (error != 0) throw sys::SysError(error, "ioctl", kRequest);
}

}  // namespace

/// A container. The lock of the machine guards its tables, because devices use them too.
class MemoryAddressSpace final : public AddressSpaceBackend {
 public:
  explicit MemoryAddressSpace(Machine& machine) : machine_(machine) {
    const std::lock_guard lock(machine_.mutex_);
    ++machine_.containers_;
  }

  ~MemoryAddressSpace() override {
    const std::lock_guard lock(machine_.mutex_);
    --machine_.containers_;
    for (const auto& [group, users] : users_) machine_.groups_[group].holder = nullptr;
  }

  MemoryAddressSpace(const MemoryAddressSpace&) = delete;
  MemoryAddressSpace& operator=(const MemoryAddressSpace&) = delete;

  const char* name() const noexcept override { return "memory"; }

  Limits limits() override {
    const std::lock_guard lock(machine_.mutex_);
    if (users_.empty()) return {};
    return {.attached = true,
            .ranges = ranges(),
            .page_sizes = kPageSizes,
            .mappings_available = kMostMappings - static_cast<std::uint32_t>(mappings_.size())};
  }

  void map(std::uint64_t iova, void* memory, std::uint64_t size, Direction direction) override {
    if (const int error = machine_.mapping.pass()) refuse(error, "VFIO_IOMMU_MAP_DMA");
    const std::lock_guard lock(machine_.mutex_);
    const auto address = reinterpret_cast<std::uintptr_t>(memory);
    const bool aligned = (iova | size | address) % kPage == 0;
    if (users_.empty() || size == 0 || !aligned || !inside(ranges(), iova, size)) {
      refuse(EINVAL, "VFIO_IOMMU_MAP_DMA");
    }
    if (overlaps(iova, size)) refuse(EEXIST, "VFIO_IOMMU_MAP_DMA");
    if (mappings_.size() == kMostMappings) refuse(ENOSPC, "VFIO_IOMMU_MAP_DMA");
    mappings_[iova] = {
        .memory = static_cast<std::uint8_t*>(memory), .size = size, .direction = direction};
  }

  void unmap(std::uint64_t iova, std::uint64_t size) override {
    if (const int error = machine_.unmapping.pass()) refuse(error, "VFIO_IOMMU_UNMAP_DMA");
    const std::lock_guard lock(machine_.mutex_);
    const auto found = mappings_.find(iova);
    if (found == mappings_.end() || found->second.size != size) {
      refuse(overlaps(iova, size) ? EINVAL : ENOENT, "VFIO_IOMMU_UNMAP_DMA");
    }
    mappings_.erase(found);
  }

  std::optional<int> group_of(const Address& address) override {
    const auto device = machine_.devices_.find(address.text());
    if (device == machine_.devices_.end()) {
      throw sys::SysError(ENODEV, "readlink", {}, "/sys/bus/pci/devices/" + address.text());
    }
    return device->second->spec().group;
  }

  std::unique_ptr<FunctionBackend> open(const OpenRequest& request, std::optional<int> group,
                                        const Attach& attach) override {
    hold_group(group.value(), std::nullopt, attach);
    try {
      return std::make_unique<MemoryFunction>(machine_, machine_.device(request.address.text()),
                                              request.vf_token);
    } catch (...) {
      leave(*group, attach);
      throw;
    }
  }

  void detach(const Address&, std::optional<int> group) override { release_group(group.value()); }

  void hold_group(int group, std::optional<sys::Duplicate>, const Attach& attach) override {
    attach([&] { join(group); }, [&] { release_group(group); });
  }

  void release_group(int group) override {
    const std::lock_guard lock(machine_.mutex_);
    if (--users_.at(group) > 0) return;
    users_.erase(group);
    machine_.groups_[group].holder = nullptr;
    if (users_.empty()) mappings_.clear();  // the kernel forgets them with the last group
  }

  sys::UniqueFd group_descriptor(int group) override {
    const std::lock_guard lock(machine_.mutex_);
    return users_.contains(group) ? sys::make_eventfd() : sys::UniqueFd();
  }

 private:
  friend class Machine;

  [[noreturn]] static void refuse(int error, const char* request) {
    throw sys::SysError(error, "ioctl", request, "/dev/vfio/vfio");
  }

  void leave(int group, const Attach& attach) noexcept {
    try {
      attach([&] { release_group(group); }, [] {});
    } catch (const std::exception&) {
    }
  }

  void join(int number) {
    const std::lock_guard lock(machine_.mutex_);
    const auto known = machine_.groups_.find(number);
    if (known == machine_.groups_.end()) {
      throw sys::SysError(ENOENT, "open", {}, group_path(number));
    }
    Machine::Group& group = known->second;
    if (group.busy_elsewhere || (group.holder != nullptr && group.holder != this)) {
      throw sys::SysError(EBUSY, "open", {}, group_path(number));
    }
    if (!group.viable) throw Error(ErrorCode::kNotViable, group_path(number) + " is not viable");
    ++users_[number];
    // Type1 refuses a group if its reserved ranges are mapped already.
    const auto open = ranges();
    for (const auto& [iova, mapped] : mappings_) {
      if (inside(open, iova, mapped.size)) continue;
      if (--users_[number] == 0) users_.erase(number);
      throw sys::SysError(EINVAL, "ioctl", "VFIO_GROUP_SET_CONTAINER", group_path(number));
    }
    group.holder = this;
  }

  std::vector<IovaRange> ranges() const {
    std::vector<IovaRange> open = without({{0, kLast}}, {kMsiFirst, kMsiLast});
    for (const auto& [address, device] : machine_.devices_) {
      if (!users_.contains(device->spec().group)) continue;
      for (const IovaRange& reserved : device->spec().reserved) open = without(open, reserved);
    }
    return open;
  }

  /// The mapping that contains an IOVA.
  const std::pair<const std::uint64_t, Mapped>* find(std::uint64_t iova) const {
    auto next = mappings_.upper_bound(iova);
    if (next == mappings_.begin()) return nullptr;
    --next;
    return iova - next->first < next->second.size ? &*next : nullptr;
  }

  bool overlaps(std::uint64_t iova, std::uint64_t size) const {
    // Mappings do not overlap each other. So only the last one that begins before the end can
    // overlap this range.
    auto next = mappings_.lower_bound(iova + size);
    if (next == mappings_.begin()) return false;
    --next;
    return iova < next->first + next->second.size;
  }

  Machine& machine_;
  std::map<int, unsigned> users_;  // by group
  std::map<std::uint64_t, Mapped> mappings_;
};

Machine::Machine(const std::vector<DeviceSpec>& devices) {
  for (const DeviceSpec& spec : devices) {
    devices_.emplace(spec.address, std::make_unique<MemoryDevice>(spec));
    groups_.emplace(spec.group, Group{});
  }
}

std::unique_ptr<AddressSpaceBackend> Machine::open_container() {
  return std::make_unique<MemoryAddressSpace>(*this);
}

std::vector<MemoryDevice*> Machine::slot_of(const MemoryDevice& device) const {
  std::vector<MemoryDevice*> mates;
  for (const auto& [address, mate] : devices_) {
    const bool together = device.spec().slot && mate->spec().slot == device.spec().slot;
    if (together) mates.push_back(mate.get());
  }
  return mates;
}

MemoryDevice& Machine::device(const std::string& address) { return *devices_.at(address); }

void Machine::set_viable(int group, bool viable) {
  const std::lock_guard lock(mutex_);
  groups_.at(group).viable = viable;
}

void Machine::set_busy_elsewhere(int group, bool busy) {
  const std::lock_guard lock(mutex_);
  groups_.at(group).busy_elsewhere = busy;
}

template <typename Copy>
bool Machine::dma(const std::string& address, std::uint64_t iova, std::size_t size,
                  Direction against, Copy copy) {
  MemoryDevice& source = device(address);
  if ((source.command() & kCommandBusMaster) == 0) return false;
  const std::lock_guard lock(mutex_);
  const MemoryAddressSpace* holder = groups_.at(source.spec().group).holder;
  for (std::size_t done = 0; done < size;) {
    const std::uint64_t at = iova + done;
    const auto* mapped = holder == nullptr ? nullptr : holder->find(at);
    if (mapped == nullptr || mapped->second.direction == against) {
      ++dma_faults_;
      return false;
    }
    const std::uint64_t skipped = at - mapped->first;
    const std::size_t piece = std::min<std::size_t>(size - done, mapped->second.size - skipped);
    copy(mapped->second.memory + skipped, done, piece);
    done += piece;
  }
  return true;
}

bool Machine::dma_write(const std::string& address, std::uint64_t iova,
                        std::span<const std::uint8_t> bytes) {
  return dma(address, iova, bytes.size(), Direction::kToDevice,
             [&](std::uint8_t* memory, std::size_t offset, std::size_t size) {
               std::memcpy(memory, bytes.data() + offset, size);
             });
}

std::optional<std::vector<std::uint8_t>> Machine::dma_read(const std::string& address,
                                                           std::uint64_t iova, std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  const bool done = dma(address, iova, size, Direction::kFromDevice,
                        [&](const std::uint8_t* memory, std::size_t offset, std::size_t piece) {
                          std::memcpy(bytes.data() + offset, memory, piece);
                        });
  return done ? std::optional(std::move(bytes)) : std::nullopt;
}

unsigned Machine::dma_faults() const {
  const std::lock_guard lock(mutex_);
  return dma_faults_;
}

std::map<std::uint64_t, Mapped> Machine::mappings(int group) const {
  const std::lock_guard lock(mutex_);
  const MemoryAddressSpace* holder = groups_.at(group).holder;
  return holder == nullptr ? std::map<std::uint64_t, Mapped>{} : holder->mappings_;
}

unsigned Machine::open_containers() const {
  const std::lock_guard lock(mutex_);
  return containers_;
}

unsigned Machine::open_groups() const {
  const std::lock_guard lock(mutex_);
  return static_cast<unsigned>(std::count_if(groups_.begin(), groups_.end(), [](const auto& group) {
    return group.second.holder != nullptr;
  }));
}

}  // namespace vfio::testing
