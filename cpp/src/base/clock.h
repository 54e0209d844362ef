// Time, as everything in the core is given it.
//
// Two times that are never subtracted from one another: the monotonic one orders and ages, the wall
// clock stamps. A stage takes a `MonotonicTime now` as a parameter and reads no clock itself.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>

namespace forebay {

using Duration = std::chrono::nanoseconds;

struct MonotonicTag {
  using rep = int64_t;
  using period = std::nano;
  using duration = Duration;
  static constexpr bool is_steady = true;
};
using MonotonicTime = std::chrono::time_point<MonotonicTag, Duration>;

struct WallTag {
  using rep = int64_t;
  using period = std::nano;
  using duration = Duration;
  static constexpr bool is_steady = false;
};
// Nanoseconds since 1970-01-01 UTC.
using WallTime = std::chrono::time_point<WallTag, Duration>;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual MonotonicTime now() const noexcept = 0;
  [[nodiscard]] virtual WallTime wall_now() const noexcept = 0;

  static const Clock& system() noexcept;
};

// A clock that moves when told to. For tests and simulation; safe from any thread.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime wall = WallTime{std::chrono::seconds{1'800'000'000}}) noexcept
      : begin_(wall) {}
  [[nodiscard]] MonotonicTime now() const noexcept override { return kBegin + elapsed_.load(); }
  [[nodiscard]] WallTime wall_now() const noexcept override {
    return begin_ + elapsed_.load() + stepped_.load();
  }
  // Forwards only.
  void advance(Duration by) noexcept {
    Duration before = elapsed_.load();
    while (!elapsed_.compare_exchange_weak(before, before + by)) {
    }
  }
  // Moves the wall clock alone, as NTP or an operator does. From one thread.
  void step_wall(Duration by) noexcept { stepped_.store(stepped_.load() + by); }

 private:
  static constexpr MonotonicTime kBegin{std::chrono::seconds{1000}};
  const WallTime begin_;
  std::atomic<Duration> elapsed_{Duration::zero()};
  std::atomic<Duration> stepped_{Duration::zero()};
};

}  // namespace forebay
