// SPDX-License-Identifier: MIT
// An armed IrqSet and the watchers that one env has on its vectors. The env armed it, or its
// vectors were granted to the env. The count is drained in the watcher and passed as data, so a
// storm costs one callback a turn of the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "binding/environment.h"
#include "binding/grant.h"
#include "binding/poll.h"
#include "vfio/irq.h"

namespace vfio::binding {

class VectorPolls final {
 public:
  VectorPolls(Environment& environment, std::shared_ptr<IrqSet> irqs,
              IrqSet::Consumer consumer = nullptr)
      : environment_(environment),
        consumer_(consumer),
        count_(irqs->count()),
        irqs_(std::move(irqs)) {}

  std::uint32_t count() const noexcept { return count_; }
  /// After check_open().
  IrqSet& irqs() noexcept { return *irqs_; }

  /// `on_interrupt` gets how often the vector was raised. Takes the place of an earlier listener.
  void listen(std::uint32_t vector, std::function<void(std::uint64_t)> on_interrupt);
  void unlisten(std::uint32_t vector) { polls_.erase(vector); }
  /// Blocks until the vector is raised, no longer than that, and gives how often it was; 0 when it
  /// was not. Not while somebody listens to it. Meant for short turns: whether the set is open is
  /// looked at once, at the beginning.
  std::uint64_t wait(std::uint32_t vector, std::uint32_t milliseconds);
  /// Puts back what was delivered and not used, for the next who listens or waits.
  void give_back(std::uint32_t vector, std::uint64_t raised);
  void ref(std::uint32_t vector);
  void unref(std::uint32_t vector);

  /// What a grant of these vectors consists of; throws Error kBusy when one is listened to here.
  std::shared_ptr<IrqSet> to_lend(const std::vector<std::uint32_t>& vectors) const;
  /// Of the vectors that are lent.
  Loans& loans() noexcept { return loans_; }

  /// Stops all watchers, then disarms, if it was armed here; the eventfds close with the last
  /// watcher. Throws Error kClosed from everything afterwards but close.
  void close();
  void check_open() const;

 private:
  void check_vector(std::uint32_t vector) const;
  void check_consumer(std::uint32_t vector) const;

  Environment& environment_;
  const IrqSet::Consumer consumer_;
  const std::uint32_t count_;
  std::shared_ptr<IrqSet> irqs_;  // empty once closed; watchers hold it too
  std::map<std::uint32_t, Poll> polls_;
  Loans loans_;
};

}  // namespace vfio::binding
