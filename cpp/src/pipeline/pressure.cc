#include "pipeline/pressure.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace forebay::pipeline {
namespace {

constexpr Duration kBetweenSamples = std::chrono::milliseconds{10};
constexpr double kAverageOver = 2.0;  // s
// Slower than this is no filling: a rate of a few slots an hour is noise.
constexpr double kLongestToFull = 3600.0;  // s

double seconds_of(Duration duration) noexcept {
  return std::chrono::duration<double>(duration).count();
}

Duration from_seconds(double seconds) noexcept {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

double fill_of(uint32_t slots, uint32_t room) noexcept {
  return 1.0 - static_cast<double>(std::min(room, slots)) / static_cast<double>(slots);
}

Status outside(const char* field, double value, const char* range) {
  char text[96];
  std::snprintf(text, sizeof text, "%s: %.9g is not in %s", field, value, range);
  return Status::invalid(text);
}

}  // namespace

Status Watermarks::validate() const {
  if (!(high > 0 && high <= 1)) return outside("high_watermark", high, "0..1, zero excluded");
  if (!(low >= 0 && low <= high)) return outside("low_watermark", low, "0..high_watermark");
  return Status::ok();
}

PressureState LanePressure::wanted(const Seen& seen) const noexcept {
  const double fill = fill_of(seen.slots, seen.room);
  if (seen.was_short || seen.room == 0) return PressureState::kFull;
  if (fill >= marks_.high || seen.is_held) return PressureState::kPressured;
  // Between the marks a lane stays what it is, but for one that was full and has room again.
  if (fill >= marks_.low && state() != PressureState::kNormal) return PressureState::kPressured;
  return PressureState::kNormal;
}

void LanePressure::look(const Seen& seen, MonotonicTime now) noexcept {
  const PressureState next = wanted(seen);
  const bool falls = next < state();
  if (falls && !calm_since_) {
    calm_since_ = now;
  } else if (!falls || now - *calm_since_ >= kCalm) {
    calm_since_.reset();
    state_.store(next, std::memory_order_relaxed);
  }
  measure(seen, now);
}

void LanePressure::measure(const Seen& seen, MonotonicTime now) noexcept {
  const uint32_t used = seen.slots - std::min(seen.room, seen.slots);
  if (!sample_) {
    sample_ = Sample{now, used};
    return;
  }
  const Duration passed = now - sample_->at;
  if (passed < kBetweenSamples) return;
  const double seconds = seconds_of(passed);
  const double weight = 1.0 - std::exp(-seconds / kAverageOver);
  const double growth = (static_cast<double>(used) - static_cast<double>(sample_->used)) / seconds;
  growth_ += weight * (growth - growth_);
  sample_ = Sample{now, used};

  const double room = static_cast<double>(seen.room);
  const bool fills = seen.room == 0 || growth_ * kLongestToFull >= room;
  const double left = seen.room == 0 || !fills ? 0.0 : room / growth_;
  ns_to_full_.store(fills ? from_seconds(left).count() : -1, std::memory_order_relaxed);
}

std::optional<Duration> LanePressure::time_to_full() const noexcept {
  const int64_t ns = ns_to_full_.load(std::memory_order_relaxed);
  if (ns < 0) return std::nullopt;
  return Duration{ns};
}

Pressure::Pressure(const std::vector<Watermarks>& lanes)
    : told_(lanes.size(), PressureState::kNormal) {
  for (const Watermarks& marks : lanes) lanes_.emplace_back(marks);
}

std::vector<Pressure::Change> Pressure::take_changes() {
  std::vector<Change> changes;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i].state() == told_[i]) continue;
    // Memory for all first: a change that is called told must not be lost.
    if (changes.empty()) changes.reserve(lanes_.size());
    told_[i] = lanes_[i].state();
    changes.push_back({i, told_[i], highest()});
  }
  return changes;
}

std::vector<Pressure::Change> Pressure::end() {
  std::vector<Change> changes;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    if (told_[i] == PressureState::kNormal) continue;
    if (changes.empty()) changes.reserve(lanes_.size());
    told_[i] = PressureState::kNormal;
    changes.push_back({i, PressureState::kNormal, PressureState::kNormal});
  }
  return changes;
}

PressureState Pressure::highest() const noexcept {
  PressureState highest = PressureState::kNormal;
  for (const LanePressure& lane : lanes_) highest = std::max(highest, lane.state());
  return highest;
}

std::optional<Duration> Pressure::time_to_full() const noexcept {
  std::optional<Duration> first;
  for (const LanePressure& lane : lanes_) {
    const std::optional<Duration> time = lane.time_to_full();
    if (time && (!first || *time < *first)) first = time;
  }
  return first;
}

}  // namespace forebay::pipeline
