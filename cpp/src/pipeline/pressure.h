// How hard each lane is pressed: the signal that reaches upstream before records are lost.
//
// A lane is `pressured` when its queue is filled to its high watermark, or a batch of it waits for
// room in the backlog; `full` when emit found no room, a thread waits for it, or there is none. The
// way back takes another road, so that a lane near a border does not flap: from full to pressured
// below the high watermark, from pressured to normal below the low one, and either only once that
// has been so for kCalm without a pause.
//
// How long until a lane is full is estimated from how fast its fill grew in the last seconds.
//
// Passive: the drain thread (or a simulation) calls look() and take_changes(); the numbers may be
// read by any thread.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace forebay::pipeline {

enum class PressureState : uint8_t { kNormal, kPressured, kFull };

struct Watermarks {
  // Of the queue's room, 0..1. A lane is pressured from `high` on, and no longer below `low`.
  double high = 0.8;
  double low = 0.6;

  [[nodiscard]] Status validate() const;  // names the field, its value and the range
};

class LanePressure {
 public:
  // What the drain thread sees of a lane, before it drains.
  struct Seen {
    uint32_t slots = 0;
    uint32_t room = 0;       // free ones
    bool was_short = false;  // since the last look, emit found no room; or a thread waits
    bool is_held = false;    // a batch waits for room in the backlog
  };

  static constexpr Duration kCalm = std::chrono::milliseconds{100};

  explicit LanePressure(const Watermarks& marks) : marks_(marks) {}

  void look(const Seen& seen, MonotonicTime now) noexcept;

  // -- any thread --
  [[nodiscard]] PressureState state() const noexcept {
    return state_.load(std::memory_order_relaxed);
  }
  // At the present rates; nothing where the lane does not fill.
  [[nodiscard]] std::optional<Duration> time_to_full() const noexcept;

 private:
  [[nodiscard]] PressureState wanted(const Seen& seen) const noexcept;
  void measure(const Seen& seen, MonotonicTime now) noexcept;

  const Watermarks marks_;
  std::atomic<PressureState> state_{PressureState::kNormal};
  std::optional<MonotonicTime> calm_since_;  // it could be less than state_ since then

  struct Sample {
    MonotonicTime at{};
    uint32_t used = 0;
  };
  std::optional<Sample> sample_;
  double growth_ = 0;  // slots/s; negative: the lane empties
  std::atomic<int64_t> ns_to_full_{-1};
};

// All lanes of a pipeline.
class Pressure {
 public:
  explicit Pressure(const std::vector<Watermarks>& lanes);

  void look(size_t lane, const LanePressure::Seen& seen, MonotonicTime now) noexcept {
    lanes_[lane].look(seen, now);
  }
  struct Change {
    size_t lane = 0;
    PressureState lane_state = PressureState::kNormal;
    PressureState highest = PressureState::kNormal;
  };
  // The lanes whose state is another one than at the last call.
  std::vector<Change> take_changes();
  // At the end: a closed lane presses nobody.
  std::vector<Change> end();

  // -- any thread --
  [[nodiscard]] const LanePressure& lane(size_t lane) const noexcept { return lanes_[lane]; }
  [[nodiscard]] PressureState highest() const noexcept;
  [[nodiscard]] std::optional<Duration> time_to_full() const noexcept;  // of the first to be

 private:
  std::deque<LanePressure> lanes_;  // deque: they do not move
  std::vector<PressureState> told_;
};

}  // namespace forebay::pipeline
