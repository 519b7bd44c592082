// SPDX-License-Identifier: MIT
// A PCI function made of memory: memfds as BARs, eventfds as interrupts. BARs are memfds, so that
// they can really be mapped. Configuration space is an array. The device behaves like one under
// kernel VFIO, also in the unpleasant cases: a BAR with memory decode off raises SIGBUS, and INTx
// masks itself. Tests play the hardware through the methods under that heading. Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "stage.h"
#include "sys/unique_fd.h"
#include "vfio/backend.h"

namespace vfio::testing {

struct BarSpec {
  std::uint64_t size = 0;  // 0: no such BAR
  bool mappable = true;
  bool io_ports = false;          // as the kernel reports it; then it has no 8-byte access
  bool prefetchable = false;      // as bit 3 of the BAR's register says
  bool writable = true;           // as the kernel reports it; real BARs are always writable
  std::vector<Area> sparse = {};  // the areas that can be mapped; default: all
};

struct DeviceSpec {
  std::string address = "0000:00:01.0";
  int group = 1;
  std::uint16_t vendor = 0x1234;
  std::uint16_t device = 0x11e8;
  std::vector<BarSpec> bars = {{.size = 0x4000}};  // at most six
  std::uint64_t rom = 0;                           // the size of its ROM; 0: none
  std::uint32_t intx = 1;                          // vectors of each type; 0: none
  std::uint32_t msi = 0;
  std::uint32_t msix = 0;
  bool err = false;  // whether the kernel offers VFIO_PCI_ERR_IRQ_INDEX
  bool req = true;
  bool reset = true;
  /// Devices of the same slot are reset together. A device without a slot has no hot reset.
  std::optional<int> slot = {};
  /// The command register after an open. The kernel leaves I/O and memory decode on.
  std::uint16_t command = 0x0003;
  /// How many MSI or MSI-X vectors the host can spare. set_irqs returns this number if a request
  /// asks for more.
  std::optional<std::uint32_t> vectors_to_spare = {};
  /// A virtual function opens only with the token of its physical function. Other devices open only
  /// without a token.
  std::optional<VfToken> vf_token = {};
  /// IOVAs that the container loses while this device is attached.
  std::vector<IovaRange> reserved = {};
};

class MemoryDevice final {
 public:
  explicit MemoryDevice(DeviceSpec spec);
  MemoryDevice(const MemoryDevice&) = delete;
  MemoryDevice& operator=(const MemoryDevice&) = delete;

  const DeviceSpec& spec() const noexcept { return spec_; }

  // ---- The hardware, for tests.

  /// Raises a vector of VFIO_PCI_{INTX,MSI,MSIX}_IRQ_INDEX. INTx stays asserted until lower_intx().
  /// MSI is a write to memory, so it needs bus mastering. Returns whether an eventfd was signalled.
  bool raise(std::uint32_t index, std::uint32_t vector);
  /// Raises a vector this many times, as fast as possible. Returns how often an eventfd was
  /// signalled.
  std::uint32_t storm(std::uint32_t index, std::uint32_t vector, std::uint32_t times);
  /// Adds this many interrupts to an MSI or MSI-X vector in one step.
  bool raise_many(std::uint32_t index, std::uint32_t vector, std::uint64_t times);
  void lower_intx();
  /// The eventfd behind an armed vector, for a thread that raises it directly. -1 if there is none.
  /// The device owns it and closes it when the vector is disarmed.
  int eventfd(std::uint32_t vector) const;

  /// Turns decode off, as in D3 or behind a bridge that is off: BARs raise SIGBUS, and reads of
  /// them return EIO. When it is on again, they work if the memory bit of the command register is
  /// also on, and they have their old contents.
  void set_decode(bool on);

  /// Adds to the result of the next take_change.
  void notify(Change change);
  /// Removes the device: notifies `lost`, turns decode off, and every access returns EIO.
  void lose();

  /// The registers of a BAR as the device itself sees them, with decode on or off.
  std::uint64_t peek(std::uint32_t bar, std::uint64_t offset, unsigned width) const;
  void poke(std::uint32_t bar, std::uint64_t offset, unsigned width, std::uint64_t value);

  std::uint16_t command() const;
  unsigned open_functions() const;
  unsigned armed_eventfds() const;
  unsigned resets() const;

  Stage opening;
  mutable Stage reading;  // of a region, except configuration space
  Stage resetting;
  Stage closing;

  // ---- The kernel, for the back end.

  void open(const std::optional<VfToken>& token);
  void close() noexcept;
  std::optional<RegionInfo> region(std::uint32_t index) const;
  std::optional<IrqInfo> irq(std::uint32_t index) const;
  std::uint64_t read(std::uint32_t region, std::uint64_t offset, unsigned width) const;
  void write(std::uint32_t region, std::uint64_t offset, unsigned width, std::uint64_t value);
  std::optional<sys::Mapping> map(std::uint32_t region, Area area) const;
  int set_irqs(const IrqRequest& request);
  void reset();
  /// For a reset of several devices. Each begin_reset needs an end_reset.
  void begin_reset();
  void end_reset(bool counts);
  int change_fd() const noexcept { return change_fd_.get(); }
  Change take_change();

 private:
  static constexpr std::size_t kConfigSize = 256;

  struct Bar {
    BarSpec spec;
    sys::UniqueFd memory;
    std::vector<std::uint8_t> kept;  // the contents while decode is off
  };

  void build_config();
  std::uint8_t* add_capability(std::uint8_t id, std::size_t offset, std::uint8_t*& next);
  std::uint16_t read_command() const;
  void write_config(std::uint64_t offset, unsigned width, std::uint64_t value);
  const Bar& bar(std::uint32_t region) const;
  static void get(const Bar& bar, std::uint64_t offset, std::size_t size, std::uint64_t& value);
  static void put(const Bar& bar, std::uint64_t offset, std::size_t size, std::uint64_t value);
  void check_access(std::uint32_t region, std::uint64_t offset, unsigned width) const;
  void apply_decode();
  void quiet_interrupts();
  std::uint32_t vectors(std::uint32_t index) const;
  int set_trigger(const IrqRequest& request);
  int enable(const IrqRequest& request);
  void replace(const IrqRequest& request);
  void set_intx_mask(const IrqRequest& request);
  bool may_write(std::uint32_t index) const;
  bool deliver_intx();
  bool signal(std::uint32_t vector, std::uint64_t times = 1) const;

  const DeviceSpec spec_;
  mutable std::mutex mutex_;
  std::array<std::uint8_t, kConfigSize> config_{};
  std::vector<Bar> bars_;
  bool powered_ = true;
  bool resetting_ = false;
  bool decoding_ = true;
  bool lost_ = false;
  unsigned functions_ = 0;
  unsigned resets_ = 0;

  std::optional<std::uint32_t> enabled_;  // the one interrupt index in use
  std::vector<sys::UniqueFd> triggers_;   // its eventfds, duplicated; some not valid
  bool intx_asserted_ = false;
  bool intx_masked_ = false;

  sys::UniqueFd change_fd_;
  Change change_;
};

}  // namespace vfio::testing
