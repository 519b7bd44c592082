// SPDX-License-Identifier: MIT
// Plays the device in the interrupt benchmarks: a thread that signals an eventfd and records each
// latency. There is one series at a time.
#pragma once

#include <cstdint>

namespace bench {

/// Starts a thread on `cpu` that signals `eventfd` `count` times. Each signal comes `gap`
/// microseconds after the previous one arrived.
double raise_series(std::int32_t eventfd, std::uint32_t count, std::uint32_t gap,
                    std::uint32_t cpu);
/// The receiver calls this first when it is woken. Returns how many signals have arrived.
double arrived();
/// The latency of signal `index`, in nanoseconds.
double latency(std::uint32_t index);

/// Starts a thread on `cpu` that signals `eventfd` `count` times, as fast as the kernel allows.
double raise_storm(std::int32_t eventfd, std::uint64_t count, std::uint32_t cpu);

/// Ends the series early and waits for the thread. Returns the processor time that the thread used.
double end_raising();

/// Binds the calling thread to a processor. Returns 0 if that is not allowed.
double pin(std::uint32_t cpu);

}  // namespace bench
