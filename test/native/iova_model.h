// SPDX-License-Identifier: MIT
// Compares an IovaAllocator with a simple model of it. The model follows each page of four small
// parts of the address space: at its start, around 4 GiB, around the allocator's end, and at 2^64.
// After each step, both must have the same result.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "vfio/iova_allocator.h"

namespace vfio::testing {

class IovaModel final {
 public:
  /// The source of random numbers. Each is below its argument.
  using Draw = std::function<std::uint64_t(std::uint64_t below)>;

  explicit IovaModel(Draw draw);

  /// Makes one random step. Returns false if the allocator's result differs from the model's; see
  /// last_step().
  bool step();
  const char* last_step() const noexcept { return last_step_; }

 private:
  static constexpr std::uint64_t kPage = 0x1000;
  static constexpr std::size_t kPartPages = 64;
  static constexpr std::array<std::uint64_t, 4> kParts{
      0, IovaAllocator::kEndOfLow - kPartPages / 2 * kPage,
      IovaAllocator::kEnd - kPartPages / 2 * kPage, 0 - kPartPages* kPage};

  enum class Page : std::uint8_t { kFree, kUsed, kResting };
  struct Run {
    std::size_t page;
    std::size_t count;
  };

  static std::uint64_t iova_of(std::size_t page);
  bool change_ranges();
  bool allocate();
  bool reserve();
  bool reserve_nonsense();
  bool free();

  IovaWish draw_wish();
  const IovaRange* range_around(Run run) const;
  bool is_free(Run run, bool resting_too) const;
  std::optional<std::size_t> choose(std::size_t count, const IovaWish& wish);
  std::optional<std::size_t> search(IovaRange window, std::size_t count, const IovaWish& wish);
  std::optional<std::size_t> best(IovaRange window, std::size_t count, const IovaWish& wish) const;
  std::optional<std::size_t> find(IovaRange window, std::size_t count, const IovaWish& wish,
                                  bool resting_too = false) const;
  bool wake_oldest(IovaRange window);
  void wake_pages(Run run);
  void mark(Run run, Page state);

  Draw draw_;
  const char* last_step_ = "";
  IovaAllocator allocator_;
  std::vector<IovaRange> ranges_;
  std::array<Page, kParts.size() * kPartPages> pages_{};
  std::map<std::size_t, std::size_t> taken_;  // first page -> count
  std::vector<Run> resting_;                  // the run that has rested longest first
  std::map<std::uint64_t, std::uint64_t> cursors_;
};

}  // namespace vfio::testing
