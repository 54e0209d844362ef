#include "queue/lane_queue.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <new>
#include <string>

#include "queue/chain.h"

namespace forebay::queue {
namespace {

using account::EmitName;

// The room under which records are dropped early; 0: never.
uint32_t early_below(const LaneQueueOptions& options) {
  if (!options.early_drop) return 0;
  return static_cast<uint32_t>(std::ceil((1.0 - options.early_drop->start) * options.slots));
}

size_t runs_at_once(const LaneQueueOptions& options) noexcept {
  const bool evicts = std::any_of(
      options.on_full.begin(), options.on_full.end(),
      [](const FullAction& action) { return action.kind == FullAction::Kind::kDropOldest; });
  return evicts ? std::clamp<size_t>(options.slots / (4 * kMaxRunSlots), 1, kMostRunsAtOnce)
                : kMostRunsAtOnce;
}

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
  if (early_drop) {
    const auto shown = [](double value) {
      char text[32];
      std::snprintf(text, sizeof text, "%.9g", value);
      return std::string(text);
    };
    const EarlyDrop& early = *early_drop;
    if (!(early.start >= 0 && early.start <= 1)) {
      return Status::invalid("early_drop.start: " + shown(early.start) + " is not in 0..1");
    }
    if (!(early.full > early.start && early.full <= 1)) {
      return Status::invalid("early_drop.full: " + shown(early.full) +
                             " is not over early_drop.start, " + shown(early.start) +
                             ", and at most 1");
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
      early_below_(early_below(options)),
      runs_at_once_(runs_at_once(options)),
      arena_(std::move(arena)),
      line_(*arena_),
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
  // Any seed but zero; no two producers have the same.
  producer->random =
      (options_.seed + producer_count_.load(std::memory_order_relaxed) + 1) * 0x9e3779b97f4a7c15 |
      1;
  producer->next = producers_.load(std::memory_order_relaxed);
  producers_.store(producer, std::memory_order_release);
  producer_count_.fetch_add(1, std::memory_order_relaxed);
  return producer;
} catch (const std::bad_alloc&) {
  leased_count_.fetch_sub(1, std::memory_order_relaxed);
  return nullptr;
}

void LaneQueue::detach(Producer* producer) noexcept {
  line_.end(*producer);
  producer->waits_in_slices = false;
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
  using Kind = FullAction::Kind;
  const SeverityClass severity = severity_class(input.severity);
  Room room = Room::kNone;
  if (producer.waits_in_slices && (flags & FOREBAY_EMIT_CONTINUE) == 0) [[unlikely]]
    leave_line(producer);  // its caller gave up
  if (!producer.waits_in_slices) [[likely]]
    room = make_room(producer, input, size, ticks);
  for (size_t step = 0; room == Room::kNone;) {
    if (!starved_.load(std::memory_order_relaxed)) ask_for_room();
    const FullAction& action = options_.on_full[step];
    switch (action.kind) {
      case Kind::kDropNewest:
        counters.add(lane_, EmitName::kDroppedQueueFullNewest, severity);
        return Admission::kDroppedNewest;
      case Kind::kFail:
        return Admission::kRefusedQueueFull;
      case Kind::kDropOldest:
        room = evict_for(producer, input, size, ticks, counters);
        if (room != Room::kNone) continue;
        counters.add(lane_, EmitName::kDroppedQueueFullNewest, severity);
        return Admission::kDroppedNewest;
      case Kind::kBlock:
        if ((flags & FOREBAY_EMIT_REPORT_BLOCK) != 0) return Admission::kWouldBlock;
        if ((flags & FOREBAY_EMIT_WAITED) == 0 &&
            ((flags & FOREBAY_EMIT_SKIP_BLOCK) == 0 || action.on_event_loop)) {
          blocked_.fetch_add(1, std::memory_order_seq_cst);
          const RoomLine::Wait wait = wait_for_room(producer, size, action, flags);
          if (wait == RoomLine::Wait::kRoom) {
            room =
                write_with(producer, input, size, ticks, std::exchange(producer.claim.credits, 0));
          }
          blocked_.fetch_sub(1, std::memory_order_seq_cst);
          if (wait == RoomLine::Wait::kRoom) continue;
          if (wait == RoomLine::Wait::kClosed) return Admission::kRefusedShutdown;
          if (wait == RoomLine::Wait::kSliceOver) return Admission::kWouldBlock;
        }
        if (++step == options_.on_full.size()) return Admission::kRefusedBlockTimeout;
    }
  }
  if (room == Room::kWritten) [[likely]]
    return Admission::kAccepted;
  counters.add(lane_, EmitName::kDroppedMemory, severity);
  return Admission::kDroppedMemory;
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

void LaneQueue::close() noexcept {
  closed_.store(true, std::memory_order_seq_cst);
  // Twice: a thread that was past the check of closed_ may open one more run before it is out.
  for (int round = 0; round < 2; ++round) {
    line_.close();
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
