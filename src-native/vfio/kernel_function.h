// SPDX-License-Identifier: MIT
// A PCI function behind a VFIO device descriptor, from a group or a cdev. Owns the descriptor and
// the eventfds through which the kernel reports errors and requests the device back. Thread-safe:
// the data read at open does not change, and everything else is a single system call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sys/unique_fd.h"
#include "vfio/backend.h"

namespace vfio {

class KernelFunction final : public FunctionBackend {
 public:
  /// `name` is the name of the descriptor in errors. Throws Error kLost if the device does not
  /// answer.
  KernelFunction(sys::UniqueFd device, std::string name);
  ~KernelFunction() override;
  KernelFunction(const KernelFunction&) = delete;
  KernelFunction& operator=(const KernelFunction&) = delete;

  FunctionInfo info() override { return info_; }
  std::optional<RegionInfo> region(std::uint32_t index) override;
  std::optional<IrqInfo> irq(std::uint32_t index) override;

  /// Accesses must be naturally aligned, because the kernel splits all others. An access of 8 bytes
  /// is possible only if the kernel makes one access of it; otherwise this throws Error
  /// kUnsupported. Throws Error kLost if config space shows that the device is gone.
  std::uint64_t read(std::uint32_t region, std::uint64_t offset, unsigned width) override;
  void write(std::uint32_t region, std::uint64_t offset, unsigned width,
             std::uint64_t value) override;

  std::optional<sys::Mapping> map(const RegionInfo& region, Area area) override;
  int set_irqs(const IrqRequest& request) override;
  void reset() override;
  std::vector<AffectedFunction> hot_reset_info() override;
  void hot_reset(const std::vector<sys::UniqueFd>& groups) override;

  int change_fd() const noexcept override { return changes_.get(); }
  Change take_change() override;

 private:
  struct Region {
    RegionInfo info;
    std::uint64_t offset;  // in the device's file
  };

  FunctionInfo read_function_info();
  std::optional<Region> read_region(std::uint32_t index);
  std::optional<IrqInfo> read_irq(std::uint32_t index);
  const Region& present(std::uint32_t index) const;
  std::uint64_t file_offset(std::uint32_t region, std::uint64_t offset, unsigned width) const;
  sys::UniqueFd watch(std::uint32_t irq_index);
  void disarm(std::uint32_t irq_index) noexcept;
  std::uint64_t read_raw(std::uint32_t region, std::uint64_t offset, unsigned width);
  bool makes_one_of_8_bytes(const RegionInfo& region) const noexcept;
  void find_kinds_of_bars();
  bool is_gone();
  bool answers() noexcept;
  [[noreturn]] void lose();

  const sys::UniqueFd device_;  // closed last
  const std::string name_;
  FunctionInfo info_;
  const bool has_8_byte_bars_;  // whether this kernel reads and writes 8 bytes of a BAR at once
  std::vector<std::optional<Region>> regions_;
  std::vector<std::optional<IrqInfo>> irqs_;
  sys::UniqueFd changes_;  // an epoll descriptor that watches the next three
  sys::UniqueFd losses_;   // raised by lose()
  sys::UniqueFd errors_;   // not valid if the kernel does not offer it
  sys::UniqueFd requests_;
};

}  // namespace vfio
