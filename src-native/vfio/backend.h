// SPDX-License-Identifier: MIT
// The interface of a back end: what differs between the ways to reach a device. The back ends are
// type1 (group and container), iommufd, vfio-user, and the memory back end of the tests. All code
// above these two interfaces exists once.
//
// Both interfaces are thread-safe. They throw sys::SysError for failed system calls and vfio::Error
// for everything else. They do not know Napi and make no decisions: AddressSpace and Function
// allocate IOVAs, record mappings, keep states and determine the order of closing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sys/file.h"
#include "sys/mapping.h"
#include "sys/unique_fd.h"
#include "vfio/address.h"
#include "vfio/vf_token.h"

namespace vfio {

/// A half-open range [begin, begin + size) of offsets in a region.
struct Area {
  std::uint64_t begin;
  std::uint64_t size;
};

/// A closed range of IOVAs, as the kernel reports them (the end may be 2^64 - 1).
struct IovaRange {
  std::uint64_t first;
  std::uint64_t last;
};

struct FunctionInfo {
  std::uint32_t flags;        // VFIO_DEVICE_FLAGS_*
  std::uint32_t num_regions;  // indexes 0 .. num_regions - 1; some may be absent
  std::uint32_t num_irqs;
};

struct RegionInfo {
  std::uint32_t index;
  std::uint32_t flags;  // VFIO_REGION_INFO_FLAG_*
  std::uint64_t size;   // bytes; 0 if the device does not implement it
  /// The areas that can be mapped. Empty if only read and write work. They are ascending, disjoint
  /// and consist of whole pages. The last one may instead end with the region, because a BAR can be
  /// smaller than a page.
  std::vector<Area> mappable;
  /// The region is a BAR of I/O ports, according to bit 0 of its register. I/O ports have no 8-byte
  /// access.
  bool io_ports = false;
  /// The region is a BAR of prefetchable memory, according to bit 3 of its register: reads have no
  /// side effect, and writes can be merged.
  bool prefetchable = false;
  /// VFIO_REGION_INFO_CAP_TYPE, only for device-specific regions.
  std::optional<std::uint32_t> type;
  std::optional<std::uint32_t> subtype;
};

struct IrqInfo {
  std::uint32_t index;
  std::uint32_t flags;  // VFIO_IRQ_INFO_*
  std::uint32_t count;  // vectors; 0 if the device has no interrupts of this type
};

/// One VFIO_DEVICE_SET_IRQS. `fds` has one entry for each vector (-1 for none), and is only used
/// with kEventFd.
struct IrqRequest {
  enum class Data { kNone, kEventFd };
  enum class Action { kMask, kUnmask, kTrigger };
  std::uint32_t index;
  std::uint32_t start;
  std::uint32_t count;
  Data data;
  Action action;
  std::vector<int> fds;
};

/// A function that a hot reset resets.
struct AffectedFunction {
  Address address;
  int group;
};

/// What has happened to the function since the last call of take_change().
struct Change {
  bool lost = false;       // the device is gone
  bool requested = false;  // the kernel wants it back (VFIO_PCI_REQ_IRQ_INDEX)
  bool fault = false;      // an uncorrected error (VFIO_PCI_ERR_IRQ_INDEX, AER)
};

/// An open PCI function. Its destructor closes it, which can block for as long as the kernel takes
/// to reset the device. All methods can be called from any thread.
class FunctionBackend {
 public:
  virtual ~FunctionBackend() = default;

  virtual FunctionInfo info() = 0;
  /// Returns nullopt if the device has no such region (mostly VGA). The other regions keep their
  /// numbers.
  virtual std::optional<RegionInfo> region(std::uint32_t index) = 0;
  virtual std::optional<IrqInfo> irq(std::uint32_t index) = 0;

  /// One access of exactly `width` bytes (1, 2, 4 or 8), little-endian, in the low bytes of the
  /// value.
  virtual std::uint64_t read(std::uint32_t region, std::uint64_t offset, unsigned width) = 0;
  virtual void write(std::uint32_t region, std::uint64_t offset, unsigned width,
                     std::uint64_t value) = 0;

