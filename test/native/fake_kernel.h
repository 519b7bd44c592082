// SPDX-License-Identifier: MIT
// VFIO as the kernel offers it, below the table of system calls. It has /dev/vfio/vfio, groups 12
// and 13, the devices 0000:01:00.0 and .1 (group 12), 0000:02:00.0 (group 13), and 0000:03:00.0
// without an IOMMU. Its descriptors are real ones, so that leaks show; a device's is a sparse
// memfd, so that reading and mapping regions works; its eventfds are signalled. Stands from
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

  // ---- How it behaves. Set before the call that it is about.
  int api_version = 0;
  bool has_type1 = true;
  bool has_type1v2 = true;
  bool viable = true;
  bool bound = true;                // to vfio-pci: the groups have nodes
  unsigned opens_too_early = 0;     // so many opens of a group find no node yet
  bool has_ranges = true;           // IOVA_RANGE, as from Linux 5.4
  std::uint32_t asks_for_more = 0;  // so many bytes with each answer: argsz never settles
  bool has_err = true;
  std::uint32_t device_flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
  std::uint32_t num_regions = 10;
  std::uint32_t num_irqs = 5;
  bool mixes_up_regions = false;          // answers for the next one
  int set_irqs_result = 0;                // of MSI and MSI-X
  std::optional<std::uint64_t> unmapped;  // what UNMAP says it did
  /// What a hot reset of any device takes along; empty where there is none.
  std::vector<vfio_pci_dependent_device> slot;
  /// The tokens of the virtual functions, by address; a device that is none takes no token.
  std::map<std::string, std::string> vf_tokens = {};
  unsigned hot_resets_refused = 0;  // so many answer EBUSY
  std::string release = "7.3.0";    // what uname says

  // ---- What was done to it.
  std::uint32_t last_map_flags = 0;
  unsigned set_iommus = 0;
  unsigned unset_containers = 0;
  unsigned resets = 0;
  std::vector<std::vector<int>> hot_resets;  // the groups each came with
  std::vector<std::uint8_t> last_irq_set;

  /// What is open, mapped and armed, a line each, in no order that tells when.
  std::vector<std::string> holdings() const;
  /// IOVA -> size, of all containers.
  std::multimap<std::uint64_t, std::uint64_t> mappings() const;
  /// The eventfds armed, of all devices and indexes.
  std::size_t armed_eventfds() const;

  /// Raises a vector of every device that has it armed.
  void raise(std::uint32_t irq_index, std::uint32_t vector = 0);
  /// From now on config space of every device reads all ones, but for the vendor ID, which the
  /// kernel makes up.
  void vanish();
  /// Contents of a device's file.
  void poke(std::uint64_t offset, std::uint32_t value);

  // Where the regions of every device are in its file.
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
