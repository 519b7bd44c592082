// SPDX-License-Identifier: MIT
// What the parts of the guest's process 1 share. One thread; every failure that leaves the guest
// unusable goes through die().
#ifndef VM_INIT_H
#define VM_INIT_H

#include <stddef.h>
#include <sys/types.h>

// Kinds of frame on the port to the host; vm/frames.ts has the same list.
enum frame {
  FRAME_STARTED = 1,  // the guest is up, commands follow
  FRAME_STDOUT = 2,
  FRAME_STDERR = 3,
  FRAME_RESULT = 4,      // bytes written to the results FIFO
  FRAME_KERNEL_LOG = 5,  // records as /dev/kmsg gives them
  FRAME_REQUEST = 6,     // u32 connection, then one line
  FRAME_REPLY = 7,       // the same, from the host
  FRAME_EXIT = 8,        // the wait status of the command, u32
  FRAME_FAILED = 9,      // why the command could not be run
};

#define RESULTS_FIFO "/run/vfio-vm/results"
#define HOST_SOCKET "/run/vfio-vm/host"

// What to run, read from /job (written by vm/job.ts).
struct job {
  char** images;   // serials of the disks that hold an ext4 file system
  char** binds;    // pairs: from, to
  char** trees;    // host paths that must be visible even where a tmpfs hides them
  char** prepare;  // command run as root before, may be empty
  char** command;
  char** env;
  char* cwd;
  uid_t uid;
};

void job_read(const char* path, struct job* job);

void modules_load(const char* directory);

// Builds the root file system at /root and makes it this process's root.
void root_enter(const struct job* job);

// The one port to the host: frames both ways.
void port_open(void);
int port_fd(void);
void port_send(enum frame kind, const void* data, size_t size);
// Calls `handle` for each whole frame that has arrived. Ends the machine when the host has gone.
void port_receive(void (*handle)(enum frame kind, const char* data, size_t size));

// Requests of guest programs (vm/host.ts), over a unix socket.
#define REQUESTS_MAX 16
struct pollfd;
void requests_listen(void);
// Fills at most REQUESTS_MAX + 1 entries, returns how many.
int requests_poll(struct pollfd* entries);
void requests_serve(const struct pollfd* entries, int count);
void requests_reply(const char* data, size_t size);

void kernel_log_open(void);
int kernel_log_fd(void);
void kernel_log_send(void);

// Runs a command and passes on what it writes, its stdout as frames of kind `output`, until it
// ends; returns its wait status.
void relay_open(void);
int relay_run(const struct job* job, char** command, uid_t uid, enum frame output);

// Tells the host why nothing can run, then ends the machine.
void die(const char* what, const char* which) __attribute__((noreturn));
void power_off(void) __attribute__((noreturn));

void make_directories(const char* path);
void read_line(const char* path, char* line, size_t size);

#endif
