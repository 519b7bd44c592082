// SPDX-License-Identifier: MIT
// Passes requests of guest programs to the host. A program sends a line to a Unix socket and gets a
// line back. The port can be opened only once, but any number of programs of any user can use the
// socket at the same time.
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "init.h"

#define LINE_MAX_SIZE 8192

struct client {
  int fd;       // -1 if this entry is free
  uint32_t id;  // never reused, so that a late answer cannot reach another program
  size_t filled;
  char line[LINE_MAX_SIZE];
};

static struct client clients[REQUESTS_MAX];
static int listener;

void requests_listen(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = HOST_SOCKET};
  listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr*)&address, sizeof address) != 0 ||
      chmod(HOST_SOCKET, 0666) != 0 || listen(listener, REQUESTS_MAX) != 0) {
    die("listen on", HOST_SOCKET);
  }
  for (int i = 0; i < REQUESTS_MAX; i++) clients[i].fd = -1;
}

int requests_poll(struct pollfd* entries) {
  for (int i = 0; i < REQUESTS_MAX; i++) {
    entries[i] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
  }
  entries[REQUESTS_MAX] = (struct pollfd){.fd = listener, .events = POLLIN};
  return REQUESTS_MAX + 1;
}

static void accept_client(void) {
  static uint32_t next_id;
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  for (int i = 0; i < REQUESTS_MAX && fd >= 0; i++) {
    if (clients[i].fd >= 0) continue;
    clients[i].fd = fd;
    clients[i].id = next_id++;
    clients[i].filled = 0;
    return;
  }
  close(fd);
}

static void drop(struct client* client) {
  close(client->fd);
  client->fd = -1;
}

static void forward(const struct client* client, size_t size) {
  char frame[sizeof(uint32_t) + LINE_MAX_SIZE];
  memcpy(frame, &client->id, sizeof client->id);
  memcpy(frame + sizeof client->id, client->line, size);
  port_send(FRAME_REQUEST, frame, sizeof client->id + size);
}

static void receive(struct client* client) {
  ssize_t count =
      read(client->fd, client->line + client->filled, sizeof client->line - client->filled);
  if (count <= 0) {
    drop(client);
    return;
  }
  client->filled += (size_t)count;
  char* end = memchr(client->line, '\n', client->filled);
  if (end != NULL) {
    size_t size = (size_t)(end - client->line) + 1;
    forward(client, size);
    memmove(client->line, client->line + size, client->filled - size);
    client->filled -= size;
  } else if (client->filled == sizeof client->line) {
    drop(client);
  }
}

void requests_serve(const struct pollfd* entries, int count) {
  for (int i = 0; i < count - 1; i++) {
    if (entries[i].revents != 0) receive(&clients[i]);
  }
  if (entries[count - 1].revents != 0) accept_client();
}

void requests_reply(const char* data, size_t size) {
  uint32_t id;
  if (size < sizeof id) return;
  memcpy(&id, data, sizeof id);
  for (int i = 0; i < REQUESTS_MAX; i++) {
    if (clients[i].fd < 0 || clients[i].id != id) continue;
    // A program that does not read its answer must not block this process.
    send(clients[i].fd, data + sizeof id, size - sizeof id, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}
