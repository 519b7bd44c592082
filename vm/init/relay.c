// SPDX-License-Identifier: MIT
// Runs a command and sends its output, its results and the kernel log to the host. All of them use
// one port, which keeps frames in order. So the exit status arrives after the last byte of output.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

#define MEMLOCK (8 << 20)

static int results, child_ended;

void relay_open(void) {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  sigprocmask(SIG_BLOCK, &mask, NULL);
  child_ended = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
  make_directories("/run/vfio-vm");
  // Opened for writing too, so that a read never sees an end of file between two writers.
  if (mkfifo(RESULTS_FIFO, 0622) != 0 || chmod(RESULTS_FIFO, 0622) != 0) die("make", RESULTS_FIFO);
  results = open(RESULTS_FIFO, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (child_ended < 0 || results < 0) die("open", "the relay's inputs");
}

static void limit(int which, rlim_t soft, rlim_t hard) {
  struct rlimit value = {.rlim_cur = soft, .rlim_max = hard};
  setrlimit(which, &value);
}

static void become(uid_t uid) {
  // With an empty bounding set, even a set-uid program cannot regain a capability.
  for (int capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; capability++) {
  }
  if (setgroups(0, NULL) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0) {
    perror("vm: change user");
    _exit(126);
  }
}

static void run_child(const struct job* job, char** command, uid_t uid) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setsid();
  limit(RLIMIT_MEMLOCK, MEMLOCK, MEMLOCK);
  limit(RLIMIT_NOFILE, 1024, 524288);
  environ = job->env;
  if (uid != 0) become(uid);
  if (chdir(job->cwd) != 0) {
    fprintf(stderr, "vm: %s: %s\n", job->cwd, strerror(errno));
    _exit(126);
  }
  execvp(command[0], command);
  int saved = errno;
  fprintf(stderr, "vm: %s: %s\n", command[0],
          saved == ENOENT ? "command not found" : strerror(saved));
  _exit(saved == ENOENT ? 127 : 126);
}

static pid_t start(const struct job* job, char** command, uid_t uid, int* out, int* err) {
  int output[2], errors[2];
  if (pipe2(output, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0) die("make", "pipes");
  pid_t pid = fork();
  if (pid < 0) die("fork", command[0]);
  if (pid == 0) {
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(output[1], 1);
    dup2(errors[1], 2);
    run_child(job, command, uid);
  }
  close(output[1]);
  close(errors[1]);
  *out = output[0];
  *err = errors[0];
  return pid;
}

// Sends the bytes of one read. It closes an input that has ended, and poll() then skips it.
static void pass(int* fd, enum frame kind) {
  static char buffer[16384];
  ssize_t count = read(*fd, buffer, sizeof buffer);
  if (count > 0) {
    port_send(kind, buffer, (size_t)count);
  } else if (count == 0) {
    close(*fd);
    *fd = -1;
  }
}

// Sends what a pipe holds now, and nothing more: a process left behind could fill it endlessly.
static void drain(int* fd, enum frame kind) {
  int left = 0;
  if (*fd < 0 || ioctl(*fd, FIONREAD, &left) != 0) return;
  while (left > 0 && *fd >= 0) {
    char buffer[16384];
    size_t size = (size_t)left < sizeof buffer ? (size_t)left : sizeof buffer;
    ssize_t count = read(*fd, buffer, size);
    if (count <= 0) return;
    port_send(kind, buffer, (size_t)count);
    left -= (int)count;
  }
}

static void handle_frame(enum frame kind, const char* data, size_t size) {
  if (kind == FRAME_REPLY) requests_reply(data, size);
}

// Reaps all processes that have ended (process 1 inherits orphans). Returns whether `pid` was one.
static int reap(pid_t pid, int* status) {
  struct signalfd_siginfo info;
  int found = 0, ended;
  while (read(child_ended, &info, sizeof info) > 0) {
  }
  for (pid_t one; (one = waitpid(-1, &ended, WNOHANG)) > 0;) {
    if (one != pid) continue;
    *status = ended;
    found = 1;
  }
  return found;
}

int relay_run(const struct job* job, char** command, uid_t uid, enum frame output) {
  enum { PORT, LOG, RESULTS, CHILD, OUT, ERR, REQUESTS };
  struct pollfd entries[REQUESTS + REQUESTS_MAX + 1];
  int out, err, status = 0;
  pid_t pid = start(job, command, uid, &out, &err);
  for (int ended = 0; !ended;) {
    const int fixed[REQUESTS] = {port_fd(), kernel_log_fd(), results, child_ended, out, err};
    for (int i = 0; i < REQUESTS; i++) {
      entries[i] = (struct pollfd){.fd = fixed[i], .events = POLLIN};
    }
    int clients = requests_poll(entries + REQUESTS);
    if (poll(entries, (nfds_t)(REQUESTS + clients), -1) < 0) continue;
    if (entries[PORT].revents != 0) port_receive(handle_frame);
    if (entries[LOG].revents != 0) kernel_log_send();
    if (entries[RESULTS].revents != 0) pass(&results, FRAME_RESULT);
    if (entries[OUT].revents != 0) pass(&out, output);
    if (entries[ERR].revents != 0) pass(&err, FRAME_STDERR);
    requests_serve(entries + REQUESTS, clients);
    if (entries[CHILD].revents != 0) ended = reap(pid, &status);
  }
  drain(&out, output);
  drain(&err, FRAME_STDERR);
  drain(&results, FRAME_RESULT);
  kernel_log_send();
  if (out >= 0) close(out);
  if (err >= 0) close(err);
  return status;
}
