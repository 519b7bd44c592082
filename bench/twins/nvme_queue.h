// SPDX-License-Identifier: MIT
// The twin's queue pair: a command has an identifier and a callback, and a completion ends it.
#pragma once

#include "twins.h"

namespace bench {

class NvmeQueue final {
 public:
  using Done = void (*)(std::uint32_t status);
  static constexpr std::uint32_t kEntries = 64;

  alignas(4096) std::uint32_t sq[kEntries * 16] = {};
  alignas(4096) volatile std::uint32_t cq[kEntries * 4] = {};

  NvmeQueue() {
    for (std::uint16_t i = 0; i < kEntries; ++i) free_ids_[i] = i;
  }

  void submit_read(std::uint64_t data, std::uint64_t block, std::uint32_t blocks, Done done) {
    const std::uint32_t cid = free_ids_[free_head_];
    free_head_ = next(free_head_);
    done_[cid] = done;
    std::uint32_t* const entry = sq + tail_ * 16;
    entry[0] = 2 | cid << 16;
    entry[1] = 1;
    *reinterpret_cast<std::uint64_t*>(entry + 6) = data;
    *reinterpret_cast<std::uint64_t*>(entry + 8) = 0;
    *reinterpret_cast<std::uint64_t*>(entry + 10) = block;
    entry[12] = blocks - 1;
    tail_ = next(tail_);
  }

  void ring() { tail_doorbell_ = tail_; }

  std::uint32_t poll() {
    std::uint32_t taken = 0;
    for (std::uint32_t last; ((last = cq[head_ * 4 + 3]) >> 16 & 1) == phase_; ++taken) {
      head_ = next(head_);
      if (head_ == 0) phase_ ^= 1;
      const auto cid = static_cast<std::uint16_t>(last);
      free_ids_[free_tail_] = cid;
      free_tail_ = next(free_tail_);
      done_[cid](last >> 17);
    }
    if (taken > 0) head_doorbell_ = head_;
    return taken;
  }

 private:
  static std::uint32_t next(std::uint32_t i) { return i + 1 == kEntries ? 0 : i + 1; }

  Done done_[kEntries] = {};
  std::uint16_t free_ids_[kEntries] = {};
  std::uint32_t free_head_ = 0, free_tail_ = 0, tail_ = 0, head_ = 0, phase_ = 1;
  volatile std::uint32_t tail_doorbell_ = 0, head_doorbell_ = 0;
};

}  // namespace bench
