// SPDX-License-Identifier: MIT
#include "vfio/capabilities.h"

#include <doctest/doctest.h>

#include "support.h"
#include "uapi/vfio.h"

using namespace vfio;
using vfio::testing::code_of;

namespace {

constexpr std::uint64_t kPage = 0x1000;
constexpr std::uint32_t kMappable = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_MMAP;

class Buffer final {
 public:
  template <typename T>
  Buffer& add(const T& value) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
    for (std::size_t i = 0; i < sizeof value; ++i) bytes_.push_back(bytes[i]);
    return *this;
  }
  Bytes bytes() const { return bytes_; }
  Bytes first(std::size_t size) const { return Bytes(bytes_).first(size); }

 private:
  std::vector<std::uint8_t> bytes_;
};

vfio_info_cap_header header(std::uint16_t id, std::uint32_t next) {
  return {.id = id, .version = 1, .next = next};
}

vfio_region_info region_of(std::uint64_t size, std::uint32_t flags, std::uint32_t caps = 0) {
  return {.argsz = 0,
          .flags = flags | (caps != 0 ? VFIO_REGION_INFO_FLAG_CAPS : 0),
          .index = 3,
          .cap_offset = caps,
          .size = size,
          .offset = 0};
}

/// A region with one sparse capability.
Buffer sparse(std::uint64_t size, std::uint32_t claimed,
              std::initializer_list<vfio_region_sparse_mmap_area> areas) {
  Buffer buffer;
  buffer.add(region_of(size, kMappable, sizeof(vfio_region_info)));
  buffer.add(vfio_region_info_cap_sparse_mmap{
      .header = header(VFIO_REGION_INFO_CAP_SPARSE_MMAP, 0), .nr_areas = claimed, .reserved = 0});
  for (const auto& area : areas) buffer.add(area);
  return buffer;
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> areas_of(const RegionInfo& region) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> areas;
  for (const Area& area : region.mappable) areas.emplace_back(area.begin, area.size);
  return areas;
}

using Areas = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

vfio_iommu_type1_info iommu(std::uint32_t caps = 0, std::uint64_t page_sizes = 0x1000) {
  return {.argsz = 0,
          .flags = VFIO_IOMMU_INFO_PGSIZES | (caps != 0 ? VFIO_IOMMU_INFO_CAPS : 0),
          .iova_pgsizes = page_sizes,
          .cap_offset = caps,
          .pad = 0};
}

Buffer ranges(std::initializer_list<vfio_iova_range> list) {
  Buffer buffer;
  buffer.add(iommu(sizeof(vfio_iommu_type1_info)));
  buffer.add(vfio_iommu_type1_info_cap_iova_range{
      .header = header(VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 0),
      .nr_iovas = static_cast<std::uint32_t>(list.size()),
      .reserved = 0});
  for (const auto& range : list) buffer.add(range);
  return buffer;
}

}  // namespace

TEST_CASE("F21/ a chain is followed to its end, in its own order") {
  Buffer buffer;
  buffer.add(std::uint64_t{0}).add(header(2, 0)).add(header(7, 8));
  const auto found = walk_capabilities(buffer.bytes(), 16);
  REQUIRE(found.size() == 2);
  CHECK(found[0].id == 7);
  CHECK(found[1].id == 2);
  CHECK(found[1].version == 1);
  CHECK(found[1].bytes.size() == 16);
  CHECK(walk_capabilities(buffer.bytes(), 0).empty());
}

TEST_CASE("F21/ a chain that turns back or leaves its buffer is refused") {
  Buffer itself;
  itself.add(std::uint64_t{0}).add(header(1, 8));
  CHECK(code_of([&] { walk_capabilities(itself.bytes(), 8); }) == ErrorCode::kProtocol);

  Buffer two;
  two.add(std::uint64_t{0}).add(header(1, 16)).add(header(2, 8));
  CHECK(code_of([&] { walk_capabilities(two.bytes(), 8); }) == ErrorCode::kProtocol);

  Buffer outside;
  outside.add(std::uint64_t{0}).add(header(1, 0xfffffff0));
  CHECK(code_of([&] { walk_capabilities(outside.bytes(), 8); }) == ErrorCode::kProtocol);
  CHECK(code_of([&] { walk_capabilities(outside.bytes(), 9); }) == ErrorCode::kProtocol);
  CHECK(code_of([&] { walk_capabilities(outside.bytes(), 16); }) == ErrorCode::kProtocol);
}

