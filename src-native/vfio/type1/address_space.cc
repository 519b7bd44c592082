// SPDX-License-Identifier: MIT
#include "vfio/type1/address_space.h"

#include <cerrno>
#include <charconv>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "sys/errors.h"
#include "sys/file.h"
#include "vfio/attempt.h"
#include "vfio/errors.h"
#include "vfio/kernel_function.h"
#include "vfio/type1/container.h"
#include "vfio/type1/group.h"

namespace vfio {

namespace {

/// Parses the target of the link iommu_group: "../../../kernel/iommu_groups/12" is group 12.
int group_number(std::string_view link) {
  const std::string_view digits = link.substr(link.rfind('/') + 1);
  int number = -1;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), number);
  if (error != std::errc() || end != digits.end() || number < 0) {
    throw Error(ErrorCode::kProtocol, "sysfs names an IOMMU group that is not a number");
  }
  return number;
}

/// Reads a link that may be missing. Any other failure is thrown.
std::optional<std::string> find_link(const std::string& path) {
  try {
    return sys::read_link(path);
  } catch (const sys::SysError& error) {
    if (error.error() != ENOENT) throw;
    return std::nullopt;
  }
}

/// Owns the container and its groups, which are closed before the container. Thread-safe: the lock
/// guards the table of groups, and is not held while a device opens.
class Type1AddressSpace final : public AddressSpaceBackend {
 public:
  explicit Type1AddressSpace(std::optional<sys::Duplicate> opened)
      : container_(type1::Container::open(std::move(opened))) {}

  const char* name() const noexcept override { return "type1"; }

  Limits limits() override {
    const std::lock_guard lock(mutex_);
    return groups_.empty() ? Limits{} : container_.limits();
  }

  void map(std::uint64_t iova, void* memory, std::uint64_t size, Direction direction) override {
    container_.map(iova, memory, size, direction);
  }

  void unmap(std::uint64_t iova, std::uint64_t size) override { container_.unmap(iova, size); }

  std::optional<int> group_of(const Address& address) override {
    const std::string device = "/sys/bus/pci/devices/" + address.text();
    if (const auto link = find_link(device + "/iommu_group")) return group_number(*link);
    if (!find_link(device)) throw sys::SysError(ENODEV, "readlink", {}, device);
    throw Error(ErrorCode::kNoIommu, address.text() + " is in no IOMMU group");
  }

  std::unique_ptr<FunctionBackend> open(const OpenRequest& request, std::optional<int> group,
                                        const Attach& attach) override {
    const int number = group.value();
    hold_group(number, std::nullopt, attach);
    try {
      return std::make_unique<KernelFunction>(joined_group(number).open_device(request),
                                              request.address.text());
    } catch (...) {
      leave(number, attach);
      throw;
    }
  }

  void detach(const Address&, std::optional<int> group) override { release_group(group.value()); }

  void hold_group(int group, std::optional<sys::Duplicate> node, const Attach& attach) override {
    attach([&] { join(group, std::move(node)); }, [&] { release_group(group); });
  }

  void release_group(int group) override {
    const std::lock_guard lock(mutex_);
    const auto member = groups_.find(group);
    if (--member->second.users > 0) return;
    type1::Group leaving = std::move(member->second.group);
    groups_.erase(member);
    leaving.leave();
  }

  sys::UniqueFd group_descriptor(int group) override {
    const std::lock_guard lock(mutex_);
    const auto member = groups_.find(group);
    return member == groups_.end() ? sys::UniqueFd() : member->second.group.duplicate();
  }

 private:
  struct Member {
    type1::Group group;
    unsigned users;  // open functions and holds
  };

  /// A caller that has joined a group may use it without a lock until it releases it.
  const type1::Group& joined_group(int group) {
    const std::lock_guard lock(mutex_);
    return groups_.at(group).group;
  }

  void join(int group, std::optional<sys::Duplicate> node) {
    const std::lock_guard lock(mutex_);
    if (const auto member = groups_.find(group); member != groups_.end()) {
      ++member->second.users;
      return;
    }
    auto joined = type1::Group::join(group, std::move(node), container_);
    try {
      if (groups_.empty()) container_.set_iommu();
    } catch (...) {
      // Leaves explicitly: closing the descriptor is not enough if another process also has it.
      attempt([&] { joined.leave(); });
      throw;
    }
    groups_.emplace(group, Member{.group = std::move(joined), .users = 1});
  }

  /// Undoes a join. It goes through `attach`, like the join, so that the address space learns that
  /// its mappings are gone if this was the last group. A failure is ignored: the caller reports its
  /// first error.
  void leave(int group, const Attach& attach) noexcept {
    attempt([&] { attach([&] { release_group(group); }, [] {}); });
  }

  type1::Container container_;
  std::mutex mutex_;
  std::map<int, Member> groups_;
};

}  // namespace

std::unique_ptr<AddressSpaceBackend> open_type1(std::optional<sys::Duplicate> opened) {
  return std::make_unique<Type1AddressSpace>(std::move(opened));
}

}  // namespace vfio
