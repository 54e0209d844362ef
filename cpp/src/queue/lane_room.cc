// How a record comes to its room: a run that is opened for the thread, or a chain of runs.
#include <algorithm>
#include <cstring>
#include <new>

#include "queue/chain.h"
#include "queue/lane_queue.h"

namespace forebay::queue {

// Shrinks with the room left and the number of threads, so that what all of them may have set aside
// is at most about a quarter of the room there was. A thread that is alone sets nothing aside from
// anyone: it takes a whole run (of a small lane a sixteenth), or the room that comes back in a full
// lane would be cut into ever smaller pieces.
uint32_t LaneQueue::run_length(uint32_t least) const noexcept {
  const uint32_t threads = std::max(1u, leased_count_.load(std::memory_order_relaxed));
  const uint32_t room = arena_->room();
  const uint32_t share = threads == 1 ? std::min(room, slots() / 16) : room / (4 * threads);
  return std::max(least, std::clamp(share, shortest_run_, kMaxRunSlots));
}

// Even in a lane that is empty.
bool LaneQueue::is_too_large(uint32_t size) const noexcept {
  const uint32_t slots = slots_for(size);
  if (slots > arena_->slots()) return true;
  const uint32_t links = (arena_->slots() + kMaxRunSlots - 1) / kMaxRunSlots;
  return slots > kMaxRunSlots && size > uint64_t{arena_->slots()} * kSlotBytes - links * kLinkBytes;
}

LaneQueue::Room LaneQueue::make_room(Producer& producer, const model::RecordInput& input,
                                     uint32_t size, const TickSource& ticks) noexcept {
  if (!line_.is_short()) [[likely]] {
    const uint32_t slots = slots_for(size);
    const uint32_t credits = slots <= kMaxRunSlots
                                 ? arena_->take_credits(slots, run_length(slots))
                                 : arena_->take_credits(credits_for(size), credits_for(size));
    if (credits != 0) {
      const Room room = write_with(producer, input, size, ticks, credits);
      if (room != Room::kNone) return room;
    }
  }
  return producer.has_grants() ? use_grant(producer, input, size, ticks) : Room::kNone;
}

LaneQueue::Room LaneQueue::write_with(Producer& producer, const model::RecordInput& input,
                                      uint32_t size, const TickSource& ticks,
                                      uint32_t credits) noexcept {
  const uint32_t slots = slots_for(size);
  Run run;
  if (slots <= kMaxRunSlots &&
      arena_->take_run(slots, std::min(credits, kMaxRunSlots), producer.hint, run)) {
    if (credits != run.slots()) line_.give(credits - run.slots());
    if (arena_->room() < arena_->slots() / 4 * 3) want_drain();
    start_run(producer, run, input, size, ticks);
    return Room::kWritten;
  }
  // In pieces, which cost more.
  if (const uint32_t needed = credits_for(size); credits < needed) {
    credits += arena_->take_credits(needed - credits, needed - credits);
  }
  const Room room = write_chain(producer, input, size, ticks, credits);
  if (credits != 0) line_.give(credits);
  return room;
}

LaneQueue::Room LaneQueue::use_grant(Producer& producer, const model::RecordInput& input,
                                     uint32_t size, const TickSource& ticks) noexcept {
  uint32_t credits = credits_for(size);
  if (!line_.take_granted(producer, credits)) return Room::kNone;
  const uint32_t slots = slots_for(size);
  Run run;
  Room room = Room::kWritten;
  // Just what the record takes: what is free in an open run is anybody's once the thread is idle.
  if (slots <= kMaxRunSlots && arena_->take_run(slots, slots, producer.hint, run)) {
    credits -= slots;
    start_run(producer, run, input, size, ticks);
  } else {
    room = write_chain(producer, input, size, ticks, credits);
  }
  line_.give_granted(producer, credits);
  want_drain();
  return room;
}

// The record is in the run before the drain thread may ask for it back.
void LaneQueue::start_run(Producer& producer, Run run, const model::RecordInput& input,
                          uint32_t size, const TickSource& ticks) noexcept {
  for (uint32_t ahead = 0; ahead <= std::min(kSlotsAhead, run.slots() - 1); ++ahead) {
    arena_->prefetch_for_write(run.first() + ahead);
  }
  const uint64_t now = ticks.now();
  model::write_record(input, now, size, arena_->slot(run.first()));
  producer.open(run, slots_for(size), now);
}

LaneQueue::Room LaneQueue::write_chain(Producer& producer, const model::RecordInput& input,
                                       uint32_t size, const TickSource& ticks,
                                       uint32_t& credits) noexcept try {
  const uint32_t needed = credits_for(size);
  if (credits < needed) return Room::kNone;
  std::vector<Run> runs;
  const auto free_all = [&] {
    for (const Run run : runs) {
      arena_->free(run);
      credits += run.slots();
    }
  };
  std::unique_ptr<uint8_t[]> record;
  try {
    record = std::make_unique_for_overwrite<uint8_t[]>(size);
    runs.reserve(needed / 8 + 4);
    uint64_t payload = 0;
    while (payload < size) {
      Run run;
      const uint32_t most = std::min(credits, kMaxRunSlots);
      if (!arena_->take_run(1, most, producer.hint, run)) continue;  // another thread was quicker
      credits -= run.slots();
      runs.push_back(run);
      payload += run.bytes() - kLinkBytes;
      if (runs.size() == 1 && run.bytes() >= size) break;  // it fits without a link after all
    }
  } catch (const std::bad_alloc&) {
    free_all();
    return Room::kMemory;
  }
  model::write_record(input, ticks.now(), size, record.get());
  uint32_t written = 0;
  for (size_t i = 0; i < runs.size(); ++i) {
    const bool is_single = runs.size() == 1;
    const uint32_t room = runs[i].bytes() - (is_single ? 0 : kLinkBytes);
    const uint32_t part = std::min(room, size - written);
    std::memcpy(arena_->slot(runs[i].first()), record.get() + written, part);
    written += part;
    if (is_single) break;
    const uint32_t link = i + 1 < runs.size() ? runs[i + 1].packed() : kNoLink;
    set_link(*arena_, runs[i], link);
  }
  // A run with one record: its end is the record's, so that a reader knows it is done.
  if (const uint32_t slots = slots_for(size); runs.size() == 1 && slots < runs.front().slots()) {
    const Run first = runs.front();
    arena_->free(Run(first.first() + slots, first.slots() - slots));
    credits += first.slots() - slots;
    runs.front() = Run(first.first(), slots);
  }
  if (put(producer, runs.front())) return Room::kWritten;
  free_all();
  return Room::kMemory;
} catch (...) {
  return Room::kMemory;
}

}  // namespace forebay::queue
