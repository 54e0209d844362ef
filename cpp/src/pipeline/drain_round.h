// In which order the drain thread looks at the lanes, where it cannot keep up with all of them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/lane_turns.h"
#include "pipeline/lane.h"

namespace forebay::pipeline {

// A round gives each lane a turn at least; lanes that had more than one turn takes have further
// ones in it, as LaneTurns says: strict lanes first, the others by weight in bytes. Where no lane
// has more than that, a round is one turn each, in the order of the lanes. Passive.
class DrainRound {
 public:
  explicit DrainRound(const std::vector<LaneOptions>& lanes);

  void begin();
  // Whose turn it is; nothing when the round is over.
  [[nodiscard]] std::optional<size_t> next();
  // What the turn came to.
  void took(size_t lane, uint64_t bytes, bool has_more);

 private:
  LaneTurns turns_;
  std::vector<bool> has_more_;
  std::vector<bool> seen_;
  size_t unseen_ = 0;
};

}  // namespace forebay::pipeline
