// SPDX-License-Identifier: MIT
// An armed IrqSet and the watchers that one env has on its vectors. Either the env armed the set,
// or the vectors were granted to the env. A watcher drains the count of its vector and passes it on
// as data, so an interrupt storm costs one callback per turn of the event loop.
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
#include "vfio/irq_set.h"

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
  /// Call check_open() first.
  IrqSet& irqs() noexcept { return *irqs_; }

  /// `on_interrupt` gets how often the vector was raised. It replaces an earlier listener.
  void listen(std::uint32_t vector, std::function<void(std::uint64_t)> on_interrupt);
  void unlisten(std::uint32_t vector) { polls_.erase(vector); }
  /// Blocks until the vector is raised or the time is over. Returns how often it was raised, which
  /// may be 0. Must not be called while the vector has a listener. Meant for short waits: it does
  /// not notice when the set is closed during the wait.
  std::uint64_t wait(std::uint32_t vector, std::uint32_t milliseconds);
  /// Puts back interrupts that were delivered but not used, for the next listener or wait.
  void give_back(std::uint32_t vector, std::uint64_t raised);
  void ref(std::uint32_t vector);
  void unref(std::uint32_t vector);

  /// The IrqSet for a grant of these vectors. Throws Error kBusy if one has a listener in this env.
  std::shared_ptr<IrqSet> to_lend(const std::vector<std::uint32_t>& vectors) const;
  /// The grants of vectors of this set.
  Loans& loans() noexcept { return loans_; }

  /// Stops all watchers, then disarms the vectors if this env armed them. The eventfds are closed
  /// with the last watcher. Afterwards, every method except close() throws Error kClosed.
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
