// How fast the drain thread makes room in a lane, for an estimate of when there will be some.
//
// A moving average with a time constant of one second. Time in which the lane had nothing to drain
// says nothing about how fast it could be: it can only raise the rate. One writer, the drain
// thread; anybody reads.
#pragma once
#include <atomic>
#include <cmath>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace forebay::queue {

class DrainRate {
 public:
  // `freed`: slots made free since the lane was made. `is_backed_up`: there is more to drain.
  void note(MonotonicTime now, uint64_t freed, bool is_backed_up) noexcept {
    const double seconds = std::chrono::duration<double>(now - noted_).count();
    if (!has_begun_) {
      has_begun_ = true;
    } else if (seconds < kShortest) {
      return;
    } else {
      const double measured = static_cast<double>(freed - freed_) / seconds;
      const double rate = rate_.load(std::memory_order_relaxed);
      // Over the time from the first look on the average is over less than the time constant.
      busy_seconds_ += seconds;
      const double weight =
          busy_seconds_ < kSeconds ? seconds / busy_seconds_ : 1.0 - std::exp(-seconds / kSeconds);
      const double next = rate + (measured - rate) * weight;
      if (is_backed_up || next > rate) {
        rate_.store(next, std::memory_order_relaxed);
      } else {
        busy_seconds_ -= seconds;
      }
    }
    noted_ = now;
    freed_ = freed;
  }

  // How long it takes to make so many slots free. Nothing where nothing was drained lately.
  [[nodiscard]] std::optional<Duration> time_for(uint64_t slots) const noexcept {
    const double rate = rate_.load(std::memory_order_relaxed);
    const double seconds = static_cast<double>(slots) / rate;
    if (!(rate > 0) || seconds > kLongest) return std::nullopt;
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  }

 private:
  static constexpr double kSeconds = 1.0;
  static constexpr double kShortest = 0.005;
  static constexpr double kLongest = 3600;
  std::atomic<double> rate_{0};  // slots a second
  // The drain thread's own.
  bool has_begun_ = false;
  MonotonicTime noted_{};
  uint64_t freed_ = 0;
  double busy_seconds_ = 0;
};

}  // namespace forebay::queue
