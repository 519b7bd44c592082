// SPDX-License-Identifier: MIT
// The registry of the groups and devices that this process has open, in any thread. A group node
// can be opened only once, so all its devices share one address space. A device has one owner.
// There is one registry per process. Thread-safe.
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
  /// Never destroyed: service threads may outlive the static objects when the process exits.
  static Registry& instance();

  /// A claim on a group, and perhaps on a device of it. The destructor releases both, so a claim
  /// must outlive the objects that it was made for.
  class Claim final {
   public:
    Claim(Claim&& other) noexcept;
    Claim& operator=(Claim&&) = delete;
    ~Claim();
    const std::shared_ptr<AddressSpace>& space() const noexcept { return space_; }
    std::optional<int> group() const noexcept { return group_; }
    /// Records the Function that the claimed device was opened as.
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

  /// Claims a device for `space`. Throws Error kBusy if the device is open already, or if its group
  /// belongs to another address space.
  Claim claim_device(const std::shared_ptr<AddressSpace>& space, const Address& address);

  /// Claims it in the address space that holds the group already, or else in `fallback`.
  Claim claim_device_anywhere(const std::shared_ptr<AddressSpace>& fallback,
                              const Address& address);

  Claim claim_group(const std::shared_ptr<AddressSpace>& space, int group);

  /// The functions that one hot reset affects, as far as this process has them open.
  struct Slot {
    std::vector<std::shared_ptr<Function>> open;
    /// Claims on every affected function and its group, so that nothing opens one of them during
    /// the reset. This includes functions that were open before and are closed now.
    std::vector<Claim> claims;
  };
  /// Throws Error kUnsupported if this process does not hold an affected group, and kBusy if an
  /// affected device is being opened or closed.
  Slot claim_slot(const std::vector<AffectedFunction>& affected);

 private:
  struct Holder {
    std::weak_ptr<AddressSpace> space;
    int claims = 0;
  };
  struct Claimed {
    std::weak_ptr<Function> function;  // expired while it is being opened or closed
    int claims = 0;                    // two if it is open and a hot reset affects it
  };

  Registry() = default;
  Claim claim(const std::shared_ptr<AddressSpace>& space, std::optional<int> group,
              std::optional<Address> address, bool join);
  Claim claim_affected(const AffectedFunction& affected);
  void release(std::optional<int> group, const std::optional<Address>& address);

  std::mutex mutex_;
  std::map<int, Holder> groups_;
  std::map<Address, Claimed> devices_;
};

}  // namespace vfio
