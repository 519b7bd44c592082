// SPDX-License-Identifier: MIT
// Target: any answers of a container while memory is mapped and unmapped and groups join and leave.
// An IOVA is allocated once, and becomes free only if the kernel has unmapped it.
#include "vfio/address_space.h"

#include <optional>
#include <set>

#include "hostile_kernel.h"
#include "target.h"
#include "vfio/type1/address_space.h"

namespace vfio::fuzz {

namespace {

constexpr std::uint64_t kMost = std::uint64_t{1} << 40;

class Program final {
 public:
  explicit Program(Input& input) : input_(input) {}

  void step() {
    switch (input_.take<std::uint8_t>() % 4) {
      case 0:
        if (accepted([&] { space_.hold_group(7, std::nullopt); })) ++holds_;
        return;
      case 1:
        return release();
      case 2:
        return map();
      default:
        return unmap();
    }
  }

 private:
  /// When the last group leaves, the kernel has unmapped everything.
  void release() {
    if (holds_ == 0) return;
    accepted([&] { space_.release_group(7); });
    if (--holds_ == 0) stuck_.clear();
  }

  void map() {
    const std::uint64_t size = input_.take<std::uint32_t>() * std::uint64_t{0x100};
    const bool fixed = input_.take<std::uint8_t>() % 2 == 0;
    const auto wanted = fixed ? std::optional(input_.take<std::uint64_t>()) : std::nullopt;
    accepted([&] {
      const std::uint64_t iova = space_.map(memory_, {.size = size, .iova = wanted});
      require(size > 0 && size <= kMost && iova <= ~size + 1, "a mapping has a size");
      require(!wanted || iova == *wanted, "a mapping is at the requested IOVA");
      require(!stuck_.contains(iova), "an IOVA that the kernel kept is not allocated");
      require(mapped_.insert(iova).second, "an IOVA is allocated once");
    });
  }

  void unmap() {
    if (mapped_.empty()) return;
    const std::uint64_t iova = mapped_.extract(mapped_.begin()).value();
    if (!accepted([&] { space_.unmap(iova); })) stuck_.insert(iova);
  }

  Input& input_;
  AddressSpace space_{open_type1()};
  unsigned holds_ = 0;
  std::set<std::uint64_t> mapped_;
  std::set<std::uint64_t> stuck_;
  void* const memory_ = reinterpret_cast<void*>(0x10000);
};

}  // namespace

void run(Input& input) {
  answer_from(input);
  accepted([&] {
    Program program(input);
    while (!input.empty()) program.step();
  });
}

}  // namespace vfio::fuzz
