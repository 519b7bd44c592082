// SPDX-License-Identifier: MIT
#include "vfio/address_space.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "vfio/attempt.h"
#include "vfio/errors.h"
#include "vfio/text.h"

namespace vfio {

namespace {

/// No current IOMMU has larger pages, and a coarser alignment wastes addresses.
constexpr std::uint64_t kLargestPage = std::uint64_t{1} << 30;

void check_size(std::uint64_t size, std::uint64_t page) {
  if (size == 0) throw Error(ErrorCode::kRange, "a DMA mapping cannot be empty");
  if (size % page == 0) return;
  const std::uint64_t next = (size / page + 1) * page;
  throw Error(ErrorCode::kAlign, std::to_string(size) +
                                     " bytes are not a multiple of the IOMMU's page size, " +
                                     std::to_string(page) + ": ask for " + std::to_string(next));
}

void check_iova(const MapRequest& request, std::uint64_t page, std::uint64_t highest) {
  const std::uint64_t iova = *request.iova;
  const std::uint64_t alignment = std::max(page, request.alignment);
  if (iova % alignment != 0) {
    throw Error(ErrorCode::kAlign,
                "the IOVA " + hex(iova) + " is not a multiple of " + hex(alignment));
  }
  const std::uint64_t last = iova + (request.size - 1);
  if (last < iova || last > highest) {
    throw Error(ErrorCode::kRange, "the IOVA " + hex(iova) + " + " + std::to_string(request.size) +
                                       " bytes lies beyond the " +
                                       std::to_string(std::bit_width(highest)) +
                                       " address bits that the device drives");
  }
  if (request.boundary != 0 && iova / request.boundary != last / request.boundary) {
    throw Error(ErrorCode::kRange, "the IOVA " + hex(iova) + " + " + std::to_string(request.size) +
                                       " bytes crosses a multiple of the boundary " +
                                       hex(request.boundary));
  }
}

}  // namespace

AddressSpace::AddressSpace(std::unique_ptr<AddressSpaceBackend> backend)
    : backend_(std::move(backend)) {
  limits_ = backend_->limits();
  allocator_.set_ranges(limits_.ranges);
}

Limits AddressSpace::limits() {
  const std::lock_guard lock(mutex_);
  return backend_->limits();
}

void AddressSpace::check(const MapRequest& request) {
  const std::lock_guard lock(mutex_);
  check_locked(request);
}

void AddressSpace::check_locked(const MapRequest& request) const {
  if (!limits_.attached) {
    throw Error(ErrorCode::kNoDevice,
                "no device is attached to this container yet, so it has no IOVAs");
  }
  check_size(request.size, smallest_page());
  if (request.boundary != 0 && request.size > request.boundary) {
    throw Error(ErrorCode::kRange, std::to_string(request.size) +
                                       " bytes always cross a multiple of the boundary " +
                                       std::to_string(request.boundary));
  }
  if (request.iova) check_iova(request, smallest_page(), highest_for(request));
}

std::uint64_t AddressSpace::map(void* memory, const MapRequest& request) {
  const std::lock_guard lock(mutex_);
  check_locked(request);
  if (request.iova) allocator_.reserve(*request.iova, request.size);
  const std::uint64_t iova = request.iova ? *request.iova : choose(request);
  try {
    backend_->map(iova, memory, request.size, request.direction);
    mappings_.emplace(iova, Mapping{memory, request.size, request.direction});
  } catch (...) {
    allocator_.free(iova);
    throw;
  }
  return iova;
}

std::uint64_t AddressSpace::choose(const MapRequest& request) {
  return allocator_.allocate(request.size,
                             {.alignment = std::max(smallest_page(), request.alignment),
                              .preferred = page_size_for(request.size),
                              .boundary = request.boundary,
                              .highest = highest_for(request)});
}

/// The last address that the device of the request reaches.
std::uint64_t AddressSpace::highest_for(const MapRequest& request) const {
  unsigned bits = 64;
  if (request.address_bits) {
    bits = *request.address_bits;
  } else {
    for (const auto& [address, reach] : reaches_) bits = std::min(bits, reach);
  }
  return bits >= 64 ? UINT64_MAX : (std::uint64_t{1} << bits) - 1;
}

std::uint64_t AddressSpace::smallest_page() const noexcept {
  return limits_.page_sizes & (~limits_.page_sizes + 1);
}

void AddressSpace::unmap(std::uint64_t iova) {
  const std::lock_guard lock(mutex_);
  const auto found = mappings_.find(iova);
  if (found == mappings_.end()) {
    throw Error(ErrorCode::kRange, "nothing is mapped at IOVA " + hex(iova));
  }
  // Without a device, the kernel has forgotten the mapping already, so only our records are
  // updated.
  try {
    if (limits_.attached) backend_->unmap(iova, found->second.size);
  } catch (...) {
    found->second.memory = nullptr;
    throw;
  }
  mappings_.erase(found);
  allocator_.free(iova);
}

std::unique_ptr<FunctionBackend> AddressSpace::open(const OpenRequest& request,
                                                    std::optional<int> group) {
  {
    const std::lock_guard lock(mutex_);
    reaches_[request.address] = request.address_bits;
  }
  try {
    return backend_->open(request, group, attacher());
  } catch (...) {
    forget_reach(request.address);
    throw;
  }
}

void AddressSpace::close(std::unique_ptr<FunctionBackend> function, const Address& address,
                         std::optional<int> group) {
  function.reset();
  forget_reach(address);
  leave([&] { backend_->detach(address, group); });
}

void AddressSpace::forget_reach(const Address& address) {
  const std::lock_guard lock(mutex_);
  reaches_.erase(address);
}

void AddressSpace::hold_group(int group, std::optional<sys::Duplicate> node) {
  backend_->hold_group(group, std::move(node), attacher());
}

void AddressSpace::release_group(int group) {
  leave([&] { backend_->release_group(group); });
}

/// Even if `step` throws, the back end has left. So the limits are read again in both cases.
void AddressSpace::leave(const std::function<void()>& step) {
  const std::lock_guard lock(mutex_);
  try {
    step();
  } catch (...) {
    adopt_limits(false);
    throw;
  }
  adopt_limits(false);
}

Attach AddressSpace::attacher() {
  return [this](const std::function<void()>& step, const std::function<void()>& undo) {
    attach(step, undo);
  };
}

void AddressSpace::attach(const std::function<void()>& step, const std::function<void()>& undo) {
  const std::lock_guard lock(mutex_);
  const bool was_attached = limits_.attached;
  step();
  try {
    adopt_limits(!was_attached);
  } catch (...) {
    // The limits must be read again even if `undo` fails. The first failure is thrown.
    attempt(undo);
    attempt([this] { adopt_limits(false); });
    throw;
  }
}

/// Reads the limits again. With `replay`, the first device has just arrived and the kernel knows
/// none of the mappings, so they are made again at their IOVAs.
void AddressSpace::adopt_limits(bool replay) {
  limits_ = backend_->limits();
  allocator_.set_ranges(limits_.ranges);
  if (!limits_.attached) {
    forget_stuck();
    return;
  }
  for (const auto& [iova, mapping] : mappings_) {
    if (!allocator_.inside(iova, mapping.size)) {
      throw Error(ErrorCode::kRange,
                  "the mapping at IOVA " + hex(iova) +
                      " lies outside the IOVA ranges that remain with the new device");
    }
    if (replay) backend_->map(iova, mapping.memory, mapping.size, mapping.direction);
  }
}

/// Without a device, the kernel has forgotten every mapping, including those that it had refused to
/// unmap.
void AddressSpace::forget_stuck() {
  for (auto entry = mappings_.begin(); entry != mappings_.end();) {
    const auto& [iova, mapping] = *entry;
    if (mapping.memory != nullptr) {
      ++entry;
      continue;
    }
    allocator_.free(iova);
    entry = mappings_.erase(entry);
  }
}

/// The largest page that the IOMMU could use for a buffer of this size. The IOVA is aligned to it
/// if possible.
std::uint64_t AddressSpace::page_size_for(std::uint64_t size) const {
  const std::uint64_t limit = std::min(std::bit_floor(size), kLargestPage);
  const std::uint64_t usable = limits_.page_sizes & (limit | (limit - 1));
  return std::bit_floor(usable);
}

}  // namespace vfio
