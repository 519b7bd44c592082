// SPDX-License-Identifier: MIT
// The registry of what this process has open, in any thread or worker. A group node opens once, so
// its devices can only share one address space; a device has one owner. One registry a process,
// thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "vfio/address_space.h"

namespace vfio {

class Function;

class Registry final {
 public:
  /// Never destroyed: service threads may outlive the static objects at process exit.
  static Registry& instance();

  /// A group, and perhaps a device of it, being held. Gives both back when destroyed, so it must
  /// outlive whatever it was taken for.
  class Claim final {
   public:
    Claim(Claim&& other) noexcept;
    Claim& operator=(Claim&&) = delete;
    ~Claim();
    const std::shared_ptr<AddressSpace>& space() const noexcept { return space_; }
    std::optional<int> group() const noexcept { return group_; }
    /// Says what the claimed device was opened as.
    void publish(const std::shared_ptr<Function>& function) const;

   private:
    friend class Registry;
    Claim(std::shared_ptr<AddressSpace> space, std::optional<int> group,
          std::optional<Address> address);
    std::shared_ptr<AddressSpace> space_;
    std::optional<int> group_;
    std::optional<Address> address_;
    bool valid_ = true;
  };

  /// Claims a device for `space`. Throws Error kBusy when the device is open already, or its group
  /// belongs to another address space.
  Claim claim_device(const std::shared_ptr<AddressSpace>& space, const Address& address);

  /// The same in the address space that holds the group already, else in `fallback`.
  Claim claim_device_anywhere(const std::shared_ptr<AddressSpace>& fallback,
                              const Address& address);

  Claim claim_group(const std::shared_ptr<AddressSpace>& space, int group);

  /// What this process has of the functions that one reset takes along.
  struct Slot {
    std::vector<std::shared_ptr<Function>> open;
    /// On every function and its group, so that nobody opens one meanwhile, also not one that was
    /// open and is closed.
    std::vector<Claim> claims;
  };
  /// Throws Error kUnsupported when a group is not held here, kBusy when a device is being opened
  /// or closed.
  Slot claim_slot(const std::vector<AffectedFunction>& affected);

 private:
  struct Holder {
    std::weak_ptr<AddressSpace> space;
    int claims = 0;
  };
  struct Claimed {
    std::weak_ptr<Function> function;  // expired while it is being opened or closed
    int claims = 0;                    // two when it is open and a reset takes it along
  };

  Registry() = default;
  Claim claim(const std::shared_ptr<AddressSpace>& space, std::optional<int> group,
              std::optional<Address> address, bool join);
  Claim claim_along(const AffectedFunction& affected);
  void release(std::optional<int> group, const std::optional<Address>& address);

  std::mutex mutex_;
  std::map<int, Holder> groups_;
  std::map<Address, Claimed> devices_;
};

}  // namespace vfio
