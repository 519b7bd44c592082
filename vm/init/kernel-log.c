// SPDX-License-Identifier: MIT
// Sends the guest's kernel log to the host as it grows, so that the host has it if the guest dies.
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "init.h"

#define RECORD_SIZE 8192  // the kernel's own limit

static int kernel_log = -1;

void kernel_log_open(void) {
  kernel_log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (kernel_log < 0) die("open", "/dev/kmsg");
}

int kernel_log_fd(void) { return kernel_log; }

void kernel_log_send(void) {
  static char buffer[2 * RECORD_SIZE];
  size_t filled = 0;
  for (;;) {
    // One read returns one record. A frame holds many records.
    ssize_t count = read(kernel_log, buffer + filled, sizeof buffer - filled);
    if (count < 0 && errno == EPIPE)
      continue;  // records were lost; the next read continues after them
    if (count <= 0) break;
    filled += (size_t)count;
    if (sizeof buffer - filled >= RECORD_SIZE) continue;
    port_send(FRAME_KERNEL_LOG, buffer, filled);
    filled = 0;
  }
  if (filled > 0) port_send(FRAME_KERNEL_LOG, buffer, filled);
}
