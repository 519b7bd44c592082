// SPDX-License-Identifier: MIT
// The command register of an open function. It has the bits for memory decode and bus master, and
// the bit that masks INTx.
#pragma once

#include <cstdint>

#include "vfio/backend.h"

namespace vfio {

/// The device keeps the state; this reads and writes it. Each method but bus_master() reads the
/// register and writes it back, so its caller holds Gate::Change or Gate::Stop, or is the last
/// user. All throw what the back end does.
class CommandRegister final {
 public:
  /// The back end outlives it.
  explicit CommandRegister(FunctionBackend& backend) : backend_(backend) {}

  /// What every driver finds after open and after reset, on every back end: memory decode on, bus
  /// master off, INTx masked.
  void prepare();
  /// No DMA and no INTx from now on.
  void silence();

  bool bus_master() const;
  void set_bus_master(bool on);

  void unmask_intx();
  void mask_intx();
  /// For when the register says masked and the device is not. The kernel enables INTx in the device
  /// as it disables MSI, behind the register that it shows, and carries out only changes of that.
  void force_intx_mask();

 private:
  void change(std::uint16_t set, std::uint16_t clear);
  std::uint16_t read() const;

  FunctionBackend& backend_;
};

}  // namespace vfio
