// SPDX-License-Identifier: MIT
#include "fake_kernel.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "syscalls_hook.h"
#include "uapi/vfio.h"

namespace vfio::testing {

namespace {

constexpr std::uint32_t kRegions = 10;
FakeKernel* current = nullptr;

/// Makes a system call fail.
int fail(int error) {
  errno = error;
  return -1;
}

template <typename T>
T read(const void* argument) {
  T value;
  std::memcpy(&value, argument, sizeof value);
  return value;
}

template <typename T>
void append(std::vector<std::uint8_t>& bytes, const T& value) {
  bytes.resize(bytes.size() + sizeof value);
  std::memcpy(bytes.data() + bytes.size() - sizeof value, &value, sizeof value);
}

/// The targets of the sysfs links. The devices themselves are links too.
const std::map<std::string, std::string>& links() {
  static const std::map<std::string, std::string> kLinks{
      {"/sys/bus/pci/devices/0000:01:00.0", "../../../devices/pci0000:00/0000:01:00.0"},
      {"/sys/bus/pci/devices/0000:01:00.0/iommu_group", "../../../../kernel/iommu_groups/12"},
      {"/sys/bus/pci/devices/0000:01:00.1/iommu_group", "../../../../kernel/iommu_groups/12"},
      {"/sys/bus/pci/devices/0000:02:00.0/iommu_group", "../../../../kernel/iommu_groups/13"},
      {"/sys/bus/pci/devices/0000:03:00.0", "../../../devices/pci0000:00/0000:03:00.0"},
      {"/sys/bus/pci/devices/0000:06:00.0/iommu_group", "../../../../kernel/iommu_groups/-1"},
      {"/sys/bus/pci/devices/0000:06:00.1/iommu_group", "../../../../kernel/iommu_groups/12/.."},
      {"/sys/bus/pci/devices/0000:06:00.2/iommu_group", "../iommu_groups/99999999999999999999"},
      {"/sys/bus/pci/devices/0000:06:00.3/iommu_group", "../../../../kernel/iommu_groups/"},
      {"/sys/bus/pci/devices/0000:06:00.4/iommu_group", "../../../../kernel/iommu_groups/12b"},
  };
  return kLinks;
}

using Armed = std::map<std::uint32_t, std::vector<int>>;

void disarm(Armed& armed) {
  for (const auto& [index, eventfds] : armed) {
    for (const int eventfd : eventfds) ::close(eventfd);
  }
  armed.clear();
}

void signal(const Armed& armed, std::uint32_t index, std::uint32_t vector) {
  const auto found = armed.find(index);
  if (found == armed.end() || vector >= found->second.size()) return;
  const std::uint64_t one = 1;
  if (::write(found->second[vector], &one, sizeof one) < 0) std::abort();
}

void clear_power(int device) {
  const std::vector<std::uint8_t> ones(60, 0xff);
  const auto offset = FakeKernel::region_offset(VFIO_PCI_CONFIG_REGION_INDEX) + 4;
  if (::pwrite(device, ones.data(), ones.size(), static_cast<off_t>(offset)) < 0) std::abort();
}

/// Makes BAR 2 prefetchable memory and BAR 5 one of I/O ports. Of the I/O BAR, bit 3 is part of its
/// address.
void write_kinds_of_bars(int device) {
  const std::array<std::uint32_t, 4> bars = {8, 0, 0, 9};
  const auto offset = FakeKernel::region_offset(VFIO_PCI_CONFIG_REGION_INDEX) + 0x18;
  if (::pwrite(device, bars.data(), sizeof bars, static_cast<off_t>(offset)) < 0) std::abort();
}

}  // namespace

FakeKernel::FakeKernel() {
  current = this;
  forward_syscalls_to(table());
}

FakeKernel::~FakeKernel() {
  for (auto& [fd, file] : files_) disarm(file.armed);
  forward_syscalls_to(sys::kernel_syscalls());
  reset_syscalls();
  current = nullptr;
}

FakeKernel& FakeKernel::instance() { return *current; }

const sys::Syscalls& FakeKernel::table() {
  static const sys::Syscalls kTable = [] {
    sys::Syscalls calls = sys::kernel_syscalls();
    calls.open = [](const char* path, int flags) { return instance().open(path, flags); };
    calls.close = [](int fd) { return instance().close(fd); };
    calls.ioctl = [](int fd, unsigned long request, void* argument) {
      return instance().ioctl(fd, request, argument);
    };
    calls.readlink = [](const char* path, char* buffer, std::size_t size) {
      return instance().readlink(path, buffer, size);
    };
    calls.uname = [](utsname* names) {
      *names = {};
      instance().release.copy(names->release, sizeof names->release - 1);
      return 0;
    };
    calls.poll = [](pollfd* fds, nfds_t count, int timeout_ms) {
      return count == 0 ? 0 : ::poll(fds, count, timeout_ms);  // no test waits for time to pass
    };
    return calls;
  }();
  return kTable;
}

void FakeKernel::raise(std::uint32_t irq_index, std::uint32_t vector) {
  const std::lock_guard lock(mutex_);
  for (const auto& [fd, file] : files_) signal(file.armed, irq_index, vector);
}

std::multimap<std::uint64_t, std::uint64_t> FakeKernel::mappings() const {
  const std::lock_guard lock(mutex_);
  std::multimap<std::uint64_t, std::uint64_t> all;
  for (const auto& [fd, file] : files_) all.insert(file.mappings.begin(), file.mappings.end());
  return all;
}

std::size_t FakeKernel::armed_eventfds() const {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const auto& [fd, file] : files_) {
    for (const auto& [index, eventfds] : file.armed) count += eventfds.size();
  }
  return count;
}

