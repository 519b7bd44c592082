// SPDX-License-Identifier: MIT
// An IovaAllocator beside a plain model of it: a flag for each page of three small windows of the
// address space, at its start, around the allocator's end and at 2^64. After each step both have to
// say the same.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "vfio/iova_allocator.h"

namespace vfio::testing {

class IovaModel final {
 public:
  /// Where random numbers come from; each is below its argument.
  using Draw = std::function<std::uint64_t(std::uint64_t below)>;

  explicit IovaModel(Draw draw);

  /// One random step. False when the allocator did otherwise than the model; see last_step().
  bool step();
  const char* last_step() const noexcept { return last_step_; }

 private:
  static constexpr std::uint64_t kPage = 0x1000;
  static constexpr std::size_t kWindowPages = 64;
  static constexpr std::array<std::uint64_t, 3> kWindows{
      0, IovaAllocator::kEnd - kWindowPages / 2 * kPage, 0 - kWindowPages* kPage};

  static std::uint64_t iova_of(std::size_t page);
  bool change_ranges();
  bool allocate();
  bool reserve();
  bool reserve_nonsense();
  bool free();

  const IovaRange* range_around(std::size_t page, std::size_t count) const;
  bool is_free(std::size_t page, std::size_t count) const;
  std::optional<std::size_t> find(std::size_t count, std::uint64_t alignment,
                                  std::uint64_t from) const;
  void take(std::size_t page, std::size_t count);

  Draw draw_;
  const char* last_step_ = "";
  IovaAllocator allocator_;
  std::vector<IovaRange> ranges_;
  std::bitset<kWindows.size() * kWindowPages> used_;
  std::map<std::size_t, std::size_t> taken_;  // first page -> count
  std::uint64_t cursor_ = IovaAllocator::kLowest;
};

}  // namespace vfio::testing
