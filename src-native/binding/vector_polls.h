// SPDX-License-Identifier: MIT
// An armed IrqSet and the watchers that one env has on its vectors. The count is drained in the
// watcher and passed as data, so a storm costs one callback a turn of the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "binding/environment.h"
#include "vfio/irq.h"

namespace vfio::binding {

class VectorPolls final {
 public:
  VectorPolls(Environment& environment, std::shared_ptr<IrqSet> irqs)
      : environment_(environment), count_(irqs->count()), irqs_(std::move(irqs)) {}

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

  /// Stops all watchers, then disarms; the eventfds close with the last watcher. Throws Error
  /// kClosed from everything afterwards but close.
  void close();
  void check_open() const;

 private:
  void check_vector(std::uint32_t vector) const;

  Environment& environment_;
  const std::uint32_t count_;
  std::shared_ptr<IrqSet> irqs_;  // empty once closed; watchers hold it too
  std::map<std::uint32_t, Poll> polls_;
};

}  // namespace vfio::binding
