// SPDX-License-Identifier: MIT
// Reads /job, a list of NUL-terminated strings in which each key is followed by its value.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"

static char* load(const char* path, size_t* size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) die("read", path);
  char* text = malloc((size_t)status.st_size + 1);
  size_t done = 0;
  while (done < (size_t)status.st_size) {
    ssize_t count = read(fd, text + done, (size_t)status.st_size - done);
    if (count <= 0) die("read", path);
    done += (size_t)count;
  }
  close(fd);
  text[done] = '\0';
  *size = done;
  return text;
}

// Appends to a NULL-terminated list. An empty list is NULL.
static void push(char*** list, size_t* length, char* value) {
  *list = realloc(*list, (*length + 2) * sizeof **list);
  (*list)[(*length)++] = value;
  (*list)[*length] = NULL;
}

struct lists {
  size_t images, binds, trees, prepare, command, env;
};

static void take(struct job* job, struct lists* n, const char* key, char* value) {
  if (strcmp(key, "image") == 0) {
    push(&job->images, &n->images, value);
  } else if (strcmp(key, "bind") == 0) {
    push(&job->binds, &n->binds, value);
  } else if (strcmp(key, "tree") == 0) {
    push(&job->trees, &n->trees, value);
  } else if (strcmp(key, "prepare") == 0) {
    push(&job->prepare, &n->prepare, value);
  } else if (strcmp(key, "arg") == 0) {
    push(&job->command, &n->command, value);
  } else if (strcmp(key, "env") == 0) {
    push(&job->env, &n->env, value);
  } else if (strcmp(key, "cwd") == 0) {
    job->cwd = value;
  } else if (strcmp(key, "uid") == 0) {
    job->uid = (uid_t)strtoul(value, NULL, 10);
  } else {
    errno = 0;
    die("unknown key in /job", key);
  }
}

void job_read(const char* path, struct job* job) {
  static char* none[] = {NULL};
  struct lists n = {0};
  size_t size;
  char* text = load(path, &size);
  memset(job, 0, sizeof *job);
  for (char* at = text; at < text + size;) {
    char* key = at;
    char* value = key + strlen(key) + 1;
    take(job, &n, key, value);
    at = value + strlen(value) + 1;
  }
  if (job->images == NULL) job->images = none;
  if (job->binds == NULL) job->binds = none;
  if (job->trees == NULL) job->trees = none;
  if (job->prepare == NULL) job->prepare = none;
  if (job->env == NULL) job->env = none;
}
