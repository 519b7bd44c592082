// SPDX-License-Identifier: MIT
// Target: any answers while a device is opened and armed. A set has as many vectors as requested,
// or none is armed and another set can be.
#include <memory>

#include "hostile_kernel.h"
#include "target.h"
#include "vfio/function.h"
#include "vfio/irq_set.h"
#include "vfio/type1/address_space.h"

namespace vfio::fuzz {

namespace {

void use_vectors(IrqSet& set, std::uint32_t asked, Input& input) {
  require(set.count() == asked, "an armed set has all of its vectors");
  const auto vector = input.take<std::uint8_t>();
  accepted([&] { set.trigger(vector); });
  accepted([&] { set.mask_intx(true); });
  accepted([&] { set.mask_intx(false); });
}

void arm(const std::shared_ptr<Function>& function, Input& input) {
  const std::uint32_t index = input.take<std::uint8_t>() % 4;
  const auto count = input.take<std::uint16_t>();
  accepted([&] {
    IrqSet set(function, index, count);
    use_vectors(set, count, input);
    set.close();
  });
}

}  // namespace

void run(Input& input) {
  answer_from(input);
  accepted([&] {
    const auto space = std::make_shared<AddressSpace>(open_type1());
    const auto address = Address::parse("0000:01:00.0");
    const auto function =
        Function::open(Registry::instance().claim_device(space, address), {address});
    for (int i = 0; i < 3; ++i) arm(function, input);
    accepted([&] {
      function->begin_reset();
      function->reset();
    });
    function->take_change();
    function->release();
  });
}

}  // namespace vfio::fuzz