TEST_CASE("F21/ a region that can be mapped is mapped whole") {
  Buffer buffer;
  buffer.add(region_of(0x4000, kMappable));
  const RegionInfo region = decode_region_info(buffer.bytes(), kPage);
  CHECK(region.index == 3);
  CHECK(region.size == 0x4000);
  CHECK(region.flags == kMappable);
  CHECK(areas_of(region) == Areas{{0, 0x4000}});
  CHECK_FALSE(region.type);
}

TEST_CASE("F21/ without the MMAP flag nothing is mapped, whatever a capability lists") {
  Buffer buffer;
  buffer.add(region_of(0x4000, VFIO_REGION_INFO_FLAG_READ, sizeof(vfio_region_info)));
  buffer.add(vfio_region_info_cap_sparse_mmap{
      .header = header(VFIO_REGION_INFO_CAP_SPARSE_MMAP, 0), .nr_areas = 1, .reserved = 0});
  buffer.add(vfio_region_sparse_mmap_area{.offset = 0, .size = 0x1000});
  CHECK(decode_region_info(buffer.bytes(), kPage).mappable.empty());
}

TEST_CASE("F21/ MSIX_MAPPABLE leaves the region whole") {
  Buffer buffer;
  buffer.add(region_of(0x4000, kMappable, sizeof(vfio_region_info)));
  buffer.add(header(VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, 0));
  CHECK(areas_of(decode_region_info(buffer.bytes(), kPage)) == Areas{{0, 0x4000}});
}

TEST_CASE("F21/ a region smaller than a page is mapped to its own end") {
  Buffer buffer;
  buffer.add(region_of(0x100, kMappable));
  CHECK(areas_of(decode_region_info(buffer.bytes(), kPage)) == Areas{{0, 0x100}});
}

TEST_CASE("F21/ sparse areas are put in order, rounded inwards, and kept apart") {
  const Buffer buffer = sparse(0x8000, 4,
                               {{.offset = 0x4800, .size = 0x2000},
                                {.offset = 0, .size = 0x2000},
                                {.offset = 0x1000, .size = 0x1fff},
                                {.offset = 0x7000, .size = 0x1000}});
  CHECK(areas_of(decode_region_info(buffer.bytes(), kPage)) ==
        Areas{{0, 0x2000}, {0x5000, 0x1000}, {0x7000, 0x1000}});
  CHECK(areas_of(decode_region_info(sparse(0x8000, 0, {}).bytes(), kPage)).empty());
  CHECK(areas_of(decode_region_info(buffer.bytes(), 0x10000)).empty());
}

TEST_CASE("F21/ sparse areas that lie are refused") {
  const auto refused = [](const Buffer& buffer) {
    return code_of([&] { decode_region_info(buffer.bytes(), kPage); }) == ErrorCode::kProtocol;
  };
  CHECK(refused(sparse(0x8000, 1, {{.offset = 0x8000, .size = 0x1000}})));
  CHECK(refused(sparse(0x8000, 1, {{.offset = 0x1000, .size = ~std::uint64_t{0}}})));
  CHECK(refused(sparse(0x8000, 1, {{.offset = ~std::uint64_t{0}, .size = 1}})));
  CHECK(refused(sparse(0x8000, 2, {{.offset = 0, .size = 0x1000}})));
  CHECK(refused(sparse(0x8000, 0xffffffff, {})));
  Buffer endless;
  endless.add(region_of(~std::uint64_t{0}, kMappable));
  CHECK(refused(endless));
}

TEST_CASE("F21/ a capability that is cut short is refused at every length") {
  const Buffer whole = sparse(0x8000, 1, {{.offset = 0, .size = 0x1000}});
  for (std::size_t size = 0; size < whole.bytes().size(); ++size) {
    CAPTURE(size);
    CHECK(code_of([&] { decode_region_info(whole.first(size), kPage); }) == ErrorCode::kProtocol);
  }
  CHECK_FALSE(decode_region_info(whole.bytes(), kPage).mappable.empty());
}

TEST_CASE("F21/ a region of the device's own says its type") {
  Buffer buffer;
  buffer.add(region_of(0x1000, VFIO_REGION_INFO_FLAG_READ, sizeof(vfio_region_info)));
  buffer.add(vfio_region_info_cap_type{
      .header = header(VFIO_REGION_INFO_CAP_TYPE, 0), .type = 0x80008086, .subtype = 2});
  const RegionInfo region = decode_region_info(buffer.bytes(), kPage);
  CHECK(region.type == 0x80008086);
  CHECK(region.subtype == 2);
}

