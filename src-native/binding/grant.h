// SPDX-License-Identifier: MIT
// The parts of a device that one env lends to another: regions, interrupt vectors, DMA memory. A
// grant is offered under its token until one env adopts it. It is over when it is revoked before
// that, or when the adopter has released it. A grant is one unit: when its owner closes any part of
// it, all of it is revoked. Thread-safe.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "binding/mailbox.h"
#include "binding/slots.h"
#include "sys/mapping.h"
#include "vfio/function.h"
#include "vfio/irq_set.h"

namespace vfio::binding {

class Grant final {
 public:
  struct Memory {
    std::shared_ptr<sys::Mapping> mapping;
    std::uint64_t iova;
  };

  struct Contents {
    std::shared_ptr<Function> function;
    std::vector<std::uint32_t> regions;
    std::shared_ptr<IrqSet> irqs;  // null without vectors
    std::vector<std::uint32_t> vectors;
    std::vector<Memory> memory;
  };

  /// Lends the vectors and makes the offer. The offer keeps the grant alive. Throws what
  /// IrqSet::lend throws.
  static std::shared_ptr<Grant> offer(std::string token, Contents contents,
                                      std::shared_ptr<Mailbox> granter);
  /// Returns the grant that is offered under this token. Throws Error kClosed if there is none.
  static std::shared_ptr<Grant> offered(const std::string& token);

  Grant(std::string token, Contents contents, std::shared_ptr<Mailbox> granter);
  Grant(const Grant&) = delete;
  Grant& operator=(const Grant&) = delete;

  /// Makes a slot of `env` for each region and ends the offer. When the grant is revoked,
  /// `on_revoke` is posted to `adopter`. The adopter must then call release(); it may also do so at
  /// any time before. Throws Error kWrongThread in the env that made the offer, kClosed if another
  /// env was first, and what acquire_slot throws. If this throws, the offer remains.
  std::vector<Handle> adopt(napi_env env, const std::shared_ptr<Mailbox>& adopter,
                            Mailbox::Delivery on_revoke);
  /// For the adopter, until release().
  const Contents& contents() const noexcept { return contents_; }

  /// Takes all handles and vectors from the adopter at once.
  void revoke();
  /// Called by the adopter when none of its watchers uses a vector: releases its slots.
  void release(napi_env env);
  /// Calls `then` when the grant is over: at once, or on the thread that ends it.
  void when_over(std::function<void()> then);

 private:
  enum class State { kOffered, kAdopted, kRevoked, kOver };

  void end(std::unique_lock<std::mutex> lock);

  const std::string token_;
  const std::shared_ptr<Mailbox> granter_;
  std::mutex mutex_;  // guards all of the following
  State state_ = State::kOffered;
  Contents contents_;
  std::vector<Handle> handles_;
  std::shared_ptr<Mailbox> adopter_;
  Mailbox::Delivery on_revoke_;
  std::vector<std::function<void()>> when_over_;
};

/// The grants that an object is part of. They are revoked when it closes. Used on the thread of the
/// object's owner.
class Loans final {
 public:
  void add(const std::shared_ptr<Grant>& grant);
  void revoke() noexcept;

 private:
  std::vector<std::weak_ptr<Grant>> grants_;
};

}  // namespace vfio::binding
