// SPDX-License-Identifier: MIT
// The kernel's VFIO interface, as far as the library uses it: groups, type1 containers and PCI
// devices. It is declared here, so that the build needs no kernel headers and gives the same result
// on every distribution. Each size and number is asserted, and test/native compares all of them
// with the header of the build machine. The names are the kernel's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vfio {
// Inline, so that the rest of the library can use the kernel's names unqualified.
inline namespace uapi {

/// All VFIO requests are `_IO(';', 100 + n)`. The number holds no direction and no size, because
/// the structs carry their size in `argsz`.
constexpr unsigned long vfio_request(unsigned n) { return (';' << 8) | (100 + n); }

constexpr int VFIO_API_VERSION = 0;

// ---- Capability chains

/// The head of each capability behind an info struct. `next` is an offset from the start of the
/// info struct, or 0 at the end of the chain.
struct vfio_info_cap_header {
  std::uint16_t id;
  std::uint16_t version;
  std::uint32_t next;
};
static_assert(sizeof(vfio_info_cap_header) == 8);

// ---- Containers

constexpr unsigned long VFIO_GET_API_VERSION = vfio_request(0);
constexpr unsigned long VFIO_CHECK_EXTENSION = vfio_request(1);
constexpr unsigned long VFIO_SET_IOMMU = vfio_request(2);
static_assert(VFIO_GET_API_VERSION == 0x3b64);
static_assert(VFIO_CHECK_EXTENSION == 0x3b65);
static_assert(VFIO_SET_IOMMU == 0x3b66);

/// Arguments of CHECK_EXTENSION and SET_IOMMU.
constexpr unsigned long VFIO_TYPE1_IOMMU = 1;
constexpr unsigned long VFIO_TYPE1v2_IOMMU = 3;

constexpr unsigned long VFIO_IOMMU_GET_INFO = vfio_request(12);
constexpr unsigned long VFIO_IOMMU_MAP_DMA = vfio_request(13);
constexpr unsigned long VFIO_IOMMU_UNMAP_DMA = vfio_request(14);
static_assert(VFIO_IOMMU_GET_INFO == 0x3b70);
static_assert(VFIO_IOMMU_MAP_DMA == 0x3b71);
static_assert(VFIO_IOMMU_UNMAP_DMA == 0x3b72);

struct vfio_iommu_type1_info {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint64_t iova_pgsizes;
  std::uint32_t cap_offset;
  std::uint32_t pad;
};
static_assert(sizeof(vfio_iommu_type1_info) == 24);
static_assert(offsetof(vfio_iommu_type1_info, iova_pgsizes) == 8);
static_assert(offsetof(vfio_iommu_type1_info, cap_offset) == 16);

constexpr std::uint32_t VFIO_IOMMU_INFO_PGSIZES = 1U << 0;
constexpr std::uint32_t VFIO_IOMMU_INFO_CAPS = 1U << 1;

constexpr std::uint16_t VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE = 1;
/// The kernel's name has no CAP_ here.
constexpr std::uint16_t VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL = 3;

/// A closed range of IOVAs.
struct vfio_iova_range {
  std::uint64_t start;
  std::uint64_t end;
};
static_assert(sizeof(vfio_iova_range) == 16);

/// Followed by `nr_iovas` ranges.
struct vfio_iommu_type1_info_cap_iova_range {
  vfio_info_cap_header header;
  std::uint32_t nr_iovas;
  std::uint32_t reserved;
};
static_assert(sizeof(vfio_iommu_type1_info_cap_iova_range) == 16);

struct vfio_iommu_type1_info_dma_avail {
  vfio_info_cap_header header;
  std::uint32_t avail;
};
static_assert(sizeof(vfio_iommu_type1_info_dma_avail) == 12);

struct vfio_iommu_type1_dma_map {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint64_t vaddr;
  std::uint64_t iova;
  std::uint64_t size;
};
static_assert(sizeof(vfio_iommu_type1_dma_map) == 32);
static_assert(offsetof(vfio_iommu_type1_dma_map, vaddr) == 8);
static_assert(offsetof(vfio_iommu_type1_dma_map, iova) == 16);
static_assert(offsetof(vfio_iommu_type1_dma_map, size) == 24);

/// What the device may do. In an unmap, the same bits mean GET_DIRTY_BITMAP and ALL.
constexpr std::uint32_t VFIO_DMA_MAP_FLAG_READ = 1U << 0;
constexpr std::uint32_t VFIO_DMA_MAP_FLAG_WRITE = 1U << 1;

/// The kernel sets `size` to the number of bytes that it unmapped.
struct vfio_iommu_type1_dma_unmap {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint64_t iova;
  std::uint64_t size;
};
static_assert(sizeof(vfio_iommu_type1_dma_unmap) == 24);
static_assert(offsetof(vfio_iommu_type1_dma_unmap, iova) == 8);
static_assert(offsetof(vfio_iommu_type1_dma_unmap, size) == 16);

// ---- Groups

constexpr unsigned long VFIO_GROUP_GET_STATUS = vfio_request(3);
constexpr unsigned long VFIO_GROUP_SET_CONTAINER = vfio_request(4);
constexpr unsigned long VFIO_GROUP_UNSET_CONTAINER = vfio_request(5);
constexpr unsigned long VFIO_GROUP_GET_DEVICE_FD = vfio_request(6);
static_assert(VFIO_GROUP_GET_STATUS == 0x3b67);
static_assert(VFIO_GROUP_SET_CONTAINER == 0x3b68);
static_assert(VFIO_GROUP_UNSET_CONTAINER == 0x3b69);
static_assert(VFIO_GROUP_GET_DEVICE_FD == 0x3b6a);

struct vfio_group_status {
  std::uint32_t argsz;
  std::uint32_t flags;
};
static_assert(sizeof(vfio_group_status) == 8);

/// Every device of the group is bound to VFIO or has no driver.
constexpr std::uint32_t VFIO_GROUP_FLAGS_VIABLE = 1U << 0;
constexpr std::uint32_t VFIO_GROUP_FLAGS_CONTAINER_SET = 1U << 1;

// ---- Devices

constexpr unsigned long VFIO_DEVICE_GET_INFO = vfio_request(7);
constexpr unsigned long VFIO_DEVICE_GET_REGION_INFO = vfio_request(8);
constexpr unsigned long VFIO_DEVICE_GET_IRQ_INFO = vfio_request(9);
constexpr unsigned long VFIO_DEVICE_SET_IRQS = vfio_request(10);
constexpr unsigned long VFIO_DEVICE_RESET = vfio_request(11);
constexpr unsigned long VFIO_DEVICE_GET_PCI_HOT_RESET_INFO = vfio_request(12);
constexpr unsigned long VFIO_DEVICE_PCI_HOT_RESET = vfio_request(13);
static_assert(VFIO_DEVICE_GET_INFO == 0x3b6b);
static_assert(VFIO_DEVICE_GET_REGION_INFO == 0x3b6c);
static_assert(VFIO_DEVICE_GET_IRQ_INFO == 0x3b6d);
static_assert(VFIO_DEVICE_SET_IRQS == 0x3b6e);
static_assert(VFIO_DEVICE_RESET == 0x3b6f);
static_assert(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO == 0x3b70);
static_assert(VFIO_DEVICE_PCI_HOT_RESET == 0x3b71);

struct vfio_device_info {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t num_regions;
  std::uint32_t num_irqs;
  std::uint32_t cap_offset;
  std::uint32_t pad;
};
static_assert(sizeof(vfio_device_info) == 24);
static_assert(offsetof(vfio_device_info, num_regions) == 8);
static_assert(offsetof(vfio_device_info, num_irqs) == 12);
static_assert(offsetof(vfio_device_info, cap_offset) == 16);

constexpr std::uint32_t VFIO_DEVICE_FLAGS_RESET = 1U << 0;
constexpr std::uint32_t VFIO_DEVICE_FLAGS_PCI = 1U << 1;

struct vfio_region_info {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t index;
  std::uint32_t cap_offset;
  std::uint64_t size;
  std::uint64_t offset;
};
static_assert(sizeof(vfio_region_info) == 32);
static_assert(offsetof(vfio_region_info, index) == 8);
static_assert(offsetof(vfio_region_info, cap_offset) == 12);
static_assert(offsetof(vfio_region_info, size) == 16);
static_assert(offsetof(vfio_region_info, offset) == 24);

constexpr std::uint32_t VFIO_REGION_INFO_FLAG_READ = 1U << 0;
constexpr std::uint32_t VFIO_REGION_INFO_FLAG_WRITE = 1U << 1;
constexpr std::uint32_t VFIO_REGION_INFO_FLAG_MMAP = 1U << 2;
constexpr std::uint32_t VFIO_REGION_INFO_FLAG_CAPS = 1U << 3;

constexpr std::uint16_t VFIO_REGION_INFO_CAP_SPARSE_MMAP = 1;
constexpr std::uint16_t VFIO_REGION_INFO_CAP_TYPE = 2;
/// No payload: the region holds the MSI-X table and can be mapped nevertheless.
constexpr std::uint16_t VFIO_REGION_INFO_CAP_MSIX_MAPPABLE = 3;

struct vfio_region_sparse_mmap_area {
  std::uint64_t offset;
  std::uint64_t size;
};
static_assert(sizeof(vfio_region_sparse_mmap_area) == 16);

/// Followed by `nr_areas` areas.
struct vfio_region_info_cap_sparse_mmap {
  vfio_info_cap_header header;
  std::uint32_t nr_areas;
  std::uint32_t reserved;
};
static_assert(sizeof(vfio_region_info_cap_sparse_mmap) == 16);

struct vfio_region_info_cap_type {
  vfio_info_cap_header header;
  std::uint32_t type;
  std::uint32_t subtype;
};
static_assert(sizeof(vfio_region_info_cap_type) == 16);

struct vfio_irq_info {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t index;
  std::uint32_t count;
};
static_assert(sizeof(vfio_irq_info) == 16);
static_assert(offsetof(vfio_irq_info, index) == 8);
static_assert(offsetof(vfio_irq_info, count) == 12);

constexpr std::uint32_t VFIO_IRQ_INFO_EVENTFD = 1U << 0;
constexpr std::uint32_t VFIO_IRQ_INFO_MASKABLE = 1U << 1;
constexpr std::uint32_t VFIO_IRQ_INFO_AUTOMASKED = 1U << 2;
constexpr std::uint32_t VFIO_IRQ_INFO_NORESIZE = 1U << 3;

/// Followed by `count` eventfds (int32, -1 for none) with DATA_EVENTFD.
struct vfio_irq_set {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t index;
  std::uint32_t start;
  std::uint32_t count;
};
static_assert(sizeof(vfio_irq_set) == 20);
static_assert(offsetof(vfio_irq_set, index) == 8);
static_assert(offsetof(vfio_irq_set, start) == 12);
static_assert(offsetof(vfio_irq_set, count) == 16);

constexpr std::uint32_t VFIO_IRQ_SET_DATA_NONE = 1U << 0;
constexpr std::uint32_t VFIO_IRQ_SET_DATA_EVENTFD = 1U << 2;
constexpr std::uint32_t VFIO_IRQ_SET_ACTION_MASK = 1U << 3;
constexpr std::uint32_t VFIO_IRQ_SET_ACTION_UNMASK = 1U << 4;
constexpr std::uint32_t VFIO_IRQ_SET_ACTION_TRIGGER = 1U << 5;

/// A function that a hot reset affects. The first member is its group, unless
/// VFIO_PCI_HOT_RESET_FLAG_DEV_ID is set, which is for devices opened as cdevs.
struct vfio_pci_dependent_device {
  std::uint32_t group_id;
  std::uint16_t segment;
  std::uint8_t bus;
  std::uint8_t devfn;
};
static_assert(sizeof(vfio_pci_dependent_device) == 8);
static_assert(offsetof(vfio_pci_dependent_device, segment) == 4);
static_assert(offsetof(vfio_pci_dependent_device, bus) == 6);
static_assert(offsetof(vfio_pci_dependent_device, devfn) == 7);

/// Followed by `count` dependent devices. With ENOSPC, none follow, and `count` says how many there
/// are.
struct vfio_pci_hot_reset_info {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t count;
};
static_assert(sizeof(vfio_pci_hot_reset_info) == 12);
static_assert(offsetof(vfio_pci_hot_reset_info, flags) == 4);
static_assert(offsetof(vfio_pci_hot_reset_info, count) == 8);

/// Followed by the descriptors (int32) of `count` groups.
struct vfio_pci_hot_reset {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t count;
};
static_assert(sizeof(vfio_pci_hot_reset) == 12);
static_assert(offsetof(vfio_pci_hot_reset, count) == 8);

// ---- PCI: the indexes of regions and interrupts

enum : std::uint32_t {
  VFIO_PCI_BAR0_REGION_INDEX = 0,
  VFIO_PCI_BAR1_REGION_INDEX,
  VFIO_PCI_BAR2_REGION_INDEX,
  VFIO_PCI_BAR3_REGION_INDEX,
  VFIO_PCI_BAR4_REGION_INDEX,
  VFIO_PCI_BAR5_REGION_INDEX,
  VFIO_PCI_ROM_REGION_INDEX,
  VFIO_PCI_CONFIG_REGION_INDEX,
  VFIO_PCI_VGA_REGION_INDEX,
  VFIO_PCI_NUM_REGIONS,  // device-specific regions begin here
};
static_assert(VFIO_PCI_CONFIG_REGION_INDEX == 7);
static_assert(VFIO_PCI_NUM_REGIONS == 9);

enum : std::uint32_t {
  VFIO_PCI_INTX_IRQ_INDEX = 0,
  VFIO_PCI_MSI_IRQ_INDEX,
  VFIO_PCI_MSIX_IRQ_INDEX,
  VFIO_PCI_ERR_IRQ_INDEX,
  VFIO_PCI_REQ_IRQ_INDEX,
  VFIO_PCI_NUM_IRQS,
};
static_assert(VFIO_PCI_MSIX_IRQ_INDEX == 2);
static_assert(VFIO_PCI_NUM_IRQS == 5);

}  // namespace uapi
}  // namespace vfio
