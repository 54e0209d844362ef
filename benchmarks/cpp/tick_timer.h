// The clock of the C++ benchmarks: as cheap as the machine allows, with its own cost known.
#pragma once
#include <cstdint>
#if defined(__x86_64__)
#include <x86intrin.h>
#else
#include <ctime>
#endif

namespace forebay::bench {

// A stamp in ticks. Plain rdtsc, not fenced: a fence would keep the processor from overlapping one
// emit with the next, which real callers do not do either.
inline uint64_t ticks() noexcept {
#if defined(__x86_64__)
  return __rdtsc();
#else
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
#endif
}

// How ticks become nanoseconds, and what a pair of stamps with nothing between them reads.
struct TickScale {
  double ns_per_tick = 1.0;
  double floor_ns = 0.0;  // median of 100,000 empty pairs

  [[nodiscard]] double ns(double count) const noexcept { return count * ns_per_tick; }
  // Never below zero: an emit that hides behind the stamps costs nothing that can be measured.
  [[nodiscard]] double ns_over_floor(double count) const noexcept {
    const double over = ns(count) - floor_ns;
    return over > 0.0 ? over : 0.0;
  }
};

// Compares ticks with CLOCK_MONOTONIC for 200 ms.
TickScale calibrate();

}  // namespace forebay::bench
