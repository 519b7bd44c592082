// SPDX-License-Identifier: MIT
// Compares the library's declarations of the kernel's interface with those of the build machine.
// The library's constants are copied to other names before the kernel's header is included, because
// its macros have the same names.
#include "uapi/vfio.h"

// clang-format off
#define FOR_EACH_NUMBER(X) \
  X(VFIO_API_VERSION) \
  X(VFIO_GET_API_VERSION) \
  X(VFIO_CHECK_EXTENSION) \
  X(VFIO_SET_IOMMU) \
  X(VFIO_TYPE1_IOMMU) \
  X(VFIO_TYPE1v2_IOMMU) \
  X(VFIO_IOMMU_GET_INFO) \
  X(VFIO_IOMMU_MAP_DMA) \
  X(VFIO_IOMMU_UNMAP_DMA) \
  X(VFIO_IOMMU_INFO_PGSIZES) \
  X(VFIO_IOMMU_INFO_CAPS) \
  X(VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) \
  X(VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL) \
  X(VFIO_DMA_MAP_FLAG_READ) \
  X(VFIO_DMA_MAP_FLAG_WRITE) \
  X(VFIO_GROUP_GET_STATUS) \
  X(VFIO_GROUP_SET_CONTAINER) \
  X(VFIO_GROUP_UNSET_CONTAINER) \
  X(VFIO_GROUP_GET_DEVICE_FD) \
  X(VFIO_GROUP_FLAGS_VIABLE) \
  X(VFIO_GROUP_FLAGS_CONTAINER_SET) \
  X(VFIO_DEVICE_GET_INFO) \
  X(VFIO_DEVICE_GET_REGION_INFO) \
  X(VFIO_DEVICE_GET_IRQ_INFO) \
  X(VFIO_DEVICE_SET_IRQS) \
  X(VFIO_DEVICE_RESET) \
  X(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO) \
  X(VFIO_DEVICE_PCI_HOT_RESET) \
  X(VFIO_DEVICE_FLAGS_RESET) \
  X(VFIO_DEVICE_FLAGS_PCI) \
  X(VFIO_REGION_INFO_FLAG_READ) \
  X(VFIO_REGION_INFO_FLAG_WRITE) \
  X(VFIO_REGION_INFO_FLAG_MMAP) \
  X(VFIO_REGION_INFO_FLAG_CAPS) \
  X(VFIO_REGION_INFO_CAP_SPARSE_MMAP) \
  X(VFIO_REGION_INFO_CAP_TYPE) \
  X(VFIO_REGION_INFO_CAP_MSIX_MAPPABLE) \
  X(VFIO_IRQ_INFO_EVENTFD) \
  X(VFIO_IRQ_INFO_MASKABLE) \
  X(VFIO_IRQ_INFO_AUTOMASKED) \
  X(VFIO_IRQ_INFO_NORESIZE) \
  X(VFIO_IRQ_SET_DATA_NONE) \
  X(VFIO_IRQ_SET_DATA_EVENTFD) \
  X(VFIO_IRQ_SET_ACTION_MASK) \
  X(VFIO_IRQ_SET_ACTION_UNMASK) \
  X(VFIO_IRQ_SET_ACTION_TRIGGER) \
  X(VFIO_PCI_BAR0_REGION_INDEX) \
  X(VFIO_PCI_BAR1_REGION_INDEX) \
  X(VFIO_PCI_BAR2_REGION_INDEX) \
  X(VFIO_PCI_BAR3_REGION_INDEX) \
  X(VFIO_PCI_BAR4_REGION_INDEX) \
  X(VFIO_PCI_BAR5_REGION_INDEX) \
  X(VFIO_PCI_ROM_REGION_INDEX) \
  X(VFIO_PCI_CONFIG_REGION_INDEX) \
  X(VFIO_PCI_VGA_REGION_INDEX) \
  X(VFIO_PCI_NUM_REGIONS) \
  X(VFIO_PCI_INTX_IRQ_INDEX) \
  X(VFIO_PCI_MSI_IRQ_INDEX) \
  X(VFIO_PCI_MSIX_IRQ_INDEX) \
  X(VFIO_PCI_ERR_IRQ_INDEX) \
  X(VFIO_PCI_REQ_IRQ_INDEX) \
  X(VFIO_PCI_NUM_IRQS)