std::vector<std::string> FakeKernel::holdings() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> lines;
  for (const auto& [fd, file] : files_) lines.push_back(describe(fd, file));
  for (const auto& [fd, file] : files_) {
    for (const auto& [iova, size] : file.mappings) {
      lines.push_back("mapping " + std::to_string(size));
    }
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::string FakeKernel::describe(int fd, const File& file) {
  if (file.kind == Kind::kContainer) return "container";
  const std::string group = "group " + std::to_string(file.group);
  if (file.kind == Kind::kGroup) return group + (file.container < 0 ? "" : " in a container");
  std::uint16_t command = 0;
  const auto at = static_cast<off_t>(region_offset(VFIO_PCI_CONFIG_REGION_INDEX) + 4);
  if (::pread(fd, &command, sizeof command, at) < 0) std::abort();
  std::string line = "device " + file.address + " command " + std::to_string(command);
  for (const auto& [index, eventfds] : file.armed) {
    line += " armed " + std::to_string(index) + ":" + std::to_string(eventfds.size());
  }
  return line;
}

void FakeKernel::poke(std::uint64_t offset, std::uint32_t value) {
  const std::lock_guard lock(mutex_);
  for (const auto& [fd, file] : files_) {
    if (file.kind != Kind::kDevice) continue;
    if (::pwrite(fd, &value, sizeof value, static_cast<off_t>(offset)) < 0) std::abort();
  }
}

void FakeKernel::vanish() {
  const std::lock_guard lock(mutex_);
  gone_ = true;
  for (const auto& [fd, file] : files_) {
    if (file.kind == Kind::kDevice) clear_power(fd);
  }
}

// ---- Files

int FakeKernel::add(Kind kind, int group) {
  const int fd = ::memfd_create("fake", MFD_CLOEXEC);
  if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(region_offset(kRegions))) != 0) std::abort();
  files_[fd] = {.kind = kind, .group = group};
  if (kind == Kind::kDevice && gone_) clear_power(fd);
  return fd;
}

int FakeKernel::open(const std::string& path, int flags) {
  const std::lock_guard lock(mutex_);
  if ((flags & O_CLOEXEC) == 0) return fail(EPROTO);
  if (path == "/dev/vfio/vfio") return add(Kind::kContainer, 0);
  const bool group = path == "/dev/vfio/12" || path == "/dev/vfio/13";
  if (!group || !bound) return fail(ENOENT);
  if (opens_too_early > 0) {
    --opens_too_early;
    return fail(ENOENT);
  }
  const int number = std::stoi(path.substr(path.rfind('/') + 1));
  for (const auto& [fd, file] : files_) {
    if (file.kind == Kind::kGroup && file.group == number) return fail(EBUSY);
  }
  return add(Kind::kGroup, number);
}

