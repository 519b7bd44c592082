// SPDX-License-Identifier: MIT
// An mmap as a value. It owns the address range until it is destroyed. A tombstoned mapping keeps
// its address range, so that a late access reads zeros and does no harm, but it no longer holds the
// file or the memory.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace vfio::sys {

struct Syscalls;

/// MADV_POPULATE_WRITE, which older headers lack. Linux knows it from 5.14 on, and answers EINVAL
/// before that.
inline constexpr int kPopulateWrite = 23;

/// The host's page size.
size_t page_size() noexcept;

class Mapping final {
 public:
  Mapping() noexcept = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  /// Maps a file shared, with the given `protection`. `path` names the file in errors. A child
  /// process does not inherit the mapping over fork, because it would keep the device busy.
  static Mapping of_file(int fd, off_t offset, size_t size, int protection,
                         const std::string& path);

  /// Zeroed private memory for DMA, aligned to `alignment` (a power of two, at least a page). It is
  /// not inherited over fork, is left out of core dumps, and asks for huge pages from 2 MiB on.
  static Mapping of_memory(size_t size, size_t alignment);

  /// Gives each page its own memory. Call it before the memory is pinned without being written.
  /// Kernels before 6.2 pin the shared zero page in place of a page that was never written, and a
  /// later write then goes to a different page.
  void populate();

  std::uint8_t* data() const noexcept { return data_; }
  size_t size() const noexcept { return size_; }

  /// Moves the pages of `other`, which must have the same size, to this address. The change is
  /// atomic for threads that use the mapping.
  void replace_with(Mapping other);

  /// Replaces the whole range with fresh memory, by replace_with_zeros(). Returns whether that
  /// worked.
  bool tombstone() noexcept;

 private:
  Mapping(void* data, size_t size) noexcept;
  void advise(int advice, const char* name) const;
  void trim_to(std::uint8_t* begin, size_t size);

  std::uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

/// Puts fresh memory in place of the whole pages at `place`. The change is atomic for threads that
/// access them. Returns false if the kernel has no memory for it: the pages then stay as they were.
/// A signal handler may call it with kernel_syscalls().
bool replace_with_zeros(void* place, size_t size, const Syscalls& calls) noexcept;

}  // namespace vfio::sys
