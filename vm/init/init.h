// SPDX-License-Identifier: MIT
// The declarations that the parts of the guest's process 1 share. It has one thread. Every failure
// that leaves the guest unusable calls die().
#ifndef VM_INIT_H
#define VM_INIT_H

#include <stddef.h>
#include <sys/types.h>

// The kinds of frames on the port to the host. vm/frames.ts has the same list.
enum frame {
  FRAME_STARTED = 1,  // the guest has booted and runs the command now
  FRAME_STDOUT = 2,
  FRAME_STDERR = 3,
  FRAME_RESULT = 4,      // bytes written to the results FIFO
  FRAME_KERNEL_LOG = 5,  // records as read from /dev/kmsg
  FRAME_REQUEST = 6,     // u32 that identifies the connection, then one line
  FRAME_REPLY = 7,       // the host's answer, in the same form
  FRAME_EXIT = 8,        // the wait status of the command, u32
  FRAME_FAILED = 9,      // the reason why the command could not run, as text
};

#define RESULTS_FIFO "/run/vfio-vm/results"
#define HOST_SOCKET "/run/vfio-vm/host"

// The command to run and what it needs, read from /job (written by vm/job.ts).
struct job {
  char** images;   // serials of the disks that hold an ext4 file system
  char** binds;    // pairs of paths: from, to
  char** trees;    // host paths that must be visible even below a tmpfs
  char** prepare;  // a command to run as root first, may be empty
  char** command;
  char** env;
  char* cwd;
  uid_t uid;
};

void job_read(const char* path, struct job* job);

void modules_load(const char* directory);

// Builds the root file system at /root and makes it this process's root.
void root_enter(const struct job* job);

// The only port to the host. It carries frames in both directions.
void port_open(void);
int port_fd(void);
void port_send(enum frame kind, const void* data, size_t size);
// Calls `handle` for each complete frame that has arrived. Ends the machine if the host is gone.
void port_receive(void (*handle)(enum frame kind, const char* data, size_t size));

// Requests of guest programs (vm/host.ts), over a Unix socket.
#define REQUESTS_MAX 16
struct pollfd;
void requests_listen(void);
// Fills at most REQUESTS_MAX + 1 entries, and returns their number.
int requests_poll(struct pollfd* entries);
void requests_serve(const struct pollfd* entries, int count);
void requests_reply(const char* data, size_t size);

void kernel_log_open(void);
int kernel_log_fd(void);
void kernel_log_send(void);

// Runs a command and sends its output to the host until it ends. Its stdout becomes frames of kind
// `output`. Returns its wait status.
void relay_open(void);
int relay_run(const struct job* job, char** command, uid_t uid, enum frame output);

// Tells the host why the command cannot run, then ends the machine.
void die(const char* what, const char* which) __attribute__((noreturn));
void power_off(void) __attribute__((noreturn));

void make_directories(const char* path);
void read_line(const char* path, char* line, size_t size);

#endif
