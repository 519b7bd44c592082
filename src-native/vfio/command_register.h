// SPDX-License-Identifier: MIT
// The command register of an open function. It has the bits for memory decode and bus master, and
// the bit that masks INTx.
#pragma once

#include <cstdint>

#include "vfio/backend.h"

namespace vfio {

/// The state is in the device; this class reads and writes it. Every method except bus_master()
/// reads the register and writes it back, so its caller holds Gate::Change or Gate::Stop, or is the
/// last user. All methods throw what the back end throws.
class CommandRegister final {
 public:
  /// The back end outlives it.
  explicit CommandRegister(FunctionBackend& backend) : backend_(backend) {}

  /// The state that a driver finds after open and after reset, on every back end: memory decode on,
  /// bus master off, INTx masked.
  void prepare();
  /// Turns bus master off and masks INTx, so that the device starts no DMA and raises no INTx.
  void silence();

  bool bus_master() const;
  void set_bus_master(bool on);

  void unmask_intx();
  void mask_intx();
  /// Masks INTx even if the register says already that it is masked. When the kernel disables MSI,
  /// it enables INTx in the device without changing the register that it shows. It only passes
  /// changes of the bit on to the device.
  void force_intx_mask();

 private:
  void change(std::uint16_t set, std::uint16_t clear);
  std::uint16_t read() const;

  FunctionBackend& backend_;
};

}  // namespace vfio
