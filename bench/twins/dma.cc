// SPDX-License-Identifier: MIT
// Maps and unmaps DMA memory. Without a container, it makes no ioctl, as the memory back end does.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>

#include "twins.h"
#include "uapi/vfio.h"

namespace bench {

namespace {

constexpr std::uint64_t kIova = std::uint64_t{1} << 32;
constexpr std::uint64_t kHugePage = std::uint64_t{2} << 20;

struct {
  std::int32_t container;
  void* reserved;
  std::uint64_t size;
} mapped;

}  // namespace

double open_container(std::int32_t group) {
  char path[32];
  std::snprintf(path, sizeof path, "/dev/vfio/%d", group);
  const int node = ::open(path, O_RDWR | O_CLOEXEC);
  const int container = ::open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
  if (::ioctl(node, vfio::VFIO_GROUP_SET_CONTAINER, &container) != 0) return -1;
  if (::ioctl(container, vfio::VFIO_SET_IOMMU, vfio::VFIO_TYPE1v2_IOMMU) != 0) return -1;
  return container;
}

double map_dma(std::int32_t container, std::uint64_t bytes) {
  const double start = processor_time();
  void* reserved = ::mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const auto memory = (reinterpret_cast<std::uintptr_t>(reserved) + kHugePage - 1) & -kHugePage;
  if (bytes >= kHugePage) ::madvise(reinterpret_cast<void*>(memory), bytes, MADV_HUGEPAGE);
  vfio::vfio_iommu_type1_dma_map map{
      .argsz = sizeof map, .flags = 3, .vaddr = memory, .iova = kIova, .size = bytes};
  mapped = {container, reserved, bytes};
  if (container >= 0 && ::ioctl(container, vfio::VFIO_IOMMU_MAP_DMA, &map) != 0) return -1;
  return processor_time() - start;
}

double unmap_dma() {
  const double start = processor_time();
  vfio::vfio_iommu_type1_dma_unmap unmap{
      .argsz = sizeof unmap, .flags = 0, .iova = kIova, .size = mapped.size};
  if (mapped.container >= 0) ::ioctl(mapped.container, vfio::VFIO_IOMMU_UNMAP_DMA, &unmap);
  ::munmap(mapped.reserved, mapped.size + kHugePage);
  return processor_time() - start;
}

}  // namespace bench
