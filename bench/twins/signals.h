// SPDX-License-Identifier: MIT
// The device's part in measuring interrupts: a thread that signals an eventfd and records each
// latency. One series at a time.
#pragma once

#include <cstdint>

namespace bench {

/// Starts a thread on `cpu` that signals `eventfd` `count` times, each `gap` microseconds after the
/// last one arrived.
double raise_series(std::int32_t eventfd, std::uint32_t count, std::uint32_t gap,
                    std::uint32_t cpu);
/// Called first thing by whoever was waiting. How many have arrived.
double arrived();
/// How long signal `index` took, in nanoseconds.
double latency(std::uint32_t index);

/// Starts a thread on `cpu` that signals `eventfd` `count` times, as fast as the kernel takes it.
double raise_storm(std::int32_t eventfd, std::uint64_t count, std::uint32_t cpu);

/// Ends the thread's series early; waits for it. Gives the processor time the thread had.
double end_raising();

/// Binds the calling thread to a processor; 0 when that is not allowed.
double pin(std::uint32_t cpu);

}  // namespace bench