int FakeKernel::close(int fd) {
  const std::lock_guard lock(mutex_);
  if (const auto file = files_.find(fd); file != files_.end()) {
    leave(file->second);
    disarm(file->second.armed);
    files_.erase(file);
  }
  return ::close(fd);
}

ssize_t FakeKernel::readlink(const std::string& path, char* buffer, std::size_t size) {
  std::string target;
  if (const auto link = links().find(path); link != links().end()) {
    target = link->second;
  } else if (bound && path.starts_with("/sys/class/vfio/1")) {
    target = "../../devices/virtual/vfio";
  } else {
    return fail(ENOENT);
  }
  return static_cast<ssize_t>(target.copy(buffer, size));
}

bool FakeKernel::has_groups(int container) const {
  return std::any_of(files_.begin(), files_.end(), [&](const auto& file) {
    return file.second.kind == Kind::kGroup && file.second.container == container;
  });
}

/// The container forgets its IOMMU and its mappings when the last group leaves.
void FakeKernel::leave(File& group) {
  if (group.kind != Kind::kGroup || group.container < 0) return;
  const int left = std::exchange(group.container, -1);
  const auto container = files_.find(left);
  if (container == files_.end() || has_groups(left)) return;
  container->second.iommu_set = false;
  container->second.mappings.clear();
}

int FakeKernel::ioctl(int fd, unsigned long request, void* argument) {
  const std::lock_guard lock(mutex_);
  const auto file = files_.find(fd);
  if (file == files_.end()) return fail(ENOTTY);
  switch (file->second.kind) {
    case Kind::kContainer:
      return container_ioctl(fd, file->second, request, argument);
    case Kind::kGroup:
      return group_ioctl(fd, file->second, request, argument);
    case Kind::kDevice:
      break;
  }
  return device_ioctl(file->second, request, argument);
}

/// Copies as much of an answer as fits, and writes the size of the whole answer to argsz.
int FakeKernel::answer(void* argument, std::vector<std::uint8_t> bytes) const {
  const auto space = read<std::uint32_t>(argument);
  const auto wanted =
      asks_for_more > 0 ? space + asks_for_more : static_cast<std::uint32_t>(bytes.size());
  std::memcpy(bytes.data(), &wanted, sizeof wanted);
  std::memcpy(argument, bytes.data(), std::min<std::size_t>(space, bytes.size()));
  return 0;
}

// ---- Containers and groups

int FakeKernel::container_ioctl(int fd, File& container, unsigned long request, void* argument) {
  const auto number = reinterpret_cast<std::uintptr_t>(argument);
  if (request == VFIO_GET_API_VERSION) return api_version;
  if (request == VFIO_CHECK_EXTENSION) {
    return (number == VFIO_TYPE1_IOMMU && has_type1) ||
           (number == VFIO_TYPE1v2_IOMMU && has_type1v2);
  }
  if (request == VFIO_SET_IOMMU) {
    if (!has_groups(fd) || container.iommu_set || number != VFIO_TYPE1v2_IOMMU) {
      return fail(EINVAL);
    }
    container.iommu_set = true;
    ++set_iommus;
    return 0;
  }
  if (!container.iommu_set) return fail(EINVAL);
  if (request == VFIO_IOMMU_GET_INFO) return iommu_info(container, argument);
  if (request == VFIO_IOMMU_MAP_DMA) {
    const auto map = read<vfio_iommu_type1_dma_map>(argument);
    if (!container.mappings.emplace(map.iova, map.size).second) return fail(EEXIST);
    last_map_flags = map.flags;
    return 0;
  }
  if (request == VFIO_IOMMU_UNMAP_DMA) {
    auto unmap = read<vfio_iommu_type1_dma_unmap>(argument);
    if (unmap.flags != 0) return fail(EINVAL);
    if (container.mappings.erase(unmap.iova) == 0) unmap.size = 0;
    unmap.size = unmapped.value_or(unmap.size);
    std::memcpy(argument, &unmap, sizeof unmap);
    return 0;
  }
  return fail(ENOTTY);
}

