// SPDX-License-Identifier: MIT
#include "sys/mapping.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sys/errors.h"
#include "sys/syscalls.h"

namespace vfio::sys {

namespace {

/// The size of a transparent huge page, which is also its alignment.
constexpr size_t kHugePage = size_t{2} << 20;

constexpr std::uintptr_t round_up(std::uintptr_t value, size_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

}  // namespace

size_t page_size() noexcept {
  static const auto size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

Mapping::Mapping(void* data, size_t size) noexcept
    : data_(static_cast<std::uint8_t*>(data)), size_(size) {}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  Mapping taken(std::move(other));  // what this mapping held ends with `taken`
  std::swap(data_, taken.data_);
  std::swap(size_, taken.size_);
  return *this;
}

// munmap of our own range can only fail if the kernel has no memory to split it. Nothing can be
// done then.
Mapping::~Mapping() {
  if (data_ != nullptr) syscalls().munmap(data_, size_);
}

Mapping Mapping::of_file(int fd, off_t offset, size_t size, int protection,
                         const std::string& path) {
  void* data = syscalls().mmap(nullptr, size, protection, MAP_SHARED, fd, offset);
  if (data == MAP_FAILED) throw SysError(errno, "mmap", {}, path);
  Mapping mapping(data, size);
  mapping.advise(MADV_DONTFORK, "MADV_DONTFORK");
  return mapping;
}

Mapping Mapping::of_memory(size_t size, size_t alignment) {
  const bool huge = size >= kHugePage;
  if (huge) alignment = std::max(alignment, kHugePage);

  // mmap only aligns to a page. So this maps more than needed and cuts off the ends.
  size_t reserved = 0;
  if (__builtin_add_overflow(size, alignment - page_size(), &reserved)) {
    throw SysError(ENOMEM, "mmap");
  }
  void* data = syscalls().mmap(nullptr, reserved, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw SysError(errno, "mmap");
  Mapping mapping(data, reserved);
  const auto begin = reinterpret_cast<std::uintptr_t>(data);
  mapping.trim_to(mapping.data_ + (round_up(begin, alignment) - begin), size);

  mapping.advise(MADV_DONTFORK, "MADV_DONTFORK");
  // The rest is only advice, and a kernel built without it works too.
  syscalls().madvise(mapping.data_, size, MADV_DONTDUMP);
  if (huge) syscalls().madvise(mapping.data_, size, MADV_HUGEPAGE);
  return mapping;
}

void Mapping::populate() {
  if (syscalls().madvise(data_, size_, kPopulateWrite) == 0) return;
  if (errno != EINVAL) throw SysError(errno, "madvise", "MADV_POPULATE_WRITE");
  // Before Linux 5.14. Each byte is read and written back, so the data does not change.
  for (size_t offset = 0; offset < size_; offset += page_size()) {
    auto* const byte = static_cast<volatile std::uint8_t*>(data_ + offset);
    *byte = *byte;
  }
}

void Mapping::advise(int advice, const char* name) const {
  if (syscalls().madvise(data_, size_, advice) != 0) throw SysError(errno, "madvise", name);
}

/// Unmaps the pages outside [begin, begin + size). After each step, the mapping owns exactly what
/// is left.
void Mapping::trim_to(std::uint8_t* begin, size_t size) {
  if (begin != data_) {
    const auto front = static_cast<size_t>(begin - data_);
    if (syscalls().munmap(data_, front) != 0) throw SysError(errno, "munmap");
    data_ = begin;
    size_ -= front;
  }
  const size_t kept = round_up(size, page_size());
  if (kept < size_ && syscalls().munmap(data_ + kept, size_ - kept) != 0) {
    throw SysError(errno, "munmap");
  }
  size_ = size;
}

void Mapping::replace_with(Mapping other) {
  void* const moved =
      syscalls().mremap(other.data_, other.size_, size_, MREMAP_MAYMOVE | MREMAP_FIXED, data_);
  if (moved == MAP_FAILED) throw SysError(errno, "mremap");
  other.data_ = nullptr;
}

// If the kernel refuses even that, the old pages stay until the destructor. They hold the file
// open, so no other process gets the device before.
bool Mapping::tombstone() noexcept {
  return data_ == nullptr || replace_with_zeros(data_, size_, syscalls());
}

// A kernel that never overcommits memory (vm.overcommit_memory = 2) counts private pages when they
// are mapped, and those of a file only when they are first accessed.
bool replace_with_zeros(void* place, size_t size, const Syscalls& calls) noexcept {
  constexpr int kProtection = PROT_READ | PROT_WRITE;
  constexpr int kFlags = MAP_FIXED | MAP_NORESERVE;
  if (calls.mmap(place, size, kProtection, kFlags | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
      MAP_FAILED) {
    return true;
  }
  const int file = calls.memfd_create("vfio-closed", MFD_CLOEXEC);
  if (file < 0) return false;
  const bool replaced =
      calls.ftruncate(file, static_cast<off_t>(size)) == 0 &&
      calls.mmap(place, size, kProtection, kFlags | MAP_SHARED, file, 0) != MAP_FAILED;
  calls.close(file);
  return replaced;
}

}  // namespace vfio::sys
