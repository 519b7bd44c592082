// SPDX-License-Identifier: MIT
// What one env lends another of a device: regions, interrupt vectors, DMA memory. On offer under
// its token until one env adopts it; over when it was revoked before that, or when the adopter has
// let go. It is one thing: when any part of it is closed by its owner, all of it is revoked.
// Thread-safe.
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
#include "vfio/irq.h"

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

  /// Lends the vectors and makes the offer, which stays although nobody holds the grant. Throws
  /// what IrqSet::lend does.
  static std::shared_ptr<Grant> offer(std::string token, Contents contents,
                                      std::shared_ptr<Mailbox> granter);
  /// The offer with this token; throws Error kClosed when there is none.
  static std::shared_ptr<Grant> offered(const std::string& token);

  Grant(std::string token, Contents contents, std::shared_ptr<Mailbox> granter);
  Grant(const Grant&) = delete;
  Grant& operator=(const Grant&) = delete;

  /// Makes a slot of `env` for each region and ends the offer. `on_revoke` goes to `adopter` when
  /// the grant is revoked; then, or when it likes, the adopter lets go. Throws, and the offer
  /// stands, Error kWrongThread in the env that made it, kClosed when another was first, and what
  /// acquire_slot does.
  std::vector<Handle> adopt(napi_env env, const std::shared_ptr<Mailbox>& adopter,
                            Mailbox::Delivery on_revoke);
  /// For the adopter, until it lets go.
  const Contents& contents() const noexcept { return contents_; }

  /// At once: no handle and no vector is the adopter's any more.
  void revoke();
  /// By the adopter, when nothing of it watches a vector: releases its slots.
  void let_go(napi_env env);
  /// Calls `then` once the grant is over, here or on the thread that ends it.
  void when_over(std::function<void()> then);

 private:
  enum class State { kOffered, kAdopted, kRevoked, kOver };

  void end(std::unique_lock<std::mutex> lock);

  const std::string token_;
  const std::shared_ptr<Mailbox> granter_;
  std::mutex mutex_;  // all of the following
  State state_ = State::kOffered;
  Contents contents_;
  std::vector<Handle> handles_;
  std::shared_ptr<Mailbox> adopter_;
  Mailbox::Delivery on_revoke_;
  std::vector<std::function<void()>> when_over_;
};

/// The grants that something is a part of, to be revoked when it closes. Used by its owner's
/// thread.
class Loans final {
 public:
  void add(const std::shared_ptr<Grant>& grant);
  void revoke() noexcept;

 private:
  std::vector<std::weak_ptr<Grant>> grants_;
};

}  // namespace vfio::binding
