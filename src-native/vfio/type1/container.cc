// SPDX-License-Identifier: MIT
#include "vfio/type1/container.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "sys/errors.h"
#include "sys/file.h"
#include "uapi/vfio.h"
#include "vfio/capabilities.h"
#include "vfio/errors.h"
#include "vfio/kernel_info.h"

namespace vfio::type1 {

namespace {

constexpr const char* kPath = "/dev/vfio/vfio";

/// Some requests take a number instead of a pointer.
void* as_argument(unsigned long number) { return reinterpret_cast<void*>(number); }

std::uint32_t map_flags(Direction direction) {
  switch (direction) {
    case Direction::kToDevice:
      return VFIO_DMA_MAP_FLAG_READ;
    case Direction::kFromDevice:
      return VFIO_DMA_MAP_FLAG_WRITE;
    case Direction::kBoth:
      break;
  }
  return VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
}

}  // namespace

Container Container::open(std::optional<sys::Duplicate> opened) {
  Container container = opened ? Container(std::move(opened->fd), std::move(opened->name))
                               : Container(sys::open_file(kPath, O_RDWR), kPath);
  if (container.control(VFIO_GET_API_VERSION, nullptr, "VFIO_GET_API_VERSION") !=
      VFIO_API_VERSION) {
    throw Error(ErrorCode::kUnsupported, container.path_ + " has another version of the VFIO API");
  }
  const auto offers = [&](unsigned long type) {
    return container.control(VFIO_CHECK_EXTENSION, as_argument(type), "VFIO_CHECK_EXTENSION") > 0;
  };
  if (offers(VFIO_TYPE1v2_IOMMU)) return container;
  if (offers(VFIO_TYPE1_IOMMU)) {
    throw Error(ErrorCode::kUnsupported, "this kernel has type1 but not type1v2 containers");
  }
  throw Error(ErrorCode::kNoIommu, container.path_ + " offers no type1 IOMMU");
}

void Container::set_iommu() {
  control(VFIO_SET_IOMMU, as_argument(VFIO_TYPE1v2_IOMMU), "VFIO_SET_IOMMU");
}

Limits Container::limits() {
  return decode_type1_info(
      read_info(fd_, VFIO_IOMMU_GET_INFO, vfio_iommu_type1_info{}, "VFIO_IOMMU_GET_INFO", path_));
}

void Container::map(std::uint64_t iova, void* memory, std::uint64_t size, Direction direction) {
  vfio_iommu_type1_dma_map map{
      .argsz = sizeof map,
      .flags = map_flags(direction),
      .vaddr = reinterpret_cast<std::uintptr_t>(memory),
      .iova = iova,
      .size = size,
  };
  control(VFIO_IOMMU_MAP_DMA, &map, "VFIO_IOMMU_MAP_DMA");
}

void Container::unmap(std::uint64_t iova, std::uint64_t size) {
  vfio_iommu_type1_dma_unmap unmap{
      .argsz = sizeof unmap,
      .flags = 0,
      .iova = iova,
      .size = size,
  };
  control(VFIO_IOMMU_UNMAP_DMA, &unmap, "VFIO_IOMMU_UNMAP_DMA");
  // If nothing is mapped there, type1 reports success and iommufd ENOENT. This back end reports
  // ENOENT.
  if (unmap.size != size) {
    throw sys::SysError(unmap.size == 0 ? ENOENT : EIO, "ioctl", "VFIO_IOMMU_UNMAP_DMA", path_);
  }
}

int Container::control(unsigned long request, void* argument, const char* name) const {
  return sys::control(fd_, request, argument, name, path_);
}

}  // namespace vfio::type1
