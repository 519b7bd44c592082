// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cstring>

#include "sys/errors.h"
#include "vfio/errors.h"

// Neither exception says all it knows in what().
REGISTER_EXCEPTION_TRANSLATOR(const vfio::sys::SysError& error) {
  const std::string call = error.syscall() + " " + error.request() + " '" + error.path() + "'";
  return (call + ": " + std::strerror(error.error())).c_str();
}

REGISTER_EXCEPTION_TRANSLATOR(const vfio::Error& error) {
  return (std::string(vfio::error_code_name(error.code())) + ": " + error.what()).c_str();
}
