// A route's destinations, and what really arrived at any of them.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lying_destination.h"

namespace forebay::simulation {

struct LyingRoute {
  std::string name;
  std::vector<std::unique_ptr<LyingDestination>> destinations;
  // One destination, one request at a time, the oldest first: then the order of a lane holds across
  // all retries and splits.
  bool order_is_kept = false;
  std::set<uint64_t> taken;  // records, by id
  // Those that Forebay made itself: the batch's id before any split, and the content.
  std::set<std::string> internals;
  int64_t weight = 0;  // of all of them
  // By thread, lane and scope: a batch groups its records by scope.
  std::map<std::array<uint64_t, 3>, uint64_t> newest_taken;

  [[nodiscard]] int64_t records() const {
    return static_cast<int64_t>(taken.size() + internals.size());
  }
  [[nodiscard]] bool was_ambiguous(const BatchId& id) const {
    return std::any_of(destinations.begin(), destinations.end(),
                       [&](const auto& to) { return to->was_ambiguous(id); });
  }
  [[nodiscard]] uint64_t partial_successes() const {
    uint64_t sum = 0;
    for (const auto& to : destinations) sum += to->partial_successes();
    return sum;
  }
  [[nodiscard]] uint64_t ambiguous_attempts() const {
    uint64_t sum = 0;
    for (const auto& to : destinations) sum += to->ambiguous_attempts();
    return sum;
  }
};

}  // namespace forebay::simulation
