// SPDX-License-Identifier: MIT
#include "sys/sole_copy.h"

#include <dlfcn.h>
#include <link.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

/// Claims the process for the copy in `file`, unless another copy has claimed it, and returns the
/// file of the copy that has it. Copies of all versions find this function in each other, so it
/// must never change.
extern "C" __attribute__((visibility("default"))) const char* vfio_claim_process(const char* file) {
  static std::atomic<const char*> holder{nullptr};
  const char* owner = nullptr;
  const char* copy = ::strdup(file);
  if (holder.compare_exchange_strong(owner, copy)) return copy;
  ::free(const_cast<char*>(copy));
  return owner;
}

namespace vfio::sys {

namespace {

using ClaimProcess = decltype(&vfio_claim_process);

/// The addons that the process has loaded, the first one first.
std::vector<std::string> loaded_addons() {
  std::vector<std::string> addons;
  ::dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* list) {
        const std::string_view file = object->dlpi_name;
        if (file.ends_with(".node"))
          static_cast<std::vector<std::string>*>(list)->emplace_back(file);
        return 0;
      },
      &addons);
  return addons;
}

/// All copies ask the copy that was loaded first. It can never be unloaded (-z nodelete).
ClaimProcess claim_of_first_copy() {
  for (const std::string& file : loaded_addons()) {
    void* const addon = ::dlopen(file.c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (addon == nullptr) continue;
    void* const claim = ::dlsym(addon, "vfio_claim_process");
    ::dlclose(addon);
    if (claim != nullptr) return reinterpret_cast<ClaimProcess>(claim);
  }
  return vfio_claim_process;
}

}  // namespace

std::string own_copy() {
  Dl_info object{};
  ::dladdr(reinterpret_cast<void*>(vfio_claim_process), &object);
  return object.dli_fname;
}

std::string claim_process() { return claim_of_first_copy()(own_copy().c_str()); }

}  // namespace vfio::sys
