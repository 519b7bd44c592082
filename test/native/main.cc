// SPDX-License-Identifier: MIT
// The entry point of the native tests, with the options of the sanitizers.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "sys/errors.h"
#include "vfio/errors.h"

// A sanitizer that handles SIGBUS would be the handler before the library's. The sanitizers look
// these functions up by name, and the compiler flags hide names by default.
#define VISIBLE __attribute__((visibility("default")))
extern "C" VISIBLE const char* __asan_default_options() { return "handle_sigbus=0"; }
extern "C" VISIBLE const char* __tsan_default_options() { return "handle_sigbus=0"; }

// what() of these exceptions does not contain everything they know.
REGISTER_EXCEPTION_TRANSLATOR(const vfio::sys::SysError& error) {
  const std::string call = error.syscall() + " " + error.request() + " '" + error.path() + "'";
  return (call + ": " + std::strerror(error.error())).c_str();
}

REGISTER_EXCEPTION_TRANSLATOR(const vfio::Error& error) {
  return (std::string(vfio::error_code_name(error.code())) + ": " + error.what()).c_str();
}
