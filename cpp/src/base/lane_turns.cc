#include "base/lane_turns.h"

#include <algorithm>

namespace forebay {
namespace {

// Bytes are divided by a weight of at most 100: what that cuts off must not matter.
constexpr uint64_t kUnit = 1000;

}  // namespace

LaneTurns::LaneTurns(const std::vector<LaneTurn>& lanes) {
  lanes_.reserve(lanes.size());
  for (const LaneTurn& turn : lanes) {
    lanes_.push_back({.turn = turn, .busy = false, .passed_over = 0, .ends_at = 0});
  }
}

std::optional<size_t> LaneTurns::first_strict() const {
  for (size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i].turn.strict && lanes_[i].busy) return i;
  }
  return std::nullopt;
}

uint64_t LaneTurns::begins_at(const Lane& lane) const { return std::max(lane.ends_at, now_); }

std::optional<size_t> LaneTurns::first_weighted() const {
  std::optional<size_t> first;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i].turn.strict || !lanes_[i].busy) continue;
    if (!first || begins_at(lanes_[i]) < begins_at(lanes_[*first])) first = i;
  }
  return first;
}

std::optional<size_t> LaneTurns::choose() const {
  const std::optional<size_t> strict = first_strict();
  const std::optional<size_t> weighted = first_weighted();
  if (!strict || strict_turns_ < kTurns) return strict ? strict : weighted;
  std::optional<size_t> longest = weighted;
  uint64_t passed_over = group_passed_over_;
  for (size_t i = *strict + 1; i < lanes_.size(); ++i) {
    const Lane& lane = lanes_[i];
    if (!lane.turn.strict || !lane.busy) continue;
    if (longest && lane.passed_over <= passed_over) continue;
    longest = i;
    passed_over = lane.passed_over;
  }
  return longest ? longest : strict;
}

void LaneTurns::took(size_t lane, uint64_t bytes) {
  Lane& served = lanes_[lane];
  const bool first_in_order = served.turn.strict && first_strict() == lane;
  bool others_wait = false;
  bool group_waits = false;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    Lane& other = lanes_[i];
    if (i == lane) continue;
    if (!other.turn.strict) {
      group_waits = group_waits || other.busy;
    } else if (other.busy) {
      ++other.passed_over;
    } else {
      other.passed_over = 0;
    }
    others_wait = others_wait || other.busy;
  }
  served.passed_over = 0;
  group_passed_over_ = served.turn.strict && group_waits ? group_passed_over_ + 1 : 0;
  strict_turns_ = first_in_order && others_wait ? strict_turns_ + 1 : 0;
  if (!served.turn.strict) {
    now_ = begins_at(served);
    served.ends_at = now_ + bytes * kUnit / std::max(1u, served.turn.weight);
  }
}

}  // namespace forebay
