// SPDX-License-Identifier: MIT
// An I/O address space of this process: the allocator of IOVAs and the registry of mappings, over
// any back end. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "vfio/backend.h"
#include "vfio/iova_allocator.h"

namespace vfio {

/// Memory to be mapped, and where.
struct MapRequest {
  std::uint64_t size = 0;
  Direction direction = Direction::kBoth;
  /// Exactly there; else a place is chosen.
  std::optional<std::uint64_t> iova = std::nullopt;
  /// Of the device that is to reach it; else of the narrowest that is open.
  std::optional<unsigned> address_bits = std::nullopt;
  /// A power of two.
  std::uint64_t alignment = 1;
  /// It crosses no multiple of this power of two; 0 for none.
  std::uint64_t boundary = 0;
};

class AddressSpace final {
 public:
  explicit AddressSpace(std::unique_ptr<AddressSpaceBackend> backend);

  const char* backend_name() const noexcept { return backend_->name(); }
  Limits limits();

  /// Throws Error kNoDevice before a first device is attached (the ranges are not known before),
  /// kAlign or kRange for a request that can never be met.
  void check(const MapRequest& request);

  /// Maps `request.size` bytes at `memory` for every device of this space and returns their IOVA.
  /// The memory has to stay until unmap. Throws as check() does, and Error kRange when no place is
  /// free.
  std::uint64_t map(void* memory, const MapRequest& request);

  /// When this throws, the mapping is still there as far as anybody knows: its IOVA is not used
  /// again before the last device has gone. It is not replayed, so the memory need not stay.
  void unmap(std::uint64_t iova);

  std::optional<int> group_of(const Address& address) { return backend_->group_of(address); }

  /// Both may take as long as the kernel takes to reset the device; neither holds the lock
  /// meanwhile.
  std::unique_ptr<FunctionBackend> open(const OpenRequest& request, std::optional<int> group);
  void close(std::unique_ptr<FunctionBackend> function, const Address& address,
             std::optional<int> group);

  void hold_group(int group, std::optional<sys::Duplicate> node);
  void release_group(int group);
  sys::UniqueFd group_descriptor(int group) { return backend_->group_descriptor(group); }

 private:
  struct Mapping {
    void* memory;  // null when the mapping is stuck: its owner unmapped it, and the kernel refused
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
