// SPDX-License-Identifier: MIT
// An mmap as a value. Owns the address range until destruction. A tombstoned mapping keeps its
// address range, so that a late user reads zeros and can do no harm, but no longer holds the file
// or memory.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace vfio::sys {

/// The host's page size.
size_t page_size() noexcept;

class Mapping final {
 public:
  Mapping() noexcept = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  /// Maps a file shared, readable and writable as `protection` says. `path` names it in errors. The
  /// mapping is not inherited over fork (a child would keep the device busy).
  static Mapping of_file(int fd, off_t offset, size_t size, int protection,
                         const std::string& path);

  /// Zeroed private memory for DMA, aligned to `alignment` (a power of two, at least a page): not
  /// inherited over fork, left out of core dumps, huge pages advised from 2 MiB on.
  static Mapping of_memory(size_t size, size_t alignment);

  /// Gives each page memory of its own, for who pins it without writing: kernels before 6.2 pin the
  /// shared page of zeros in place of one that was never written, and what is written later goes
  /// elsewhere.
  void populate();

  std::uint8_t* data() const noexcept { return data_; }
  size_t size() const noexcept { return size_; }

  /// Moves the pages of `other`, which has the same size, to this place, atomically for whoever is
  /// using it.
  void replace_with(Mapping other);

  /// Puts fresh anonymous pages over the whole range, atomically for whoever is reading it.
  void tombstone() noexcept;

 private:
  Mapping(void* data, size_t size) noexcept;
  void advise(int advice, const char* name) const;
  void trim_to(std::uint8_t* begin, size_t size);

  std::uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace vfio::sys
