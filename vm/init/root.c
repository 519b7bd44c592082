// SPDX-License-Identifier: MIT
// Builds the root file system: an overlay in memory over the host's files, read-only over 9p. It
// then mounts the images and files of this run over it.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"

#define ROOT "/root"
#define PATH_SIZE 4096

static void mount_or_die(const char* source, const char* target, const char* type,
                         unsigned long flags, const char* options) {
  if (mount(source, target, type, flags, options) != 0) die("mount", target);
}

static void bind_or_die(const char* from, const char* to) {
  mount_or_die(from, to, NULL, MS_BIND, NULL);
}

// Each overlay keeps its changes in directories of its own, which a counter numbers.
static void mount_overlay(const char* lower, const char* target) {
  static int count;
  char upper[64], work[64], options[PATH_SIZE + 256];
  snprintf(upper, sizeof upper, "/changes/%d/upper", count);
  snprintf(work, sizeof work, "/changes/%d/work", count);
  count++;
  make_directories(upper);
  make_directories(work);
  snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work);
  mount_or_die("overlay", target, "overlay", 0, options);
}

static void mount_host(void) {
  mkdir("/host", 0755);
  mkdir("/changes", 0755);
  mkdir(ROOT, 0755);
  // The host's files do not change during a run, so the guest can cache everything. The largest
  // message that virtio can carry saves most round trips.
  mount_or_die("host", "/host", "9p", MS_RDONLY,
               "trans=virtio,version=9p2000.L,cache=loose,msize=512000");
  mount_or_die("tmpfs", "/changes", "tmpfs", 0, "mode=0755");
  mount_overlay("/host", ROOT);
}

static void mount_tmpfs(const char* target, const char* options) {
  mkdir(target, 0755);
  mount_or_die("tmpfs", target, "tmpfs", 0, options);
}

static void mount_kernel_interfaces(void) {
  make_directories(ROOT "/proc");
  make_directories(ROOT "/sys");
  make_directories(ROOT "/dev");
  mount_or_die("/proc", ROOT "/proc", NULL, MS_MOVE, NULL);
  mount_or_die("/sys", ROOT "/sys", NULL, MS_MOVE, NULL);
  mount_or_die("/dev", ROOT "/dev", NULL, MS_MOVE, NULL);
  mount("debugfs", ROOT "/sys/kernel/debug", "debugfs", 0, NULL);
  mkdir(ROOT "/dev/pts", 0755);
  mount("devpts", ROOT "/dev/pts", "devpts", 0, "mode=0620,ptmxmode=0666");
  mount_tmpfs(ROOT "/dev/shm", "mode=1777");
  mount_tmpfs(ROOT "/run", "mode=0755");
  mount_tmpfs(ROOT "/tmp", "mode=1777");
  symlink("/proc/self/fd", ROOT "/dev/fd");
  symlink("/proc/self/fd/0", ROOT "/dev/stdin");
  symlink("/proc/self/fd/1", ROOT "/dev/stdout");
  symlink("/proc/self/fd/2", ROOT "/dev/stderr");
}

// Finds the disk with this serial number and stores its path below /dev. Returns 0 as long as its
// driver has not found it.
static int find_disk(const char* serial, char* device, size_t size) {
  DIR* directory = opendir(ROOT "/sys/block");
  int found = 0;
  for (struct dirent* entry; !found && directory != NULL && (entry = readdir(directory)) != NULL;) {
    char path[512], line[64];
    snprintf(path, sizeof path, ROOT "/sys/block/%s/serial", entry->d_name);
    read_line(path, line, sizeof line);
    found = strcmp(line, serial) == 0;
    if (found) snprintf(device, size, ROOT "/dev/%s", entry->d_name);
  }
  if (directory != NULL) closedir(directory);
  return found;
}

static void mount_image(const char* serial) {
  char device[512], target[128];
  for (int tries = 0; !find_disk(serial, device, sizeof device); tries++) {
    errno = ENODEV;
    if (tries == 5000) die("find disk", serial);
    usleep(1000);
  }
  snprintf(target, sizeof target, "/images/%s", serial);
  make_directories(target);
  // noload: no journal can be replayed on a read-only device (and the images have none).
  mount_or_die(device, target, "ext4", MS_RDONLY | MS_NOATIME, "noload");
}

// Whether a path needs no mount, because the guest has it already. /tmp and /dev/shm always need
// one, since the guest's own are empty. A path below /run that exists stays the guest's: the host's
// /run has the bindings and locks of the host.
static int is_shown(const char* path, const char* target) {
  if (strcmp(path, "/tmp") == 0 || strcmp(path, "/dev/shm") == 0) return 0;
  return access(target, F_OK) == 0;
}

// Makes a host path visible if a tmpfs hides it.
static void show_tree(const char* path) {
  char source[PATH_SIZE], target[PATH_SIZE];
  snprintf(source, sizeof source, "/host%s", path);
  snprintf(target, sizeof target, ROOT "%s", path);
  if (is_shown(path, target)) return;
  make_directories(target);
  // Under a fixed name, because a path may have characters that the overlay's options cannot hold.
  mkdir("/tree", 0755);
  bind_or_die(source, "/tree");
  mount_overlay("/tree", target);
  umount2("/tree", MNT_DETACH);
}

static void bind(const char* from, const char* path) {
  char target[PATH_SIZE];
  struct stat status;
  snprintf(target, sizeof target, ROOT "%s", path);
  if (stat(from, &status) != 0) die("stat", from);
  if (S_ISDIR(status.st_mode)) {
    make_directories(target);
  } else if (access(target, F_OK) != 0) {
    char* slash = strrchr(target, '/');
    *slash = '\0';
    make_directories(target);
    *slash = '/';
    close(open(target, O_CREAT | O_CLOEXEC, 0755));
  }
  bind_or_die(from, target);
}

// Lets everybody enter a path and the directories above it. An ordinary user could not reach a
// project below /root otherwise, because /root has mode 0700.
static void open_path(const char* path) {
  char part[PATH_SIZE];
  snprintf(part, sizeof part, "%s/", path);
  for (char* slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    struct stat status;
    *slash = '\0';
    if (stat(part, &status) == 0 && S_ISDIR(status.st_mode) && (status.st_mode & 0555) != 0555) {
      chmod(part, (status.st_mode & 07777) | 0555);
    }
    *slash = '/';
  }
}

void root_enter(const struct job* job) {
  mount_host();
  mount_kernel_interfaces();
  for (char** image = job->images; *image != NULL; image++) mount_image(*image);
  for (char** tree = job->trees; *tree != NULL; tree++) show_tree(*tree);
  for (char** pair = job->binds; *pair != NULL; pair += 2) bind(pair[0], pair[1]);
  // Moves the new root to the top, because the kernel refuses user namespaces to a process that is
  // only in a chroot.
  if (chdir(ROOT) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0) {
    die("move to the top", ROOT);
  }
  if (job->uid == 0) return;
  for (char** tree = job->trees; *tree != NULL; tree++) open_path(*tree);
  for (char** pair = job->binds; *pair != NULL; pair += 2) open_path(pair[1]);
}
