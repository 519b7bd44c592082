// SPDX-License-Identifier: MIT
#include "vfio/hot_reset.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "vfio/errors.h"

namespace vfio {

namespace {

std::vector<AffectedFunction> affected_by(Function& asked) {
  auto affected = asked.hot_reset_info();
  if (affected.empty()) {
    throw Error(ErrorCode::kUnsupported,
                "neither the slot nor the bus of " + asked.address() + " can be reset");
  }
  // Two hot resets of the same slot both begin with the same function, so one of them gets it and
  // the other fails.
  std::sort(affected.begin(), affected.end(),
            [](const auto& left, const auto& right) { return left.address < right.address; });
  return affected;
}

/// A descriptor of each group.
std::vector<sys::UniqueFd> descriptors_of(const std::vector<Registry::Claim>& claims) {
  std::set<int> seen;
  std::vector<sys::UniqueFd> groups;
  for (const Registry::Claim& claim : claims) {
    const int group = claim.group().value();
    if (!seen.insert(group).second) continue;
    auto descriptor = claim.space()->group_descriptor(group);
    if (!descriptor.valid()) {
      throw Error(ErrorCode::kBusy, "a hot reset would also affect group " + std::to_string(group) +
                                        ", which is being opened or closed");
    }
    groups.push_back(std::move(descriptor));
  }
  return groups;
}

}  // namespace

HotReset::HotReset(std::shared_ptr<Function> asked) : asked_(std::move(asked)) {
  Registry::Slot slot = Registry::instance().claim_slot(affected_by(*asked_));
  claims_ = std::move(slot.claims);
  groups_ = descriptors_of(claims_);
  take(slot.open);
  for (const auto& function : busy_) {
    if (function != asked_) function->affected_by_hot_reset(false);
  }
}

HotReset::~HotReset() {
  Attempts ignored;
  end(false, ignored);
}

/// Makes all of the functions busy, or none.
void HotReset::take(const std::vector<std::shared_ptr<Function>>& functions) {
  try {
    for (const auto& function : functions) {
      function->become_busy();
      busy_.push_back(function);
    }
  } catch (...) {
    for (const auto& function : busy_) function->end_reset(false);
    throw;
  }
}

void HotReset::run() {
  for (const auto& function : busy_) function->quiesce();
  Attempts steps;
  steps.add([&] { asked_->hot_reset(groups_); });
  end(!steps.failed(), steps);
  steps.throw_first_failure();
}

/// Ends the reset for all functions, even if a step fails. The claims end first: a watcher that is
/// told that the reset is over can open the devices again at once.
void HotReset::end(bool was_reset, Attempts& steps) noexcept {
  groups_.clear();
  claims_.clear();
  for (const auto& function : std::exchange(busy_, {})) {
    steps.add([&] { function->end_reset(was_reset); });
    if (function != asked_) function->affected_by_hot_reset(true);
  }
}

}  // namespace vfio
