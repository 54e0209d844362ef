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
  const uint32_t needed = credits_for(size);
  uint32_t credits = 0;  // of what was evicted: nobody else gets it first
  uint64_t gone = 0;
  while (gone < kEvictAtMost) {
    Run run;
    if (!take_oldest(producer, run)) break;
    gone += count_evicted(run, counters);
    if (run.slots() >= slots && !is_chain(*arena_, run)) {
      if (credits != 0) line_.give(credits);
      start_run(producer, run, input, size, ticks);
      return Room::kWritten;
    }
    credits += free_run_or_chain(run);
    // With what was free already: too little, or it would not have come to this.
    if (credits < needed && !line_.is_short()) credits += arena_->take_credits(1, needed - credits);
    if (credits >= needed) return write_with(producer, input, size, ticks, credits);
  }
  if (credits != 0) line_.give(credits);
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
  // Eight bits a class, in one register: a run has at most 64 records.
  static_assert(kMaxRunSlots < 256 && kSeverityClasses <= 8);
  uint64_t evicted = 0;
  SeverityCounts excess;  // what those that are sampled stood for besides
  // The run was written long ago: without this each header would be waited for in turn.
  for (uint32_t at = 0; at < run.slots(); ++at) {
    __builtin_prefetch(arena_->slot(run.first() + at), 1);
  }
  for (uint32_t at = 0; at < run.slots();) {
    const uint8_t* record = arena_->slot(run.first() + at);
    // Field by field: a copy of the header would be read back in other widths than it was written.
    const auto field = [record](size_t offset, auto& value) {
      std::memcpy(&value, record + offset, sizeof value);
    };
    decltype(model::RecordHeader::size) size = 0;
    decltype(model::RecordHeader::severity) number = 0;
    decltype(model::RecordHeader::flags) flags = 0;
    field(offsetof(model::RecordHeader, size), size);
    field(offsetof(model::RecordHeader, severity), number);
    field(offsetof(model::RecordHeader, flags), flags);
    const SeverityClass severity = severity_class(number);
    evicted += uint64_t{1} << (8 * static_cast<unsigned>(severity));
    if ((flags & model::kHasWeight) != 0) [[unlikely]] {
      excess[severity] += model::weight_of(header_at(record), record) - 1;
    }
    at += slots_for(size);
  }
  uint64_t records = 0;
  for (size_t c = 0; c < kSeverityClasses; ++c) {
    const uint64_t of_class = evicted >> (8 * c) & 0xff;
    if (of_class == 0) continue;
    counters.add(lane_, EmitName::kDroppedQueueFullOldest, static_cast<SeverityClass>(c), of_class);
    if (excess.by_class[c] != 0) [[unlikely]] {
      counters.add(lane_, EmitName::kExcessEvicted, static_cast<SeverityClass>(c),
                   excess.by_class[c]);
    }
    records += of_class;
  }
  return records;
}

RoomLine::Wait LaneQueue::wait_for_room(Producer& producer, uint32_t size, const FullAction& action,
                                        uint32_t flags) noexcept {
  const RoomLine::Time now = std::chrono::steady_clock::now();
  if ((flags & FOREBAY_EMIT_CONTINUE) == 0) producer.blocked_since = now;
  const RoomLine::Time deadline =
      action.timeout ? producer.blocked_since + *action.timeout : RoomLine::Time::max();
  const bool is_slice = (flags & FOREBAY_EMIT_SLICE) != 0 && now + kSlice < deadline;
  Claim& claim = producer.claim;
  const uint32_t needed = credits_for(size);
  if (producer.waits_in_slices && claim.needed != needed) leave_line(producer);  // another record
  if (!producer.waits_in_slices) {
    if (now >= deadline) return RoomLine::Wait::kTimeOver;
    claim.needed = claim.most = needed;
    // A run, where it may be had, is the room for more than one record.
    if (!is_slice && slots_for(size) <= kMaxRunSlots) {
      claim.most = std::max(needed, std::clamp(slots() / 16, 1u, kMaxRunSlots));
    }
  }
  want_drain();
  const RoomLine::Wait wait = line_.wait(claim, is_slice ? now + kSlice : deadline, is_slice);
  producer.waits_in_slices = wait == RoomLine::Wait::kSliceOver;
  return wait;
}

void LaneQueue::leave_line(Producer& producer) noexcept {
  line_.leave(producer.claim);
  producer.waits_in_slices = false;
}

// The probability rises from 0 at `start` to 1 at `full`, and is worked out from the room there is
// now: no state is shared but the arena's credits.
bool LaneQueue::drops_early(Producer& producer) const noexcept {
  if (producer.has_grants() || closed_.load(std::memory_order_relaxed)) return false;
  const EarlyDrop& early = *options_.early_drop;
  uint64_t random = producer.random;  // xorshift64 (Marsaglia)
  random ^= random << 13;
  random ^= random >> 7;
  random ^= random << 17;
  producer.random = random;
  const double at = (fill() - early.start) / (early.full - early.start);
  return static_cast<double>(random >> 11) * 0x1.0p-53 < at;
}

void LaneQueue::give(Run run) noexcept {
  arena_->free(run);
  line_.give(run.slots());
}

uint32_t LaneQueue::free_run_or_chain(Run run) noexcept {
  uint32_t credits = 0;
  const bool chained = is_chain(*arena_, run);
  for (;;) {
    const uint32_t link = chained ? link_of(*arena_, run) : kNoLink;
    credits += run.slots();
    arena_->free(run);
    if (link == kNoLink) return credits;
    run = Run::from_packed(link);
  }
}

}  // namespace forebay::queue