  /// Maps one of the region's mappable areas. Returns nullopt if only read and write work.
  virtual std::optional<sys::Mapping> map(const RegionInfo& region, Area area) = 0;

  /// Returns 0 on success. Returns n > 0 if only n vectors are available; then none is armed.
  virtual int set_irqs(const IrqRequest& request) = 0;

  /// VFIO_DEVICE_RESET. Blocks. The caller must have checked VFIO_DEVICE_FLAGS_RESET.
  virtual void reset() = 0;

  /// All functions that a hot reset of this function's slot or bus resets, including itself. Empty
  /// if neither can be reset.
  virtual std::vector<AffectedFunction> hot_reset_info() = 0;
  /// VFIO_DEVICE_PCI_HOT_RESET. Blocks. `groups` holds a descriptor of each affected group, which
  /// proves to the kernel that this process owns them all.
  virtual void hot_reset(const std::vector<sys::UniqueFd>& groups) = 0;

  /// A descriptor that is readable when take_change() has something to report. -1 if that never
  /// happens.
  virtual int change_fd() const noexcept = 0;
  virtual Change take_change() = 0;
};

/// The current limits of an address space. They are read again after each attach and detach.
struct Limits {
  bool attached = false;          // without a device there are no IOVAs yet
  std::vector<IovaRange> ranges;  // ascending, disjoint
  std::uint64_t page_sizes = 0;   // one bit per page size, as in iova_pgsizes
  std::optional<std::uint32_t> mappings_available;
};

/// The direction in which a device may use a mapping.
enum class Direction { kBoth, kToDevice, kFromDevice };

/// The parameters of an open.
struct OpenRequest {
  Address address;
  /// How many address bits the device drives.
  unsigned address_bits = 64;
  /// For a physical function, and for a virtual function whose physical function is open through
  /// VFIO.
  std::optional<VfToken> vf_token = {};
};

/// Runs `step`, by which a device or group joins the address space, under the lock of the address
/// space. The address space then reads the limits again and repeats the mappings that the kernel
/// has forgotten. If that fails, it calls `undo` and throws. If a later step of the join fails, the
/// back end also leaves through this function, with an empty `undo`.
using Attach =
    std::function<void(const std::function<void()>& step, const std::function<void()>& undo)>;

/// A set of IOVA -> memory mappings and the devices that see it: a type1 container, an iommufd
/// IOAS, or one space that is replicated to vfio-user peers. limits, map, unmap and detach* are
/// called under the lock of the AddressSpace. open is not, because it can take a minute.
class AddressSpaceBackend {
 public:
  virtual ~AddressSpaceBackend() = default;

  /// "type1", "iommufd", "vfio-user", "memory".
  virtual const char* name() const noexcept = 0;
  virtual Limits limits() = 0;

  /// Maps for every attached function, or for none.
  virtual void map(std::uint64_t iova, void* memory, std::uint64_t size, Direction direction) = 0;
  /// Unmaps exactly that range, or throws.
  virtual void unmap(std::uint64_t iova, std::uint64_t size) = 0;

  /// The IOMMU group of a device, if the back end has groups. Throws Error kNoIommu if the device
  /// has none, or SysError if there is no such device.
  virtual std::optional<int> group_of(const Address& address) = 0;

  /// Opens a function in this address space. `group` is the result of group_of.
  virtual std::unique_ptr<FunctionBackend> open(const OpenRequest& request,
                                                std::optional<int> group, const Attach& attach) = 0;
  /// Undoes the attachment that open made. Call it after the function is destroyed.
  virtual void detach(const Address& address, std::optional<int> group) = 0;

  /// Holds a group open, with or without a device of it. Each hold needs its own release_group.
  /// `node` is the open node of the group if other code opened it. It is not needed if the group is
  /// held already.
  virtual void hold_group(int group, std::optional<sys::Duplicate> node, const Attach& attach) = 0;
  virtual void release_group(int group) = 0;
  /// A descriptor of a held group, for hot_reset. Not valid if the group is no longer held.
  virtual sys::UniqueFd group_descriptor(int group) = 0;
};

}  // namespace vfio
