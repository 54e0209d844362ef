#include "queue/lane_queue.h"

#include <sched.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

#include "queue/chain.h"

namespace forebay::queue {
namespace {

using account::EmitName;

}  // namespace

Status LaneQueueOptions::validate() const {
  if (slots < 8 || slots > kMaxSlots) {
    return Status::invalid("queue_records: " + std::to_string(slots) + " is not in 8.." +
                           std::to_string(kMaxSlots));
  }
  if (on_full.empty()) return Status::invalid("on_full: the list is empty");
  for (size_t i = 0; i < on_full.size(); ++i) {
    const bool is_last = i + 1 == on_full.size();
    const bool blocks = on_full[i].kind == FullAction::Kind::kBlock;
    const std::string field = "on_full[" + std::to_string(i) + "]";
    if (!blocks && !is_last) {
      return Status::invalid(field +
                             ": nothing is reached after it; only Block(timeout=) may come first");
    }
    if (blocks && i != 0) return Status::invalid(field + ": block can only come first");
    if (blocks && !is_last && !on_full[i].timeout) {
      return Status::invalid(field + ": block without a timeout never reaches what comes after it");
    }
    if (on_full[i].timeout &&
        (*on_full[i].timeout < Duration::zero() || *on_full[i].timeout > std::chrono::hours{24})) {
      return Status::invalid(field + ".timeout: not in 0..86400 seconds");
    }
  }
  return Status::ok();
}

Result<std::unique_ptr<LaneQueue>> LaneQueue::create(const LaneQueueOptions& options,
                                                     uint32_t lane) {
  if (Status status = options.validate(); !status.is_ok()) return status;
  auto arena = SlotArena::create(options.slots);
  if (!arena) return arena.status();
  std::unique_ptr<LaneQueue> made(new LaneQueue(options, lane, arena.take()));
  if (!made->gathered_->is_valid()) return Status::unavailable("no memory for a lane's queue");
  return made;
}

LaneQueue::LaneQueue(const LaneQueueOptions& options, uint32_t lane,
                     std::unique_ptr<SlotArena> arena)
    : options_(options),
      lane_(lane),
      light_fence_(enable_asymmetric_fence()),
      drops_newest_(options.on_full.front().kind == FullAction::Kind::kDropNewest),
      shortest_run_(std::clamp(options.slots / 2048, 1u, 32u)),
      arena_(std::move(arena)),
      gathered_(std::make_unique<Producer>(queue_, light_fence_)) {}

LaneQueue::~LaneQueue() {
  for (Producer* producer = producers_.load(); producer != nullptr;) {
    delete std::exchange(producer, producer->next);
  }
}

Producer* LaneQueue::attach() noexcept try {
  const std::lock_guard lock(attach_mutex_);
  leased_count_.fetch_add(1, std::memory_order_relaxed);
  for (Producer* p = producers_.load(std::memory_order_relaxed); p != nullptr; p = p->next) {
    if (!p->is_leased) {
      p->is_leased = true;
      return p;
    }
  }
  auto made = std::make_unique<Producer>(queue_, light_fence_);
  if (!made->is_valid()) throw std::bad_alloc();
  Producer* const producer = made.release();
  producer->next = producers_.load(std::memory_order_relaxed);
  producers_.store(producer, std::memory_order_release);
  producer_count_.fetch_add(1, std::memory_order_relaxed);
  return producer;
} catch (const std::bad_alloc&) {
  leased_count_.fetch_sub(1, std::memory_order_relaxed);
  return nullptr;
}

void LaneQueue::detach(Producer* producer) noexcept {
  producer->enter_slowly();
  hand_over(*producer);
  producer->leave_slowly();
  const std::lock_guard lock(attach_mutex_);
  producer->is_leased = false;
  leased_count_.fetch_sub(1, std::memory_order_relaxed);
}

// -- emit ---------------------------------------------------------------------------------------

Admission LaneQueue::emit_slowly(Producer& producer, const model::RecordInput& input, uint32_t size,
                                 const TickSource& ticks, uint32_t flags,
                                 const account::ThreadCounters& counters) noexcept {
  producer.enter_slowly();
  Admission admission = Admission::kRefusedShutdown;
  if (!closed_.load(std::memory_order_seq_cst)) [[likely]] {
    if (is_too_large(size)) {
      counters.add(lane_, EmitName::kDroppedTooLarge, severity_class(input.severity));
      admission = Admission::kDroppedTooLarge;
    } else {
      if (hand_over(producer)) [[likely]] {
        admission = by_policy(producer, input, size, ticks, flags, counters);
      } else {
        counters.add(lane_, EmitName::kDroppedMemory, severity_class(input.severity));
        admission = Admission::kDroppedMemory;
      }
    }
  }
  producer.leave_slowly();
  return admission;
}

Admission LaneQueue::by_policy(Producer& producer, const model::RecordInput& input, uint32_t size,
                               const TickSource& ticks, uint32_t flags,
                               const account::ThreadCounters& counters) noexcept {
  const SeverityClass severity = severity_class(input.severity);
  const uint32_t slots = slots_for(size);
  // Where the queue said no and somebody must act: only then is the clock read.
  std::optional<std::chrono::steady_clock::time_point> since;
  size_t step = 0;
  Room room = make_room(producer, input, size, ticks);
  for (;;) {
    if (room == Room::kWritten) return Admission::kAccepted;
    if (room == Room::kOpened) {
      if (uint8_t* to = producer.reserve(*arena_, slots); to != nullptr) {
        model::write_record(input, ticks.now(), size, to);
        producer.commit(slots, *arena_);
        return Admission::kAccepted;
      }
      // Revoked between opening and writing.
      if (closed_.load(std::memory_order_seq_cst)) return Admission::kRefusedShutdown;
      room = hand_over(producer) ? make_room(producer, input, size, ticks) : Room::kMemory;
      continue;
    }
    if (room == Room::kMemory) {
      counters.add(lane_, EmitName::kDroppedMemory, severity);
      return Admission::kDroppedMemory;
    }
    if (!starved_.load(std::memory_order_relaxed)) {
      starved_.store(true, std::memory_order_relaxed);
      want_drain();
    }
    const FullAction& action = options_.on_full[step];
    const bool is_last = step + 1 == options_.on_full.size();
    switch (action.kind) {
      case FullAction::Kind::kDropNewest:
        counters.add(lane_, EmitName::kDroppedQueueFullNewest, severity);
        return Admission::kDroppedNewest;
      case FullAction::Kind::kFail:
        return Admission::kRefusedQueueFull;
      case FullAction::Kind::kDropOldest:
        room = evict_for(producer, input, size, ticks, counters);
        if (room == Room::kNone) {
          counters.add(lane_, EmitName::kDroppedQueueFullNewest, severity);
          return Admission::kDroppedNewest;
        }
        break;
      case FullAction::Kind::kBlock:
        if ((flags & FOREBAY_EMIT_REPORT_BLOCK) != 0) return Admission::kWouldBlock;
        if (!since) {
          since = (flags & FOREBAY_EMIT_CONTINUE) != 0 ? producer.blocked_since
                                                       : std::chrono::steady_clock::now();
          producer.blocked_since = *since;
        }
        if ((flags & FOREBAY_EMIT_WAITED) == 0 &&
            ((flags & FOREBAY_EMIT_SKIP_BLOCK) == 0 || action.on_event_loop)) {
          const Wait wait =
              wait_for_room(credits_for(size), action, *since, (flags & FOREBAY_EMIT_SLICE) != 0);
          if (wait == Wait::kSliceOver) return Admission::kWouldBlock;
          if (wait == Wait::kRoom) {
            if (closed_.load(std::memory_order_seq_cst)) return Admission::kRefusedShutdown;
            room = make_room(producer, input, size, ticks);
            break;
          }
        }
        if (is_last) return Admission::kRefusedBlockTimeout;
        ++step;
        break;
    }
  }
}

bool LaneQueue::hand_over(Producer& producer) noexcept {
  Producer::Closed closed;
  producer.begin_hand_over();
  bool is_put = true;
  if (producer.close(closed)) {
    if (closed.spare != 0) give(Run(closed.run.first() + closed.used, closed.spare));
    if (closed.used != 0) {
      const Run run(closed.run.first(), closed.used);
      is_put = put(producer, run);
      if (!is_put)
        producer.keep(run);  // no memory: its records are still the drain thread's to take
    }
  }
  producer.end_hand_over();
  return is_put;
}

bool LaneQueue::put(Producer& producer, Run run) noexcept {
  producer.count_handed_over(run.slots());
  if (queue_.enqueue(producer.token(), run)) return true;
  producer.count_taken(run.slots());
  return false;
}

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

LaneQueue::Room LaneQueue::make_room(Producer& producer, const model::RecordInput& input,
                                     uint32_t size, const TickSource& ticks) noexcept {
  const uint32_t slots = slots_for(size);
  if (slots > kMaxRunSlots) return write_chain(producer, input, size, ticks);
  const uint32_t credits = arena_->take_credits(slots, run_length(slots));
  if (credits == 0) return Room::kNone;
  Run run;
  if (!arena_->take_run(slots, credits, producer.hint, run)) {
    arena_->give_credits(credits);
    return write_chain(producer, input, size, ticks);
  }
  if (credits != run.slots()) arena_->give_credits(credits - run.slots());
  if (arena_->room() < arena_->slots() / 4 * 3) want_drain();
  producer.open(run, ticks.now(), *arena_);
  return Room::kOpened;
}

// Even in a lane that is empty.
bool LaneQueue::is_too_large(uint32_t size) const noexcept {
  const uint32_t slots = slots_for(size);
  if (slots > arena_->slots()) return true;
  const uint32_t links = (arena_->slots() + kMaxRunSlots - 1) / kMaxRunSlots;
  return slots > kMaxRunSlots && size > uint64_t{arena_->slots()} * kSlotBytes - links * kLinkBytes;
}

LaneQueue::Room LaneQueue::write_chain(Producer& producer, const model::RecordInput& input,
                                       uint32_t size, const TickSource& ticks) noexcept try {
  const uint32_t needed = credits_for(size);
  uint32_t credits = arena_->take_credits(needed, needed);
  if (credits == 0) return Room::kNone;
  std::vector<Run> runs;
  std::unique_ptr<uint8_t[]> record;
  const auto give_all = [&] {
    arena_->give_credits(credits);
    for (const Run run : runs) give(run);
  };
  try {
    record = std::make_unique_for_overwrite<uint8_t[]>(size);
    runs.reserve(needed / 8 + 4);
    uint64_t payload = 0;
    while (payload < size && credits != 0) {
      Run run;
      const uint32_t most = std::min(credits, kMaxRunSlots);
      if (!arena_->take_run(1, most, producer.hint, run)) continue;  // another thread was quicker
      credits -= run.slots();
      runs.push_back(run);
      payload += run.bytes() - kLinkBytes;
      if (runs.size() == 1 && run.bytes() >= size) break;  // it fits without a link after all
    }
    if (payload < size && runs.size() > 1) {  // a lane so small that the links do not fit
      give_all();
      return Room::kNone;
    }
    if (credits != 0) arena_->give_credits(std::exchange(credits, 0));
  } catch (const std::bad_alloc&) {
    give_all();
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
  Run first = runs.front();
  if (runs.size() == 1 && slots_for(size) < first.slots()) {
    give(Run(first.first() + slots_for(size), first.slots() - slots_for(size)));
    first = Run(first.first(), slots_for(size));
  }
  if (!put(producer, first)) {
    for (const Run run : runs) give(run);
    return Room::kMemory;
  }
  return Room::kWritten;
} catch (...) {
  return Room::kMemory;
}

void LaneQueue::close() noexcept {
  closed_.store(true, std::memory_order_seq_cst);
  // Twice: a thread that was past the check of closed_ may open one more run before it is out.
  for (int round = 0; round < 2; ++round) {
    wake_waiters();
    const std::lock_guard lock(attach_mutex_);
    Producer* const head = producers_.load(std::memory_order_acquire);
    for (Producer* p = head; p != nullptr; p = p->next) p->revoke();
    heavy_fence();
    for (Producer* p = head; p != nullptr; p = p->next) {
      while (p->is_inside()) sched_yield();
    }
  }
}

}  // namespace forebay::queue
