#include "pipeline/drain_round.h"

namespace forebay::pipeline {
namespace {

std::vector<LaneTurn> turns_of(const std::vector<LaneOptions>& lanes) {
  std::vector<LaneTurn> turns;
  turns.reserve(lanes.size());
  for (const LaneOptions& lane : lanes) turns.push_back(lane.backlog.turn);
  return turns;
}

}  // namespace

DrainRound::DrainRound(const std::vector<LaneOptions>& lanes)
    : turns_(turns_of(lanes)), has_more_(lanes.size()), seen_(lanes.size()) {}

void DrainRound::begin() {
  has_more_.assign(has_more_.size(), true);
  seen_.assign(seen_.size(), false);
  unseen_ = seen_.size();
}

std::optional<size_t> DrainRound::next() {
  if (unseen_ == 0) return std::nullopt;
  return turns_.next([this](size_t lane) { return has_more_[lane]; });
}

void DrainRound::took(size_t lane, uint64_t bytes, bool has_more) {
  turns_.took(lane, bytes);
  has_more_[lane] = has_more;
  if (!seen_[lane]) --unseen_;
  seen_[lane] = true;
}

}  // namespace forebay::pipeline
