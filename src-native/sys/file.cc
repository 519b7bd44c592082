// SPDX-License-Identifier: MIT
#include "sys/file.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include "sys/errors.h"
#include "sys/syscalls.h"

namespace vfio::sys {

namespace {

/// Repeats a system call that a signal interrupted.
template <typename Call>
auto without_eintr(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

/// A register must be transferred as a whole, so a short transfer is an error too.
void check_whole(ssize_t transferred, size_t size, const char* name, const std::string& path) {
  if (transferred < 0) throw SysError(errno, name, {}, path);
  if (static_cast<size_t>(transferred) != size) throw SysError(EIO, name, {}, path);
}

/// The file that a descriptor was opened on. Empty if /proc is not mounted.
std::string file_of(int fd) {
  try {
    return read_link("/proc/self/fd/" + std::to_string(fd));
  } catch (const SysError&) {
    return {};
  }
}

}  // namespace

UniqueFd open_file(const std::string& path, int flags) {
  UniqueFd fd(without_eintr([&] { return syscalls().open(path.c_str(), flags | O_CLOEXEC); }));
  if (!fd.valid()) throw SysError(errno, "open", {}, path);
  return fd;
}

Duplicate duplicate(int fd) {
  std::string name = "descriptor " + std::to_string(fd);
  UniqueFd ours(syscalls().fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!ours.valid()) throw SysError(errno, "fcntl", {}, name);
  std::string file = file_of(ours.get());
  if (!file.empty()) name += " (" + file + ")";
  return {std::move(ours), std::move(file), std::move(name)};
}

bool try_lock(int fd) {
  if (without_eintr([&] { return syscalls().flock(fd, LOCK_EX | LOCK_NB); }) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  throw SysError(errno, "flock", {}, "descriptor " + std::to_string(fd));
}

int control(const UniqueFd& fd, unsigned long request, void* argument, const char* name,
            const std::string& path) {
  const int result = without_eintr([&] { return syscalls().ioctl(fd.get(), request, argument); });
  if (result < 0) throw SysError(errno, "ioctl", name, path);
  return result;
}

void read_at(const UniqueFd& fd, void* buffer, size_t size, std::uint64_t offset,
             const std::string& path) {
  const auto at = static_cast<off_t>(offset);
  check_whole(without_eintr([&] { return syscalls().pread(fd.get(), buffer, size, at); }), size,
              "pread", path);
}

void write_at(const UniqueFd& fd, const void* buffer, size_t size, std::uint64_t offset,
              const std::string& path) {
  const auto at = static_cast<off_t>(offset);
  check_whole(without_eintr([&] { return syscalls().pwrite(fd.get(), buffer, size, at); }), size,
              "pwrite", path);
}

UniqueFd make_eventfd() {
  UniqueFd fd(syscalls().eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!fd.valid()) throw SysError(errno, "eventfd");
  return fd;
}

uint64_t drain_eventfd(int fd) noexcept {
  uint64_t count = 0;
  const ssize_t got = without_eintr([&] { return syscalls().read(fd, &count, sizeof count); });
  return got == sizeof count ? count : 0;
}

void raise_eventfd(int fd, std::uint64_t times) {
  const ssize_t put = without_eintr([&] { return syscalls().write(fd, &times, sizeof times); });
  if (put < 0) throw SysError(errno, "write");
}

void pause(int milliseconds) noexcept { syscalls().poll(nullptr, 0, milliseconds); }

void wait_readable(int fd, int timeout_ms) {
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  if (syscalls().poll(&waiting, 1, timeout_ms) < 0 && errno != EINTR) throw SysError(errno, "poll");
}

UniqueFd make_epoll() {
  UniqueFd fd(syscalls().epoll_create1(EPOLL_CLOEXEC));
  if (!fd.valid()) throw SysError(errno, "epoll_create1");
  return fd;
}

void watch_readable(const UniqueFd& epoll, int fd) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  if (syscalls().epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    throw SysError(errno, "epoll_ctl");
  }
}

std::string read_link(const std::string& path) {
  std::array<char, PATH_MAX> target;
  const ssize_t length = syscalls().readlink(path.c_str(), target.data(), target.size());
  if (length < 0) throw SysError(errno, "readlink", {}, path);
  if (static_cast<size_t>(length) == target.size()) {
    throw SysError(ENAMETOOLONG, "readlink", {}, path);
  }
  return {target.data(), static_cast<size_t>(length)};
}

}  // namespace vfio::sys
