// SPDX-License-Identifier: MIT
// The back end of the tests: memory in place of devices. A Machine holds the devices and, like the
// kernel, knows which container has which group. All containers opened on it see the same devices.
// Thread-safe. The machine must outlive its containers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "memory_device.h"
#include "stage.h"
#include "vfio/backend.h"

namespace vfio::testing {

class MemoryAddressSpace;

/// The mapping of a container at an IOVA.
struct Mapped {
  std::uint8_t* memory;
  std::uint64_t size;
  Direction direction;
};

class Machine final {
 public:
  explicit Machine(const std::vector<DeviceSpec>& devices);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// Opens a container, as opening /dev/vfio/vfio does.
  std::unique_ptr<AddressSpaceBackend> open_container();

  MemoryDevice& device(const std::string& address);
  /// The devices that are reset together with a device, including itself. Empty if it is in no
  /// slot.
  std::vector<MemoryDevice*> slot_of(const MemoryDevice& device) const;

  /// A group that is not viable has a device bound to another driver.
  void set_viable(int group, bool viable);
  /// Another process has the group open.
  void set_busy_elsewhere(int group, bool busy);

  // ---- DMA of a device, through the mappings of its container. It needs the bus master bit.

  /// Returns false if the IOMMU would have stopped it. The part before the fault may then have been
  /// done.
  bool dma_write(const std::string& address, std::uint64_t iova,
                 std::span<const std::uint8_t> bytes);
  std::optional<std::vector<std::uint8_t>> dma_read(const std::string& address, std::uint64_t iova,
                                                    std::size_t size);
  /// The number of DMA accesses that were stopped.
  unsigned dma_faults() const;

  /// The mappings of the container that has the group. Empty if no container has it.
  std::map<std::uint64_t, Mapped> mappings(int group) const;
  unsigned open_containers() const;
  unsigned open_groups() const;

  Stage mapping;
  Stage unmapping;

 private:
  friend class MemoryAddressSpace;

  struct Group {
    MemoryAddressSpace* holder = nullptr;
    bool viable = true;
    bool busy_elsewhere = false;
  };

  /// Carries out a DMA access piece by piece. `copy` gets (memory, offset, size). `against` is the
  /// mapping direction that forbids this access.
  template <typename Copy>
  bool dma(const std::string& address, std::uint64_t iova, std::size_t size, Direction against,
           Copy copy);

  std::map<std::string, std::unique_ptr<MemoryDevice>> devices_;  // never changes
  mutable std::mutex mutex_;  // guards all of the rest, and the tables of the containers
  std::map<int, Group> groups_;
  unsigned containers_ = 0;
  unsigned dma_faults_ = 0;
};

}  // namespace vfio::testing
