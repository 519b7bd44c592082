// SPDX-License-Identifier: MIT
// Loads the kernel modules of the initrd, sorted by name. Their names sort in dependency order.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init.h"

static void load(const char* path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) die("open", path);
  if (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST) die("load module", path);
  close(fd);
  unlink(path);
}

void modules_load(const char* directory) {
  struct dirent** entries;
  int count = scandir(directory, &entries, NULL, alphasort);
  for (int i = 0; i < count; i++) {
    char path[512];
    if (entries[i]->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
    load(path);
  }
}