int FakeKernel::iommu_info(const File& container, void* argument) const {
  constexpr std::uint32_t kFirst = sizeof(vfio_iommu_type1_info);
  constexpr std::uint32_t kSecond = kFirst + sizeof(vfio_iommu_type1_info_dma_avail) + 4;
  std::vector<std::uint8_t> bytes;
  append(bytes, vfio_iommu_type1_info{.argsz = 0,
                                      .flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS,
                                      .iova_pgsizes = 0x40201000,
                                      .cap_offset = kFirst,
                                      .pad = 0});
  append(bytes, vfio_iommu_type1_info_dma_avail{
                    .header = {.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL,
                               .version = 1,
                               .next = has_ranges ? kSecond : 0},
                    .avail = 65535 - static_cast<std::uint32_t>(container.mappings.size())});
  bytes.resize(kSecond);
  if (has_ranges) {
    append(bytes,
           vfio_iommu_type1_info_cap_iova_range{
               .header = {.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, .version = 1, .next = 0},
               .nr_iovas = 2,
               .reserved = 0});
    append(bytes, vfio_iova_range{.start = 0, .end = 0xfedfffff});
    append(bytes, vfio_iova_range{.start = 0xfef00000, .end = (std::uint64_t{1} << 39) - 1});
  }
  return answer(argument, std::move(bytes));
}

int FakeKernel::group_ioctl(int fd, File& group, unsigned long request, void* argument) {
  if (request == VFIO_GROUP_GET_STATUS) {
    auto status = read<vfio_group_status>(argument);
    constexpr std::uint32_t kFlagOfLaterKernels = 1U << 31;
    status.flags = kFlagOfLaterKernels | (viable ? VFIO_GROUP_FLAGS_VIABLE : 0) |
                   (group.container >= 0 ? VFIO_GROUP_FLAGS_CONTAINER_SET : 0);
    std::memcpy(argument, &status, sizeof status);
    return 0;
  }
  if (request == VFIO_GROUP_SET_CONTAINER) {
    const int container = read<int>(argument);
    const auto file = files_.find(container);
    if (file == files_.end() || file->second.kind != Kind::kContainer) return fail(EINVAL);
    group.container = container;
    return 0;
  }
  if (group.container < 0) return fail(EINVAL);
  if (request == VFIO_GROUP_UNSET_CONTAINER) {
    const bool in_use = std::any_of(files_.begin(), files_.end(), [&](const auto& file) {
      return file.first != fd && file.second.kind == Kind::kDevice &&
             file.second.group == group.group;
    });
    if (in_use) return fail(EBUSY);
    ++unset_containers;
    leave(group);
    return 0;
  }
  if (request == VFIO_GROUP_GET_DEVICE_FD) {
    return open_device(group, static_cast<const char*>(argument));
  }
  return fail(ENOTTY);
}

/// `name` is the address of the device, optionally followed by ` vf_token=` and a token.
int FakeKernel::open_device(const File& group, const std::string& name) {
  constexpr std::string_view kToken = " vf_token=";
  const std::string address = name.substr(0, name.find(' '));
  const auto link = links().find("/sys/bus/pci/devices/" + address + "/iommu_group");
  const std::string own = std::to_string(group.group);
  if (link == links().end() || !link->second.ends_with(own)) return fail(ENODEV);
  if (!files_.at(group.container).iommu_set) return fail(EINVAL);
  const std::string rest = name.substr(address.size());
  if (!rest.empty() && !rest.starts_with(kToken)) return fail(EINVAL);
  if (const auto token = vf_tokens.find(address); token == vf_tokens.end()) {
    if (!rest.empty()) return fail(EINVAL);
  } else if (rest != std::string(kToken) + token->second) {
    return fail(EACCES);
  }
  const int device = add(Kind::kDevice, group.group);
  files_[device].address = address;
  if (!gone_) write_kinds_of_bars(device);
  return device;
}

