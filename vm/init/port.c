// SPDX-License-Identifier: MIT
// Frames over the virtio-serial port named "vfio-vm": u32 kind, u32 size, then that many bytes.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "init.h"

#define PORT_NAME "vfio-vm"
#define PORTS "/sys/class/virtio-ports"

static int port = -1;

struct header {
  uint32_t kind;
  uint32_t size;
};

static int find(char* device, size_t size) {
  DIR* directory = opendir(PORTS);
  int found = 0;
  for (struct dirent* entry; !found && directory != NULL && (entry = readdir(directory)) != NULL;) {
    char path[512], name[64];
    snprintf(path, sizeof path, PORTS "/%s/name", entry->d_name);
    read_line(path, name, sizeof name);
    found = strcmp(name, PORT_NAME) == 0;
    if (found) snprintf(device, size, "/dev/%s", entry->d_name);
  }
  if (directory != NULL) closedir(directory);
  return found;
}

void port_open(void) {
  char device[512];
  // The host announces the port only after the driver is ready.
  for (int tries = 0; !find(device, sizeof device); tries++) {
    errno = ENODEV;
    if (tries == 5000) die("find the port", PORT_NAME);
    usleep(1000);
  }
  port = open(device, O_RDWR | O_CLOEXEC);
  if (port < 0) die("open", device);
}

int port_fd(void) { return port; }

static void write_all(const char* data, size_t size) {
  while (size > 0) {
    ssize_t count = write(port, data, size);
    if (count < 0 && errno == EINTR) continue;
    // The host closed its end, so there is nobody left to report to.
    if (count <= 0) power_off();
    data += count;
    size -= (size_t)count;
  }
}

void port_send(enum frame kind, const void* data, size_t size) {
  // A frame that fits is sent in one write, which is one buffer for the host.
  static char frame[sizeof(struct header) + 16384];
  struct header header = {.kind = kind, .size = (uint32_t)size};
  size_t room = sizeof frame - sizeof header;
  size_t first = size < room ? size : room;
  memcpy(frame, &header, sizeof header);
  if (first > 0) memcpy(frame + sizeof header, data, first);
  write_all(frame, sizeof header + first);
  write_all((const char*)data + first, size - first);
}

void port_receive(void (*handle)(enum frame, const char*, size_t)) {
  static char buffer[128 * 1024];
  static size_t filled;
  ssize_t count = read(port, buffer + filled, sizeof buffer - filled);
  if (count < 0 && errno == EINTR) return;
  if (count <= 0) power_off();
  filled += (size_t)count;
  size_t at = 0;
  while (filled - at >= sizeof(struct header)) {
    struct header header;
    memcpy(&header, buffer + at, sizeof header);
    if (filled - at - sizeof header < header.size) break;
    handle((enum frame)header.kind, buffer + at + sizeof header, header.size);
    at += sizeof header + header.size;
  }
  memmove(buffer, buffer + at, filled - at);
  filled -= at;
}
