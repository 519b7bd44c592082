// SPDX-License-Identifier: MIT
// The back end of the tests: memory in place of devices. A Machine holds the devices and knows
// which container has which group, as the kernel does; containers opened on it see the same
// devices. Thread-safe. The machine has to outlive its containers.
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

/// What a container has at an IOVA.
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

  /// What opening /dev/vfio/vfio is.
  std::unique_ptr<AddressSpaceBackend> open_container();

  MemoryDevice& device(const std::string& address);
  /// What is reset together with a device, itself included; nothing when it is in no slot.
  std::vector<MemoryDevice*> slot_of(const MemoryDevice& device) const;

  /// A group that is not viable has a device bound to another driver.
  void set_viable(int group, bool viable);
  /// Somebody outside this process has the group.
  void set_busy_elsewhere(int group, bool busy);

  // ---- A device's own accesses, through what its container has mapped. They want the bus master
  // bit.

  /// False when the IOMMU would have stopped it; then the part before the fault may have been done.
  bool dma_write(const std::string& address, std::uint64_t iova,
                 std::span<const std::uint8_t> bytes);
  std::optional<std::vector<std::uint8_t>> dma_read(const std::string& address, std::uint64_t iova,
                                                    std::size_t size);
  /// How many of them were stopped.
  unsigned dma_faults() const;

  /// The mappings of the container that has the group; none when nobody has it.
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

  /// Carries out an access of a device piece by piece; `copy` gets (memory, offset, size).
  template <typename Copy>
  bool dma(const std::string& address, std::uint64_t iova, std::size_t size, Direction against,
           Copy copy);

  std::map<std::string, std::unique_ptr<MemoryDevice>> devices_;  // does not change
  mutable std::mutex mutex_;  // all of the rest, and the containers' tables
  std::map<int, Group> groups_;
  unsigned containers_ = 0;
  unsigned dma_faults_ = 0;
};

}  // namespace vfio::testing