// ---- Devices

int FakeKernel::device_ioctl(File& device, unsigned long request, void* argument) {
  if (request == VFIO_DEVICE_GET_INFO) {
    std::vector<std::uint8_t> bytes;
    append(bytes, vfio_device_info{.argsz = 0,
                                   .flags = device_flags,
                                   .num_regions = num_regions,
                                   .num_irqs = num_irqs,
                                   .cap_offset = 0,
                                   .pad = 0});
    return answer(argument, std::move(bytes));
  }
  if (request == VFIO_DEVICE_GET_REGION_INFO) return region_info(argument);
  if (request == VFIO_DEVICE_GET_IRQ_INFO) return irq_info(argument);
  if (request == VFIO_DEVICE_SET_IRQS) return set_irqs(device, argument);
  if (request == VFIO_DEVICE_RESET) {
    ++resets;
    return 0;
  }
  if (request == VFIO_DEVICE_GET_PCI_HOT_RESET_INFO) return hot_reset_info(argument);
  if (request == VFIO_DEVICE_PCI_HOT_RESET) return hot_reset(argument);
  return fail(ENOTTY);
}

int FakeKernel::hot_reset_info(void* argument) const {
  if (slot.empty()) return fail(ENODEV);
  std::vector<std::uint8_t> bytes;
  append(bytes, vfio_pci_hot_reset_info{.argsz = read<std::uint32_t>(argument),
                                        .flags = 0,
                                        .count = static_cast<std::uint32_t>(slot.size())});
  const std::size_t head = bytes.size();
  for (const auto& device : slot) append(bytes, device);
  const bool fits = read<std::uint32_t>(argument) >= bytes.size() && asks_for_more == 0;
  std::memcpy(argument, bytes.data(), fits ? bytes.size() : head);
  return fits ? 0 : fail(ENOSPC);
}

/// The descriptors must cover every group of the slot, and there must not be more of them than the
/// slot has devices.
int FakeKernel::hot_reset(const void* argument) {
  const auto head = read<vfio_pci_hot_reset>(argument);
  if (slot.empty()) return fail(ENODEV);
  if (head.count > slot.size()) return fail(EINVAL);
  std::vector<int> groups;
  for (std::uint32_t i = 0; i < head.count; ++i) {
    const auto* fds = static_cast<const std::uint8_t*>(argument) + sizeof head;
    const int fd = read<std::int32_t>(fds + i * sizeof(std::int32_t));
    struct stat status {};
    if (::fstat(fd, &status) != 0) return fail(EBADF);
    // A duplicated descriptor refers to the same file.
    for (const auto& [known, file] : files_) {
      struct stat other {};
      ::fstat(known, &other);
      const bool same = other.st_dev == status.st_dev && other.st_ino == status.st_ino;
      if (same && file.kind == Kind::kGroup) groups.push_back(file.group);
    }
  }
  const bool owned = std::all_of(slot.begin(), slot.end(), [&](const auto& device) {
    return std::find(groups.begin(), groups.end(), static_cast<int>(device.group_id)) !=
           groups.end();
  });
  if (!owned || groups.size() != head.count) return fail(EINVAL);
  if (hot_resets_refused > 0) {
    --hot_resets_refused;
    return fail(EBUSY);
  }
  hot_resets.push_back(std::move(groups));
  return 0;
}

