// SPDX-License-Identifier: MIT
// The interface of a back end: what differs between the ways to reach a device. The ways are type1
// (group and container), iommufd, vfio-user, and the memory back end of the tests. Everything above
// these two interfaces is written once.
//
// Both are thread-safe and throw sys::SysError for failed system calls, vfio::Error for the rest.
// They know no Napi and keep no policy: allocation of IOVAs, the registry of mappings, states and
// the order of closing are AddressSpace's and Function's.
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
  std::uint64_t size;   // bytes; 0: the device does not implement it
  /// What may be mapped; empty when only read and write work. Ascending, disjoint, whole pages, but
  /// the last may end with the region, since a BAR can be smaller than a page.
  std::vector<Area> mappable;
  /// A BAR of I/O ports, by bit 0 of its register. They have no access of 8 bytes.
  bool io_ports = false;
  /// VFIO_REGION_INFO_CAP_TYPE, of device-specific regions.
  std::optional<std::uint32_t> type;
  std::optional<std::uint32_t> subtype;
};

struct IrqInfo {
  std::uint32_t index;
  std::uint32_t flags;  // VFIO_IRQ_INFO_*
  std::uint32_t count;  // vectors; 0: the device has none of this kind
};

/// One VFIO_DEVICE_SET_IRQS. `fds` (one a vector, -1 for none) go with kEventFd only.
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

/// What happened to the function since the last look.
struct Change {
  bool lost = false;       // it is gone
  bool requested = false;  // the kernel wants it back (VFIO_PCI_REQ_IRQ_INDEX)
  bool fault = false;      // an uncorrected error (VFIO_PCI_ERR_IRQ_INDEX, AER)
};

/// One PCI function, open. Destruction closes it and may block for as long as the kernel takes to
/// reset the device. All methods may be called from any thread.
class FunctionBackend {
 public:
  virtual ~FunctionBackend() = default;

  virtual FunctionInfo info() = 0;
  /// Nothing when the device has no such region (VGA, mostly); the others keep their numbers.
  virtual std::optional<RegionInfo> region(std::uint32_t index) = 0;
  virtual std::optional<IrqInfo> irq(std::uint32_t index) = 0;

  /// One access of exactly `width` bytes (1, 2, 4 or 8), little-endian in the low bytes of the
  /// value.
  virtual std::uint64_t read(std::uint32_t region, std::uint64_t offset, unsigned width) = 0;
  virtual void write(std::uint32_t region, std::uint64_t offset, unsigned width,
                     std::uint64_t value) = 0;

  /// Maps one of the region's mappable areas; nothing when only read and write will do.
  virtual std::optional<sys::Mapping> map(const RegionInfo& region, Area area) = 0;

  /// 0 when done; n > 0 when only n vectors could be had, and then none is armed.
  virtual int set_irqs(const IrqRequest& request) = 0;

  /// VFIO_DEVICE_RESET. Blocks; callers have checked VFIO_DEVICE_FLAGS_RESET.
  virtual void reset() = 0;

  /// Everything that a hot reset of this function's slot or bus resets, itself included; nothing
  /// when neither can be reset.
  virtual std::vector<AffectedFunction> hot_reset_info() = 0;
  /// VFIO_DEVICE_PCI_HOT_RESET. Blocks. `groups` are the descriptors of every affected group, as
  /// the proof that all of it is ours.
  virtual void hot_reset(const std::vector<sys::UniqueFd>& groups) = 0;

  /// A descriptor that polls readable when take_change() has something to say; -1 if never.
  virtual int change_fd() const noexcept = 0;
  virtual Change take_change() = 0;
};

/// What an address space can do now; read anew whenever something was attached or detached.
struct Limits {
  bool attached = false;          // without a device there are no IOVAs yet
  std::vector<IovaRange> ranges;  // ascending, disjoint
  std::uint64_t page_sizes = 0;   // one bit a page size, as iova_pgsizes
  std::optional<std::uint32_t> mappings_available;
};

/// Which way a device may use a mapping.
enum class Direction { kBoth, kToDevice, kFromDevice };

/// What an open asks for.
struct OpenRequest {
  Address address;
  /// How many address bits the device drives.
  unsigned address_bits = 64;
  /// Of a virtual function whose physical function is open through VFIO, and of that one.
  std::optional<VfToken> vf_token = {};
};

/// Runs the step by which a device or group joins, under the lock of the address space, which then
/// reads the limits anew and makes the mappings again that the kernel forgot, or undoes the step
/// and throws. A join that came to nothing afterwards leaves again through it, with nothing to
/// undo.
using Attach =
    std::function<void(const std::function<void()>& step, const std::function<void()>& undo)>;

/// A set of IOVA -> memory mappings and the devices that see it: a type1 container, an iommufd
/// IOAS, or one space replicated to vfio-user peers. limits, map, unmap and detach* are called
/// under the AddressSpace's lock; open is not, because it can take a minute.
class AddressSpaceBackend {
 public:
  virtual ~AddressSpaceBackend() = default;

  /// "type1", "iommufd", "vfio-user", "memory".
  virtual const char* name() const noexcept = 0;
  virtual Limits limits() = 0;

  /// For every attached function, or for none.
  virtual void map(std::uint64_t iova, void* memory, std::uint64_t size, Direction direction) = 0;
  /// Exactly that much, or it throws.
  virtual void unmap(std::uint64_t iova, std::uint64_t size) = 0;

  /// The IOMMU group of a device, where there is one. Throws Error kNoIommu, or SysError when there
  /// is no such device.
  virtual std::optional<int> group_of(const Address& address) = 0;

  /// Opens a function of this address space. `group` is what group_of said.
  virtual std::unique_ptr<FunctionBackend> open(const OpenRequest& request,
                                                std::optional<int> group, const Attach& attach) = 0;
  /// Undoes the attachment that open made, after the function was destroyed.
  virtual void detach(const Address& address, std::optional<int> group) = 0;

  /// Holds a group open, with or without a device of it; each hold wants its release. `node` is its
  /// node, when that was opened elsewhere; a group that is held already needs none.
  virtual void hold_group(int group, std::optional<sys::Duplicate> node, const Attach& attach) = 0;
  virtual void release_group(int group) = 0;
  /// A descriptor of a group that is held, for hot_reset; not valid when it is not held any more.
  virtual sys::UniqueFd group_descriptor(int group) = 0;
};

}  // namespace vfio
