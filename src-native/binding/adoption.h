// SPDX-License-Identifier: MIT
// A grant in the env that adopted it: the handles of its regions and the watchers of its vectors.
// It releases the grant when the grant is revoked, when JavaScript closes it, or when the env ends.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "binding/grant.h"
#include "binding/slots.h"

namespace vfio::binding {

class Environment;
class VectorPolls;

class Adoption final : public std::enable_shared_from_this<Adoption> {
 public:
  /// Throws what Grant::offered and Grant::adopt throw.
  static std::shared_ptr<Adoption> open(Environment& environment, const std::string& token);

  explicit Adoption(Environment& environment) : environment_(environment) {}

  const Grant::Contents& contents() const noexcept { return grant_->contents(); }
  const std::vector<Handle>& handles() const noexcept { return handles_; }
  /// Null if the grant has no vectors.
  const std::shared_ptr<VectorPolls>& vectors() const noexcept { return vectors_; }

  /// `callback` is called after the grant was revoked and this adoption is closed.
  void on_revoked(std::function<void()> callback) { on_revoked_ = std::move(callback); }

  /// Idempotent.
  void close();

 private:
  void revoked();

  Environment& environment_;
  std::shared_ptr<Grant> grant_;  // empty once closed
  std::vector<Handle> handles_;
  std::shared_ptr<VectorPolls> vectors_;
  std::function<void()> on_revoked_;
};

}  // namespace vfio::binding