/// BAR 0 contains the MSI-X table, BAR 2 can be mapped in two parts, BAR 4 cannot be mapped, and
/// BAR 5 has I/O ports. There is configuration space, no VGA, and one device-specific region.
int FakeKernel::region_info(void* argument) const {
  constexpr std::uint32_t kReadWrite = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
  constexpr std::uint32_t kChained = VFIO_REGION_INFO_FLAG_CAPS;
  constexpr std::uint32_t kCap = sizeof(vfio_region_info);
  const auto index = read<vfio_region_info>(argument).index;
  vfio_region_info info{.argsz = 0,
                        .flags = 0,
                        .index = index + (mixes_up_regions ? 1 : 0),
                        .cap_offset = 0,
                        .size = 0,
                        .offset = region_offset(index)};
  std::vector<std::uint8_t> chain;
  switch (index) {
    case 0:
      info.flags = kReadWrite | VFIO_REGION_INFO_FLAG_MMAP | kChained;
      info.size = 0x4000;
      append(chain, vfio_info_cap_header{
                        .id = VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, .version = 1, .next = 0});
      break;
    case 2:
      info.flags = kReadWrite | VFIO_REGION_INFO_FLAG_MMAP | kChained;
      info.size = 0x8000;
      append(chain, vfio_region_info_cap_sparse_mmap{
                        .header = {.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP, .version = 1, .next = 0},
                        .nr_areas = 2,
                        .reserved = 0});
      append(chain, vfio_region_sparse_mmap_area{.offset = 0, .size = 0x2000});
      append(chain, vfio_region_sparse_mmap_area{.offset = 0x4000, .size = 0x4000});
      break;
    case 4:
      info.flags = kReadWrite;
      info.size = 0x100;
      break;
    case 5:
      info.flags = kReadWrite;
      info.size = 0x20;
      break;
    case VFIO_PCI_CONFIG_REGION_INDEX:
      info.flags = kReadWrite;
      info.size = 0x1000;
      break;
    case VFIO_PCI_VGA_REGION_INDEX:
      return fail(EINVAL);
    case VFIO_PCI_NUM_REGIONS:
      info.flags = VFIO_REGION_INFO_FLAG_READ | kChained;
      info.size = 0x2000;
      append(chain, vfio_region_info_cap_type{
                        .header = {.id = VFIO_REGION_INFO_CAP_TYPE, .version = 1, .next = 0},
                        .type = 0x80008086,
                        .subtype = 1});
      break;
    default:
      break;
  }
  // Like the kernel, this returns the capability chain only if all of it fits.
  const bool fits = read<std::uint32_t>(argument) >= kCap + chain.size();
  if (!chain.empty() && fits) info.cap_offset = kCap;
  std::vector<std::uint8_t> bytes;
  append(bytes, info);
  bytes.insert(bytes.end(), chain.begin(), chain.end());
  return answer(argument, std::move(bytes));
}

int FakeKernel::irq_info(void* argument) const {
  auto info = read<vfio_irq_info>(argument);
  constexpr std::uint32_t kCounts[]{1, 4, 8, 1, 1};
  if (info.index == VFIO_PCI_ERR_IRQ_INDEX && !has_err) return fail(EINVAL);
  info.flags = VFIO_IRQ_INFO_EVENTFD;
  info.count = kCounts[info.index];
  std::vector<std::uint8_t> bytes;
  append(bytes, info);
  return answer(argument, std::move(bytes));
}

int FakeKernel::set_irqs(File& device, const void* argument) {
  const auto set = read<vfio_irq_set>(argument);
  const auto* bytes = static_cast<const std::uint8_t*>(argument);
  last_irq_set.assign(bytes, bytes + set.argsz);
  if ((set.flags & VFIO_IRQ_SET_ACTION_TRIGGER) == 0) return 0;
  if ((set.flags & VFIO_IRQ_SET_DATA_EVENTFD) == 0 && set.count > 0) {
    for (std::uint32_t i = 0; i < set.count; ++i) signal(device.armed, set.index, set.start + i);
    return 0;
  }
  // Only one of INTx, MSI and MSI-X can be armed at a time. ERR and REQ are separate.
  if (set.index < VFIO_PCI_ERR_IRQ_INDEX && set.count > 0 && set_irqs_result != 0) {
    return set_irqs_result;
  }
  Armed former;
  if (const auto node = device.armed.extract(set.index)) former[set.index] = node.mapped();
  disarm(former);
  for (std::uint32_t i = 0; i < set.count; ++i) {
    const int eventfd = read<std::int32_t>(bytes + sizeof set + i * sizeof(std::int32_t));
    device.armed[set.index].push_back(::fcntl(eventfd, F_DUPFD_CLOEXEC, 0));
  }
  return 0;
}

}  // namespace vfio::testing
