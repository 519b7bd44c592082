// SPDX-License-Identifier: MIT
// An I/O address space of this process: it allocates IOVAs and records the mappings, over any back
// end. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "vfio/backend.h"
#include "vfio/iova_allocator.h"

namespace vfio {

/// The memory to map, and where to map it.
struct MapRequest {
  std::uint64_t size = 0;
  Direction direction = Direction::kBoth;
  /// The exact IOVA. Without it, the library chooses one.
  std::optional<std::uint64_t> iova = std::nullopt;
  /// The address bits of the device that must reach the mapping. By default, those of the open
  /// device with the fewest.
  std::optional<unsigned> address_bits = std::nullopt;
  /// A power of two.
  std::uint64_t alignment = 1;
  /// The mapping must not cross a multiple of this power of two. 0 means no boundary.
  std::uint64_t boundary = 0;
};

class AddressSpace final {
 public:
  explicit AddressSpace(std::unique_ptr<AddressSpaceBackend> backend);

  const char* backend_name() const noexcept { return backend_->name(); }
  Limits limits();

  /// Throws Error kNoDevice before the first device is attached, because the IOVA ranges are not
  /// known until then. Throws kAlign or kRange for a request that can never be met.
  void check(const MapRequest& request);

  /// Maps `request.size` bytes at `memory` for every device of this space and returns their IOVA.
  /// The memory must stay valid until unmap. Throws what check() throws, and Error kRange if no
  /// place is free.
  std::uint64_t map(void* memory, const MapRequest& request);

  /// If this throws, the mapping may still exist. So its IOVA is not reused before the last device
  /// is detached. The mapping is not made again for a new device, so the memory may be freed.
  void unmap(std::uint64_t iova);

  std::optional<int> group_of(const Address& address) { return backend_->group_of(address); }

  /// Both can take as long as the kernel needs to reset the device. Neither holds the lock during
  /// that time.
  std::unique_ptr<FunctionBackend> open(const OpenRequest& request, std::optional<int> group);
  void close(std::unique_ptr<FunctionBackend> function, const Address& address,
             std::optional<int> group);

  void hold_group(int group, std::optional<sys::Duplicate> node);
  void release_group(int group);
  sys::UniqueFd group_descriptor(int group) { return backend_->group_descriptor(group); }

 private:
  struct Mapping {
    void* memory;  // null if the mapping is stuck: its owner unmapped it, but the kernel refused
    std::uint64_t size;
    Direction direction;
  };

  void check_locked(const MapRequest& request) const;
  std::uint64_t choose(const MapRequest& request);
  std::uint64_t highest_for(const MapRequest& request) const;
  std::uint64_t smallest_page() const noexcept;
  void forget_reach(const Address& address);
  Attach attacher();
  void attach(const std::function<void()>& step, const std::function<void()>& undo);
  void leave(const std::function<void()>& step);
  void adopt_limits(bool replay);
  void forget_stuck();
  std::uint64_t page_size_for(std::uint64_t size) const;

  std::mutex mutex_;
  std::unique_ptr<AddressSpaceBackend> backend_;
  Limits limits_;
  IovaAllocator allocator_;
  std::map<std::uint64_t, Mapping> mappings_;  // by IOVA
  std::map<Address, unsigned> reaches_;        // the address bits of each open device
};

}  // namespace vfio