TEST_CASE("F21/ type1's ranges and count of mappings are read") {
  Buffer buffer;
  constexpr std::uint32_t kFirst = sizeof(vfio_iommu_type1_info);
  constexpr std::uint32_t kSecond = kFirst + sizeof(vfio_iommu_type1_info_dma_avail);
  buffer.add(iommu(kFirst, 0x40201000));
  buffer.add(vfio_iommu_type1_info_dma_avail{
      .header = header(VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, kSecond), .avail = 65535});
  buffer.add(vfio_iommu_type1_info_cap_iova_range{
      .header = header(VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 0), .nr_iovas = 2, .reserved = 0});
  buffer.add(vfio_iova_range{.start = 0, .end = 0xfedfffff});
  buffer.add(vfio_iova_range{.start = 0xfef00000, .end = ~std::uint64_t{0}});

  const Limits limits = decode_type1_info(buffer.bytes());
  CHECK(limits.attached);
  CHECK(limits.page_sizes == 0x40201000);
  CHECK(limits.mappings_available == 65535);
  REQUIRE(limits.ranges.size() == 2);
  CHECK(limits.ranges[0].last == 0xfedfffff);
  CHECK(limits.ranges[1].last == ~std::uint64_t{0});
}

TEST_CASE("F21/ without capabilities type1 has the usual range and an unknown count") {
  Buffer buffer;
  buffer.add(iommu());
  const Limits limits = decode_type1_info(buffer.bytes());
  REQUIRE(limits.ranges.size() == 1);
  CHECK(limits.ranges[0].first == 0x10000);
  CHECK(limits.ranges[0].last == (std::uint64_t{1} << 39) - 1);
  CHECK_FALSE(limits.mappings_available);
}

TEST_CASE("F21/ ranges out of order, overlapping or turned round are refused") {
  const auto refused = [](const Buffer& buffer) {
    return code_of([&] { decode_type1_info(buffer.bytes()); }) == ErrorCode::kProtocol;
  };
  CHECK(refused(ranges({{.start = 0x2000, .end = 0x2fff}, {.start = 0, .end = 0xfff}})));
  CHECK(refused(ranges({{.start = 0, .end = 0xfff}, {.start = 0xfff, .end = 0x1fff}})));
  CHECK(refused(ranges({{.start = 0x1000, .end = 0xfff}})));
  CHECK_FALSE(refused(ranges({})));
  Buffer no_pages;
  no_pages.add(iommu(0, 0));
  CHECK(refused(no_pages));
  vfio_iommu_type1_info silent = iommu();
  silent.flags = 0;
  Buffer no_answer;
  no_answer.add(silent);
  CHECK(refused(no_answer));
}

TEST_CASE("F21/ a capability of type1 that nobody here knows is passed over") {
  Buffer buffer;
  constexpr std::uint32_t kFirst = sizeof(vfio_iommu_type1_info);
  constexpr std::uint32_t kSecond = kFirst + sizeof(vfio_iommu_type1_info_dma_avail);
  constexpr std::uint16_t kUnknown = 0x7777;
  buffer.add(iommu(kFirst));
  buffer.add(vfio_iommu_type1_info_dma_avail{
      .header = header(VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, kSecond), .avail = 7});
  buffer.add(header(kUnknown, 0));
  CHECK(decode_type1_info(buffer.bytes()).mappings_available == 7);
}

TEST_CASE("F21/ what a hot reset takes along is read, and a count that lies is refused") {
  Buffer buffer;
  buffer.add(vfio_pci_hot_reset_info{.argsz = 0, .flags = 0, .count = 2});
  buffer.add(vfio_pci_dependent_device{.group_id = 7, .segment = 0, .bus = 1, .devfn = 8});
  buffer.add(vfio_pci_dependent_device{.group_id = 8, .segment = 0, .bus = 1, .devfn = 9});
  const auto affected = decode_hot_reset_info(buffer.bytes());
  REQUIRE(affected.size() == 2);
  CHECK(affected[1].address.text() == "0000:01:01.1");
  CHECK(affected[1].group == 8);
  for (std::size_t size = 0; size < buffer.bytes().size(); ++size) {
    CAPTURE(size);
    CHECK(code_of([&] { decode_hot_reset_info(buffer.first(size)); }) == ErrorCode::kProtocol);
  }
}