// clang-format on

namespace {
#define TAKE_DOWN(name) constexpr auto ours_##name = vfio::uapi::name;
FOR_EACH_NUMBER(TAKE_DOWN)
}  // namespace

#include <linux/vfio.h>

#define COMPARE_NUMBER(name) \
  static_assert(static_cast<unsigned long>(ours_##name) == static_cast<unsigned long>(name));
FOR_EACH_NUMBER(COMPARE_NUMBER)

#define COMPARE_MEMBER(type, member) \
  static_assert(offsetof(vfio::uapi::type, member) == offsetof(::type, member));
// The library's structs may have the padding that later kernels made explicit.
#define COMPARE_SIZE(type) static_assert(sizeof(vfio::uapi::type) >= sizeof(::type));

COMPARE_SIZE(vfio_info_cap_header)
COMPARE_MEMBER(vfio_info_cap_header, version)
COMPARE_MEMBER(vfio_info_cap_header, next)
COMPARE_SIZE(vfio_iommu_type1_info)
COMPARE_MEMBER(vfio_iommu_type1_info, iova_pgsizes)
COMPARE_MEMBER(vfio_iommu_type1_info, cap_offset)
COMPARE_MEMBER(vfio_iommu_type1_info_cap_iova_range, nr_iovas)
COMPARE_SIZE(vfio_iommu_type1_info_cap_iova_range)
COMPARE_MEMBER(vfio_iova_range, end)
COMPARE_MEMBER(vfio_iommu_type1_info_dma_avail, avail)
COMPARE_SIZE(vfio_iommu_type1_dma_map)
COMPARE_MEMBER(vfio_iommu_type1_dma_map, vaddr)
COMPARE_MEMBER(vfio_iommu_type1_dma_map, iova)
COMPARE_MEMBER(vfio_iommu_type1_dma_map, size)
COMPARE_SIZE(vfio_iommu_type1_dma_unmap)
COMPARE_MEMBER(vfio_iommu_type1_dma_unmap, iova)
COMPARE_MEMBER(vfio_iommu_type1_dma_unmap, size)
COMPARE_SIZE(vfio_group_status)
COMPARE_SIZE(vfio_device_info)
COMPARE_MEMBER(vfio_device_info, num_regions)
COMPARE_MEMBER(vfio_device_info, num_irqs)
COMPARE_SIZE(vfio_region_info)
COMPARE_MEMBER(vfio_region_info, index)
COMPARE_MEMBER(vfio_region_info, cap_offset)
COMPARE_MEMBER(vfio_region_info, size)
COMPARE_MEMBER(vfio_region_info, offset)
COMPARE_SIZE(vfio_region_info_cap_sparse_mmap)
COMPARE_MEMBER(vfio_region_info_cap_sparse_mmap, nr_areas)
COMPARE_MEMBER(vfio_region_sparse_mmap_area, size)
COMPARE_MEMBER(vfio_region_info_cap_type, type)
COMPARE_MEMBER(vfio_region_info_cap_type, subtype)
COMPARE_SIZE(vfio_irq_info)
COMPARE_MEMBER(vfio_irq_info, index)
COMPARE_MEMBER(vfio_irq_info, count)
COMPARE_SIZE(vfio_irq_set)
COMPARE_MEMBER(vfio_irq_set, start)
COMPARE_MEMBER(vfio_irq_set, count)
COMPARE_SIZE(vfio_pci_dependent_device)
COMPARE_MEMBER(vfio_pci_dependent_device, group_id)
COMPARE_MEMBER(vfio_pci_dependent_device, segment)
COMPARE_MEMBER(vfio_pci_dependent_device, bus)
COMPARE_MEMBER(vfio_pci_dependent_device, devfn)
COMPARE_SIZE(vfio_pci_hot_reset_info)
COMPARE_MEMBER(vfio_pci_hot_reset_info, count)
COMPARE_SIZE(vfio_pci_hot_reset)
COMPARE_MEMBER(vfio_pci_hot_reset, count)
