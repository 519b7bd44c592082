// SPDX-License-Identifier: MIT
#include "vfio/registry.h"

#include <string>
#include <utility>

#include "vfio/errors.h"

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
    throw Error(
        ErrorCode::kBusy,
        address->text() + " is open in this process already, or its close() has not ended yet");
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
  if (address) devices_.insert(*address);
  return Claim(std::move(chosen), group, std::move(address));
}

void Registry::release(std::optional<int> group, const std::optional<Address>& address) {
  const std::lock_guard lock(mutex_);
  if (address) devices_.erase(*address);
  if (group && --groups_[*group].claims == 0) groups_.erase(*group);
}

}  // namespace vfio
