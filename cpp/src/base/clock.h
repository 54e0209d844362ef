// Time, as everything in the core is given it.
//
// Two times that are never subtracted from one another: the monotonic one orders and ages, the wall
// clock stamps. A stage takes a `MonotonicTime now` as a parameter and reads no clock itself.
#pragma once
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

// A clock that moves when told to. Not thread-safe: for tests and simulation.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime wall = WallTime{std::chrono::seconds{1'800'000'000}}) noexcept
      : wall_(wall) {}
  [[nodiscard]] MonotonicTime now() const noexcept override { return now_; }
  [[nodiscard]] WallTime wall_now() const noexcept override { return wall_; }
  void advance(Duration by) noexcept {
    now_ += by;
    wall_ += by;
  }
  // Moves the wall clock alone, as NTP or an operator does.
  void step_wall(Duration by) noexcept { wall_ += by; }

 private:
  MonotonicTime now_{std::chrono::seconds{1000}};
  WallTime wall_;
};

}  // namespace forebay
