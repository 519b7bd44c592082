// SPDX-License-Identifier: MIT
// An NVMe controller of memory: when it is told to, it completes the commands of a queue, in order.
#include "twins.h"

namespace bench {

namespace {

constexpr std::uint32_t kSqeDwords = 16;
constexpr std::uint32_t kCqeDwords = 4;

struct NvmeDevice {
  volatile std::uint32_t* sq;
  volatile std::uint32_t* cq;
  std::uint32_t entries;
  std::uint32_t head = 0;
  std::uint32_t tail = 0;
  std::uint32_t phase = 1;
};

NvmeDevice devices[2];

}  // namespace

double nvme_attach(std::uint32_t index, std::uintptr_t sq, std::uintptr_t cq,
                   std::uint32_t entries) {
  devices[index] = {.sq = at<std::uint32_t>(sq), .cq = at<std::uint32_t>(cq), .entries = entries};
  return 0;
}

double nvme_complete(std::uint32_t index, std::uint32_t count) {
  NvmeDevice& device = devices[index];
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t cid = device.sq[device.head * kSqeDwords] >> 16;
    if (++device.head == device.entries) device.head = 0;
    volatile std::uint32_t* entry = device.cq + device.tail * kCqeDwords;
    entry[0] = 0;
    entry[2] = device.head;
    entry[3] = cid | device.phase << 16;
    if (++device.tail == device.entries) {
      device.tail = 0;
      device.phase ^= 1;
    }
  }
  return 0;
}

}  // namespace bench
