// The audit of a pipeline: what is really inside, held against the ledger.
#include <algorithm>

#include "pipeline/pipeline.h"

namespace forebay::pipeline {

Audit Pipeline::audit() {
  // A thread may have counted its record, and be kept from writing it by the scheduler: that looks
  // like a difference, and passes. One that is there at every look is none of that kind.
  constexpr int kLooks = 100;
  constexpr Duration kBetween = std::chrono::milliseconds{2};
  Audit audit = look_inside();
  for (int look = 1; look < kLooks && !audit.balanced && has_threads_; ++look) {
    std::this_thread::sleep_for(kBetween);
    audit = look_inside();
  }
  return audit;
}

Audit Pipeline::look_inside() {
  const std::lock_guard lock(drain_mutex_);
  Audit audit;
  const auto waiting = [&] {
    return std::any_of(lanes_.begin(), lanes_.end(),
                       [](const Lane& lane) { return lane.queue->waiters() != 0; });
  };
  // Who waits for room has counted its record, and the queue does not have it yet.
  audit.exact = !waiting();
  audit.balanced = true;
  const account::Snapshot before = ledger_->snapshot();
  std::vector<uint64_t> inside;
  for (size_t i = 0; i < lanes_.size(); ++i) inside.push_back(intake_->in_queue(i).total());
  // The ship thread moves batches on, but a batch and its line in the books move under one mutex.
  const account::Snapshot after = ledger_->snapshot();
  for (size_t i = 0; i < before.lanes.size(); ++i) {
    if (before.lanes[i].emit != after.lanes[i].emit) audit.exact = false;
  }
  audit.exact = audit.exact && !waiting();
  // Points of metrics are in no queue, and in a batch only until it is in the backlog.
  inside.resize(after.lanes.size());
  for (size_t i = 0; i < after.lanes.size(); ++i) {
    const account::LaneNumbers& lane = after.lanes[i];
    auto difference = static_cast<int64_t>(lane.in_batch());
    if (i < lanes_.size()) difference -= static_cast<int64_t>(intake_->in_batch(i).total());
    const auto held = books_->audit(static_cast<uint8_t>(i));
    difference += held.difference;
    // `ahead`: seen to leave before it was seen to come; at rest there is none.
    if (audit.exact) {
      difference += static_cast<int64_t>(lane.in_queue()) - static_cast<int64_t>(inside[i]) +
                    static_cast<int64_t>(lane.ahead.total());
    }
    if (difference != 0 || held.difference != 0) audit.balanced = false;
    audit.by_lane.push_back(difference);
    audit.difference += difference;
  }
  return audit;
}

}  // namespace forebay::pipeline
