// SPDX-License-Identifier: MIT
// Process 1 of the test machine: loads drivers, builds the root, runs one command, reports.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

static void mount_or_die(const char* type, const char* target) {
  mkdir(target, 0755);
  if (mount(type, target, type, 0, NULL) != 0) die("mount", target);
}

// vfio-pci is a module in one kernel and built into another. Its parameter in sysfs exists in both.
static void let_vfio_make_virtual_functions(void) {
  int fd = open("/sys/module/vfio_pci/parameters/enable_sriov", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;  // a kernel without vfio-pci, or without SR-IOV
  if (write(fd, "Y", 1) != 1) die("write", "enable_sriov");
  close(fd);
}

static void report_exit(int status) {
  uint32_t value = (uint32_t)status;
  port_send(FRAME_EXIT, &value, sizeof value);
  // The host ends the machine when it has read this frame.
  for (;;) pause();
}

static void run_prepare(const struct job* job) {
  if (job->prepare[0] == NULL) return;
  // Its stdout goes to stderr, so that the stdout of the run has only the command's bytes.
  int status = relay_run(job, job->prepare, 0, FRAME_STDERR);
  if (status == 0) return;
  errno = 0;
  die("the preparing command failed", job->prepare[0]);
}

int main(void) {
  struct job job;
  mount_or_die("proc", "/proc");
  mount_or_die("sysfs", "/sys");
  mount_or_die("devtmpfs", "/dev");
  sethostname("vm", 2);
  modules_load("/modules");
  let_vfio_make_virtual_functions();
  port_open();
  kernel_log_open();
  kernel_log_send();  // so that the host has the log if one of the next steps hangs
  job_read("/job", &job);
  root_enter(&job);
  relay_open();
  requests_listen();
  kernel_log_send();  // all that the boot logged, before the frame that ends the boot
  port_send(FRAME_STARTED, NULL, 0);
  run_prepare(&job);
  report_exit(relay_run(&job, job.command, job.uid, FRAME_STDOUT));
}

void power_off(void) {
  // QEMU runs with -no-reboot, so a reboot ends it.
  reboot(RB_AUTOBOOT);
  for (;;) pause();
}

void die(const char* what, const char* which) {
  char text[512];
  int saved = errno;
  if (saved != 0) {
    snprintf(text, sizeof text, "%s %s: %s", what, which, strerror(saved));
  } else {
    snprintf(text, sizeof text, "%s: %s", what, which);
  }
  // Before the port is open, the serial console is the only output.
  int log = open("/dev/kmsg", O_WRONLY);
  if (log >= 0) dprintf(log, "<1>vm: %s\n", text);
  if (port_fd() >= 0) {
    kernel_log_send();
    port_send(FRAME_FAILED, text, strlen(text));
    for (;;) pause();
  }
  power_off();
}

void make_directories(const char* path) {
  char part[4096];
  snprintf(part, sizeof part, "%s", path);
  for (char* slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    mkdir(part, 0755);
    *slash = '/';
  }
  mkdir(part, 0755);
}

void read_line(const char* path, char* line, size_t size) {
  line[0] = '\0';
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t count = read(fd, line, size - 1);
  close(fd);
  line[count > 0 ? count : 0] = '\0';
  line[strcspn(line, "\n")] = '\0';
}
