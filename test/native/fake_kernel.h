// SPDX-License-Identifier: MIT
// A fake kernel with VFIO, below the table of system calls. It has /dev/vfio/vfio, groups 12 and
// 13, the devices 0000:01:00.0 and .1 (group 12), 0000:02:00.0 (group 13), and 0000:03:00.0 without
// an IOMMU. Its descriptors are real, so that leaks are visible. A device's descriptor is a sparse
// memfd, so that regions can be read and mapped. Its eventfds are signalled. It is active from
// construction to destruction. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sys/syscalls.h"
#include "uapi/vfio.h"

namespace vfio::testing {

class FakeKernel final {
 public:
  FakeKernel();
  ~FakeKernel();
  FakeKernel(const FakeKernel&) = delete;
  FakeKernel& operator=(const FakeKernel&) = delete;

  // ---- Its behaviour. Set it before the call that it affects.
  int api_version = 0;
  bool has_type1 = true;
  bool has_type1v2 = true;
  bool viable = true;
  bool bound = true;                // to vfio-pci: the groups have nodes
  unsigned opens_too_early = 0;     // this many opens of a group find no node yet
  bool has_ranges = true;           // IOVA_RANGE, as in Linux 5.4 and later
  std::uint32_t asks_for_more = 0;  // this many bytes more with each answer: argsz never settles
  bool has_err = true;
  std::uint32_t device_flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
  std::uint32_t num_regions = 10;
  std::uint32_t num_irqs = 5;
  bool mixes_up_regions = false;          // it answers for the next region
  int set_irqs_result = 0;                // for MSI and MSI-X
  std::optional<std::uint64_t> unmapped;  // the size that UNMAP reports
  /// The devices that a hot reset of any device affects. Empty if there is no hot reset.
  std::vector<vfio_pci_dependent_device> slot;
  /// The tokens of the virtual functions, by address. Other devices accept no token.
  std::map<std::string, std::string> vf_tokens = {};
  unsigned hot_resets_refused = 0;  // this many answer EBUSY
  std::string release = "7.3.0";    // the release that uname returns

  // ---- The calls that it received.
  std::uint32_t last_map_flags = 0;
  unsigned set_iommus = 0;
  unsigned unset_containers = 0;
  unsigned resets = 0;
  std::vector<std::vector<int>> hot_resets;  // the groups of each
  std::vector<std::uint8_t> last_irq_set;

  /// Lists everything that is open, mapped and armed, one line each, sorted.
  std::vector<std::string> holdings() const;
  /// IOVA -> size, for all containers.
  std::multimap<std::uint64_t, std::uint64_t> mappings() const;
  /// The number of armed eventfds, over all devices and indexes.
  std::size_t armed_eventfds() const;

  /// Raises this vector of every device that has it armed.
  void raise(std::uint32_t irq_index, std::uint32_t vector = 0);
  /// From now on, config space of every device reads all ones, except the vendor ID, which the
  /// kernel emulates.
  void vanish();
  /// Writes to the file of every open device.
  void poke(std::uint64_t offset, std::uint32_t value);

  // The position of a region in the file of any device.
  static constexpr std::uint64_t region_offset(std::uint32_t index) {
    return std::uint64_t{index} << 40;
  }

 private:
  enum class Kind { kContainer, kGroup, kDevice };
  struct File {
    Kind kind;
    int group = 0;                                         // of a group, and of a device
    int container = -1;                                    // of a group
    bool iommu_set = false;                                // of a container
    std::map<std::uint64_t, std::uint64_t> mappings = {};  // of a container
    std::string address = {};                              // of a device
    std::map<std::uint32_t, std::vector<int>> armed = {};  // of a device: eventfds by index
  };

  static const sys::Syscalls& table();
  static FakeKernel& instance();

  int open(const std::string& path, int flags);
  int close(int fd);
  int ioctl(int fd, unsigned long request, void* argument);
  ssize_t readlink(const std::string& path, char* buffer, std::size_t size);

  int add(Kind kind, int group);
  bool has_groups(int container) const;
  void leave(File& group);
  int container_ioctl(int fd, File& container, unsigned long request, void* argument);
  int group_ioctl(int fd, File& group, unsigned long request, void* argument);
  int open_device(const File& group, const std::string& name);
  int device_ioctl(File& device, unsigned long request, void* argument);
  int iommu_info(const File& container, void* argument) const;
  int region_info(void* argument) const;
  int irq_info(void* argument) const;
  int set_irqs(File& device, const void* argument);
  static std::string describe(int fd, const File& file);
  int hot_reset_info(void* argument) const;
  int hot_reset(const void* argument);
  int answer(void* argument, std::vector<std::uint8_t> bytes) const;

  mutable std::mutex mutex_;
  std::map<int, File> files_;
  bool gone_ = false;
};

}  // namespace vfio::testing
