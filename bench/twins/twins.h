// SPDX-License-Identifier: MIT
// The shortest C++ that makes the same accesses or system calls, as the base of comparison. Each
// function returns how long it took, in nanoseconds: the processor time of the thread, or elapsed
// time if it waits for another thread. Registers are given as addresses.
#pragma once

#include <cstdint>
#include <ctime>

namespace bench {

inline double clock_time(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

inline double now() { return clock_time(CLOCK_MONOTONIC); }

/// The processor time that this thread has used. Time in which other threads run does not count.
inline double processor_time() { return clock_time(CLOCK_THREAD_CPUTIME_ID); }

/// A register (or other memory) of a type. The address comes from JavaScript.
template <typename Value>
volatile Value* at(std::uintptr_t address) {
  return reinterpret_cast<volatile Value*>(address);
}

double bare_loop(std::uint64_t turns);
double read(std::uint32_t width, std::uintptr_t address, std::uint64_t turns);
double write(std::uint32_t width, std::uintptr_t address, std::uint64_t turns);
double batch(std::uintptr_t address, std::uint32_t length, std::uint64_t turns);
double poll(std::uintptr_t address, std::uint32_t mask, std::uint32_t value, std::uint64_t turns);
double doorbell(std::uintptr_t address, std::uint64_t turns);
double field(std::uintptr_t address, std::uint64_t turns);

/// A thread in read() on an eventfd that gets `count` signals. For the latencies, see signals.h.
double reading_thread(std::uint32_t count, std::uint32_t gap, std::uint32_t reader_cpu,
                      std::uint32_t raiser_cpu);

/// Opens a VFIO container with a group in it, for the next two functions. Returns -1 on failure.
/// map_dma also accepts -1 for no container.
double open_container(std::int32_t group);
double map_dma(std::int32_t container, std::uint64_t bytes);
double unmap_dma();

/// Gives the controller of memory `index` a queue pair: 0 is JavaScript's, 1 the twin's. Returns 0.
double nvme_attach(std::uint32_t index, std::uintptr_t sq, std::uintptr_t cq,
                   std::uint32_t entries);
/// Completes the next `count` commands of that queue pair with success. Returns 0.
double nvme_complete(std::uint32_t index, std::uint32_t count);
/// Attaches the twin's queue pair. Call it once, before the next two.
double nvme_open();
double nvme_rounds(std::uint32_t depth, std::uint64_t rounds);
double nvme_poll_empty(std::uint64_t turns);

}  // namespace bench
