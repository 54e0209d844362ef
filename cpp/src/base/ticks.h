// The time stamp that emit takes: as few nanoseconds as the machine allows.
//
// Where the TSC is invariant and the kernel itself trusts it, a stamp is one rdtsc (9 ns here,
// against 20 for clock_gettime) and the drain thread turns ticks into times with a calibration that
// it renews. Elsewhere, and in simulation, a tick is a nanosecond of the monotonic clock.
#pragma once
#include <atomic>
#include <cstdint>

#include "base/clock.h"
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace forebay {

class TickSource {
 public:
  // `clock` null: the system's, by TSC where that can be trusted.
  explicit TickSource(const Clock* clock = nullptr) noexcept;

  [[nodiscard]] uint64_t now() const noexcept {
#if defined(__x86_64__)
    if (use_tsc_) [[likely]]
      return __rdtsc();
#endif
    return static_cast<uint64_t>(clock_->now().time_since_epoch().count());
  }
  [[nodiscard]] bool uses_tsc() const noexcept { return use_tsc_; }
  [[nodiscard]] const Clock& clock() const noexcept { return *clock_; }

 private:
  const Clock* clock_;
  bool use_tsc_ = false;
};

// Turns ticks into times. Owned by one thread (drain), which calls renew() now and then: the wall
// clock may be stepped, and the first calibration is short.
class TickConverter {
 public:
  explicit TickConverter(const TickSource& source) noexcept;
  void renew() noexcept;
  [[nodiscard]] double ticks_per_ns() const noexcept { return 1.0 / ns_per_tick_; }
  [[nodiscard]] MonotonicTime monotonic(uint64_t ticks) const noexcept {
    return MonotonicTime{Duration{base_monotonic_ + scaled(ticks)}};
  }
  [[nodiscard]] WallTime wall(uint64_t ticks) const noexcept {
    return WallTime{Duration{base_wall_ + scaled(ticks)}};
  }

 private:
  struct Sample {
    uint64_t ticks;
    int64_t monotonic;
    int64_t wall;
  };
  [[nodiscard]] Sample sample() const noexcept;
  // Nanoseconds from the base to `ticks`; negative for a stamp before the base.
  [[nodiscard]] int64_t scaled(uint64_t ticks) const noexcept {
    return static_cast<int64_t>(static_cast<double>(static_cast<int64_t>(ticks - base_ticks_)) *
                                ns_per_tick_);
  }

  const TickSource& source_;
  Sample first_{};
  uint64_t base_ticks_ = 0;
  int64_t base_monotonic_ = 0;
  int64_t base_wall_ = 0;
  double ns_per_tick_ = 1.0;
};

}  // namespace forebay
