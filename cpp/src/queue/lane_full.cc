// What happens in a lane that is full: eviction, waiting, and how room comes back.
#include <algorithm>

#include "queue/chain.h"
#include "queue/lane_queue.h"

namespace forebay::queue {
namespace {

using account::EmitName;

constexpr uint32_t kEvictAtMost = 64;  // records for one emit
constexpr std::chrono::milliseconds kSlice{50};

}  // namespace

LaneQueue::Room LaneQueue::evict_for(Producer& producer, const model::RecordInput& input,
                                     uint32_t size, const TickSource& ticks,
                                     const account::ThreadCounters& counters) noexcept {
  const uint32_t slots = slots_for(size);
  uint64_t gone = 0;
  while (gone < kEvictAtMost) {
    Run run;
    if (!take_oldest(producer, run)) return Room::kNone;
    gone += count_evicted(run, counters);
    if (run.slots() >= slots && !is_chain(*arena_, run)) {
      producer.open(run, ticks.now(), *arena_);
      return Room::kOpened;
    }
    give_run_or_chain(run);
    if (const Room room = make_room(producer, input, size, ticks); room != Room::kNone) return room;
  }
  return Room::kNone;
}

bool LaneQueue::take_oldest(Producer& producer, Run& run) noexcept {
  const auto take = [&](Producer& from) {
    if (!queue_.try_dequeue_from_producer(from.token(), run)) return false;
    from.count_taken(run.slots());
    return true;
  };
  if (take(*gathered_)) return true;
  // The thread's own, unless another has more than twice as much: else a thread that came late to a
  // full lane would never have more than one run in it, and one that went idle would keep its old
  // records.
  Producer* fullest = &producer;
  const int64_t own = producer.queued_slots();
  int64_t most = own * 2;
  Producer* const head = producers_.load(std::memory_order_acquire);
  for (Producer* p = head; p != nullptr; p = p->next) {
    if (const int64_t queued = p->queued_slots(); queued > most) {
      most = queued;
      fullest = p;
    }
  }
  if (take(*fullest) || take(producer)) return true;
  // Others were quicker there: whoever has any, from this producer on, so that no thread pays for
  // all.
  Producer* p = &producer;
  do {
    p = p->next != nullptr ? p->next : head;
    if (take(*p)) return true;
  } while (p != &producer);
  return false;
}

uint64_t LaneQueue::count_evicted(Run run, const account::ThreadCounters& counters) const noexcept {
  SeverityCounts evicted;
  // The run was written long ago: without this each header would be waited for in turn.
  for (uint32_t at = 0; at < run.slots(); ++at) {
    __builtin_prefetch(arena_->slot(run.first() + at), 1);
  }
  for (uint32_t at = 0; at < run.slots();) {
    const model::RecordHeader header = header_at(arena_->slot(run.first() + at));
    ++evicted[severity_class(header.severity)];
    at += slots_for(header.size);
  }
  uint64_t records = 0;
  for (size_t c = 0; c < kSeverityClasses; ++c) {
    if (evicted.by_class[c] == 0) continue;
    counters.add(lane_, EmitName::kDroppedQueueFullOldest, static_cast<SeverityClass>(c),
                 evicted.by_class[c]);
    records += evicted.by_class[c];
  }
  return records;
}

LaneQueue::Wait LaneQueue::wait_for_room(uint32_t slots, const FullAction& action,
                                         std::chrono::steady_clock::time_point since,
                                         bool in_slices) noexcept {
  using Time = std::chrono::steady_clock::time_point;
  const auto has_room = [&] {
    return arena_->room() >= slots || closed_.load(std::memory_order_seq_cst);
  };
  const Time now = std::chrono::steady_clock::now();
  const Time deadline = action.timeout ? since + *action.timeout : Time::max();
  // There may be room, but others were quicker again and again: the caller's time is over.
  if (now > deadline) return Wait::kTimeOver;
  const bool is_slice = in_slices && now + kSlice < deadline;
  const Time until = is_slice ? now + kSlice : deadline;
  waiters_.fetch_add(1, std::memory_order_seq_cst);
  bool found = has_room();
  if (!found) {
    want_drain();
    std::unique_lock lock(room_mutex_);
    if (until == Time::max()) {
      room_changed_.wait(lock, has_room);
      found = true;
    } else {
      found = room_changed_.wait_until(lock, until, has_room);
    }
  }
  waiters_.fetch_sub(1, std::memory_order_seq_cst);
  if (found) return Wait::kRoom;
  return is_slice ? Wait::kSliceOver : Wait::kTimeOver;
}

void LaneQueue::wake_waiters() noexcept {
  const std::lock_guard lock(room_mutex_);
  room_changed_.notify_all();
}

void LaneQueue::give(Run run) noexcept {
  arena_->give(run);
  if (waiters_.load(std::memory_order_seq_cst) != 0) [[unlikely]]
    wake_waiters();
}

void LaneQueue::give_run_or_chain(Run run) noexcept {
  if (!is_chain(*arena_, run)) {
    give(run);
    return;
  }
  for (;;) {
    const uint32_t link = link_of(*arena_, run);
    give(run);
    if (link == kNoLink) return;
    run = Run::from_packed(link);
  }
}

}  // namespace forebay::queue
