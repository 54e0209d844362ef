// What is in a backlog.
#include <algorithm>

#include "backlog/backlog.h"

namespace forebay::backlog {

uint64_t Backlog::bytes() const noexcept {
  uint64_t sum = 0;
  for (const Lane& lane : lanes_) sum += lane.used;
  return sum;
}

uint64_t Backlog::bytes(uint8_t lane) const noexcept { return lanes_[lane].used; }

size_t Backlog::batches() const noexcept {
  size_t sum = 0;
  for (const Lane& lane : lanes_) sum += lane.waiting.size();
  return sum;
}

bool Backlog::empty() const noexcept {
  return std::all_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
    return lane.waiting.empty() && lane.in_flight.empty();
  });
}

SeverityCounts Backlog::waiting(uint8_t lane) const noexcept {
  SeverityCounts counts;
  for (const Entry& entry : lanes_[lane].waiting) counts += entry.batch.counts;
  return counts;
}

SeverityCounts Backlog::in_flight(uint8_t lane) const noexcept {
  SeverityCounts counts;
  for (const Entry& entry : lanes_[lane].in_flight) counts += entry.batch.counts;
  return counts;
}

}  // namespace forebay::backlog
