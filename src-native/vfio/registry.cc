// SPDX-License-Identifier: MIT
#include "vfio/registry.h"

#include <string>
#include <utility>

#include "vfio/errors.h"
#include "vfio/function.h"

namespace vfio {

Registry& Registry::instance() {
  static Registry* const registry = new Registry;
  return *registry;
}

Registry::Claim::Claim(std::shared_ptr<AddressSpace> space, std::optional<int> group,
                       std::optional<Address> address)
    : space_(std::move(space)), group_(group), address_(std::move(address)) {}

Registry::Claim::Claim(Claim&& other) noexcept
    : space_(std::move(other.space_)),
      group_(other.group_),
      address_(std::move(other.address_)),
      valid_(std::exchange(other.valid_, false)) {}

Registry::Claim::~Claim() {
  if (valid_) instance().release(group_, address_);
}

void Registry::Claim::publish(const std::shared_ptr<Function>& function) const {
  const std::lock_guard lock(instance().mutex_);
  instance().devices_.at(address_.value()).function = function;
}

Registry::Claim Registry::claim_device(const std::shared_ptr<AddressSpace>& space,
                                       const Address& address) {
  return claim(space, space->group_of(address), address, false);
}

Registry::Claim Registry::claim_device_anywhere(const std::shared_ptr<AddressSpace>& fallback,
                                                const Address& address) {
  return claim(fallback, fallback->group_of(address), address, true);
}

Registry::Claim Registry::claim_group(const std::shared_ptr<AddressSpace>& space, int group) {
  return claim(space, group, std::nullopt, false);
}

Registry::Claim Registry::claim(const std::shared_ptr<AddressSpace>& space,
                                std::optional<int> group, std::optional<Address> address,
                                bool join) {
  const std::lock_guard lock(mutex_);
  if (address && devices_.contains(*address)) {
    throw Error(ErrorCode::kBusy,
                address->text() +
                    " is open in this process already, its close() has not resolved yet, or a "
                    "hot reset affects it");
  }
  std::shared_ptr<AddressSpace> chosen = space;
  if (group) {
    Holder& holder = groups_[*group];
    const std::shared_ptr<AddressSpace> current = holder.space.lock();
    if (holder.claims > 0 && current && current != space) {
      if (!join) {
        throw Error(ErrorCode::kBusy, "group " + std::to_string(*group) +
                                          " is held by another container of this process");
      }
      chosen = current;
    }
    holder.space = chosen;
    ++holder.claims;
  }
  if (address) ++devices_[*address].claims;
  return Claim(std::move(chosen), group, std::move(address));
}

Registry::Slot Registry::claim_slot(const std::vector<AffectedFunction>& affected) {
  Slot slot;
  const std::lock_guard lock(mutex_);  // released before the claims, if this throws
  for (const AffectedFunction& each : affected) {
    const bool open = devices_.contains(each.address);
    slot.claims.push_back(claim_affected(each));
    if (!open) continue;
    auto function = devices_.at(each.address).function.lock();
    if (function == nullptr || function->state() == State::kClosed) {
      throw Error(ErrorCode::kBusy, "a hot reset would also affect " + each.address.text() +
                                        ", which is being opened or closed");
    }
    slot.open.push_back(std::move(function));
  }
  return slot;
}

/// Call it under the lock.
Registry::Claim Registry::claim_affected(const AffectedFunction& affected) {
  const auto holder = groups_.find(affected.group);
  auto space = holder == groups_.end() ? nullptr : holder->second.space.lock();
  if (space == nullptr) {
    throw Error(ErrorCode::kUnsupported,
                "a hot reset would also affect " + affected.address.text() + " of group " +
                    std::to_string(affected.group) + ", which this process does not hold");
  }
  ++holder->second.claims;
  ++devices_[affected.address].claims;
  return Claim(std::move(space), affected.group, affected.address);
}

void Registry::release(std::optional<int> group, const std::optional<Address>& address) {
  const std::lock_guard lock(mutex_);
  if (address && --devices_[*address].claims == 0) devices_.erase(*address);
  if (group && --groups_[*group].claims == 0) groups_.erase(*group);
}

}  // namespace vfio
