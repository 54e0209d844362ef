// The queue of a lane: bounded, lock-free, any number of producers, and what happens when it is
// full.
//
// Emit: reserve room in the thread's open run, write the record there, commit (producer.h). Only
// when the run is used up does a thread take credits and slots (slot_arena.h) and hand the old run
// over (run_queue.h): once for up to 64 records. The runs shrink as room shrinks, so that with many
// threads "full" means full: what idle threads have set aside is at most a quarter of the room that
// there was, and the drain thread brings it back (reclaim()).
//
// Full: the options' `on_full`, one after the other. `drop_oldest` takes runs out of the queue like
// the drain thread does: first the thread's own oldest, then those of the other producers in turn.
// It lets whole runs go, so that the cost is shared by up to 64 emits; it stops asking once 64
// records are gone, and then the new one is dropped.
//
// Blocked threads stand in a line (room_line.h), first come, first served. Nobody is woken, and no
// lock taken, while nobody waits.
//
// Early drop: while the lane fills from `start` to `full`, a growing part of what comes is dropped
// before anything is copied. Below `start` that costs a load and a comparison.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "account/thread_counters.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/ticks.h"
#include "model/record_writer.h"
#include "queue/chain.h"
#include "queue/drain_rate.h"
#include "queue/producer.h"
#include "queue/room_line.h"
#include "queue/run_queue.h"
#include "queue/slot_arena.h"

namespace forebay::queue {

struct FullAction {
  enum class Kind : uint8_t { kDropNewest, kDropOldest, kFail, kBlock };
  Kind kind = Kind::kDropNewest;
  // Of kBlock. None: as long as it takes. Unit: ns, 0..1 day.
  std::optional<Duration> timeout{};
  // kBlock waits even on a thread that runs an event loop.
  bool on_event_loop = false;
};

// Drops records at random before the lane is full. Both are parts of the lane, 0..1.
struct EarlyDrop {
  double start = 0.6;  // filled so far, nothing is dropped; from here on the probability rises
  double full = 0.9;   // from here on everything is dropped; over `start`
};

inline constexpr size_t kMostRunsAtOnce = 16;

struct LaneQueueOptions {
  // Room in slots of kSlotBytes; a record takes one for each 128 bytes it needs. 8..2^26.
  uint32_t slots = 65'536;
  // What to do when there is no room: in this order. At most one kBlock, and first; after it
  // nothing or one of the others.
  std::vector<FullAction> on_full{FullAction{}};
  std::optional<EarlyDrop> early_drop{};
  // Of early drop. Equal seeds and fills drop equally.
  uint64_t seed = 0;

  [[nodiscard]] Status validate() const;  // names the field, its value and the range
};

enum class Admission : uint8_t {
  kAccepted,
  kWouldBlock,  // FOREBAY_EMIT_REPORT_BLOCK; nothing was counted
  kRefusedQueueFull,
  kRefusedBlockTimeout,
  kRefusedShutdown,
  kDroppedNewest,
  kDroppedEarly,  // drops_early_now(); emit() itself never says so
  kDroppedTooLarge,
  kDroppedMemory,
};

class LaneQueue {
 public:
  // `lane` is the index under which losses are counted. `wake` is called when the drain thread
  // should look: the lane passes a quarter, or a thread is about to wait.
  static Result<std::unique_ptr<LaneQueue>> create(const LaneQueueOptions& options, uint32_t lane);
  ~LaneQueue();
  LaneQueue(const LaneQueue&) = delete;
  LaneQueue& operator=(const LaneQueue&) = delete;

  // `wake` is called when the drain thread should look: a run is opened while over a quarter is
  // taken, room is short, or a thread is about to wait. It must be cheap when nobody sleeps.
  void on_wanted(void (*wake)(void*), void* context) noexcept {
    wake_ = wake;
    wake_context_ = context;
  }

  // -- producers --
  // A producer for the calling thread. Null where memory ran out.
  Producer* attach() noexcept;
  // Hands over what the producer has; another thread may get it next.
  void detach(Producer* producer) noexcept;

  static constexpr uint32_t slots_for(uint64_t bytes) noexcept {
    return static_cast<uint32_t>((bytes + kSlotBytes - 1) / kSlotBytes);
  }
  // The credits with which a record of `bytes` finds room wherever the free slots are: in the worst
  // case each is alone and pays for a link.
  [[nodiscard]] uint32_t credits_for(uint64_t bytes) const noexcept {
    if (bytes <= kSlotBytes) return 1;
    constexpr uint32_t kPayload = kSlotBytes - kLinkBytes;
    return static_cast<uint32_t>(std::min<uint64_t>((bytes + kPayload - 1) / kPayload, slots()));
  }

  // Whether a record of any size would be dropped as the newest now: the usual state of a lane that
  // is full, told without measuring the record. The caller counts kDroppedQueueFullNewest.
  [[nodiscard]] bool drops_newest_now(const Producer& producer) const noexcept {
    return drops_newest_ && producer.is_used_up() && arena_->is_exhausted() &&
           starved_.load(std::memory_order_relaxed) && !closed_.load(std::memory_order_relaxed) &&
           !producer.has_grants();
  }
  // Whether the lane is so full that records are dropped early; then drops_early() decides, asked
  // once for each. The caller counts kDroppedEarlyDrop. Who holds a grant is spared.
  [[nodiscard]] bool may_drop_early() const noexcept {
    return early_below_ != 0 && arena_->has_less_room_than(early_below_);
  }
  [[nodiscard]] bool drops_early(Producer& producer) const noexcept;
  [[nodiscard]] bool drops_early_now(Producer& producer) const noexcept {
    return may_drop_early() && drops_early(producer);
  }

  // Writes the record, of `size` bytes by measure_record(), or says why not; counts what it lets go
  // of (its own kDroppedNewest included, refusals not) in `counters`.
  [[gnu::always_inline]] Admission emit(Producer& producer, const model::RecordInput& input,
                                        uint32_t size, const TickSource& ticks, uint32_t flags,
                                        const account::ThreadCounters& counters) noexcept {
    const uint32_t slots = slots_for(size);
    uint8_t* to = producer.reserve(*arena_, slots);
    if (to == nullptr) [[unlikely]] {
      return emit_slowly(producer, model::copy_of(input), size, ticks, flags, counters);
    }
    model::write_record(input, ticks.now(), size, to);
    producer.commit(slots, *arena_);
    return Admission::kAccepted;
  }

  // No record is taken from here on (kRefusedShutdown), and every thread is out of emit when it
  // returns; what is inside can be drained. Wakes the blocked.
  void close() noexcept;
  [[nodiscard]] bool is_closed() const noexcept { return closed_.load(std::memory_order_acquire); }

  // -- drain thread --
  // The next record, contiguous; null: none can be had now. Valid until pop(). `ticks_due`: open
  // runs whose first record is not younger than this are taken even from a thread that is active.
  const uint8_t* front(uint64_t ticks_due);
  void pop() noexcept;
  // For flush: what is written before mark() has been taken once front() came back null, or gave
  // that many records, and is_past_mark(). (A thread may be busy in its open run when it is asked
  // for.)
  uint64_t mark() noexcept;
  [[nodiscard]] bool is_past_mark() const noexcept;
  // Gives back the room that idle threads hold. To be called now and then while wants_reclaim().
  void reclaim() noexcept;
  [[nodiscard]] bool wants_reclaim() const noexcept {
    return starved_.load(std::memory_order_relaxed) || line_.has_waiters();
  }
  // To be called once a round: how much room was made tells how soon more is there.
  void note_drained(MonotonicTime now) noexcept { rate_.note(now, drained_slots_, !was_dry_); }

  // -- anyone --
  [[nodiscard]] uint32_t lane() const noexcept { return lane_; }
  [[nodiscard]] uint32_t slots() const noexcept { return arena_->slots(); }
  [[nodiscard]] const std::vector<FullAction>& on_full() const noexcept { return options_.on_full; }
  [[nodiscard]] uint32_t room() const noexcept { return arena_->room(); }
  // Room taken, 0..1: what is free in threads' open runs counts as taken.
  [[nodiscard]] double fill() const noexcept {
    return 1.0 - static_cast<double>(room()) / static_cast<double>(slots());
  }
  // Slots taken, in bytes, and what the bookkeeping costs.
  [[nodiscard]] uint64_t memory_bytes() const noexcept;
  // After close() and draining: gives the slots' memory back to the system.
  void release_memory() noexcept { arena_->release_memory(); }
  // A record may take a quarter of the lane. Unit: bytes.
  [[nodiscard]] uint64_t largest_record() const noexcept {
    return std::max<uint64_t>(uint64_t{slots()} * kSlotBytes / 4, 256);
  }
  // Threads that are blocked in emit.
  [[nodiscard]] uint32_t waiters() const noexcept {
    return blocked_.load(std::memory_order_seq_cst);
  }
  // Waiting for room, and grants, beside emit. After join() or wait(): ask_for_room().
  [[nodiscard]] RoomLine& line() noexcept { return line_; }
  void ask_for_room() noexcept {
    starved_.store(true, std::memory_order_relaxed);
    want_drain();
  }
  // When that many slots will be free, going by what the drain thread made free lately. Nothing:
  // it cannot be told. Zero: now.
  [[nodiscard]] std::optional<Duration> room_in(uint32_t slots) const noexcept {
    const uint32_t there = room();
    return there >= slots ? Duration::zero() : rate_.time_for(slots - there);
  }
  [[nodiscard]] uint32_t producers() const noexcept {
    return producer_count_.load(std::memory_order_relaxed);
  }
  // Counts the records that are really inside, for audit(). Drain thread only; exact while nobody
  // emits, and where there is memory to look (four bytes for each run).
  SeverityCounts count_inside();

 private:
  LaneQueue(const LaneQueueOptions& options, uint32_t lane, std::unique_ptr<SlotArena> arena);

  Admission emit_slowly(Producer& producer, const model::RecordInput& input, uint32_t size,
                        const TickSource& ticks, uint32_t flags,
                        const account::ThreadCounters& counters) noexcept;
  // kWritten: the record is in a run that was opened for it, or in a chain of runs.
  enum class Room : uint8_t { kWritten, kNone, kMemory };
  Admission by_policy(Producer& producer, const model::RecordInput& input, uint32_t size,
                      const TickSource& ticks, uint32_t flags,
                      const account::ThreadCounters& counters) noexcept;
  // One try, with the room that is anybody's, then with what is granted.
  Room make_room(Producer& producer, const model::RecordInput& input, uint32_t size,
                 const TickSource& ticks) noexcept;
  // With credits in hand; what it does not use of them goes back.
  Room write_with(Producer& producer, const model::RecordInput& input, uint32_t size,
                  const TickSource& ticks, uint32_t credits) noexcept;
  Room use_grant(Producer& producer, const model::RecordInput& input, uint32_t size,
                 const TickSource& ticks) noexcept;
  void start_run(Producer& producer, Run run, const model::RecordInput& input, uint32_t size,
                 const TickSource& ticks) noexcept;
  // `credits` is what it may use, and then what is left.
  Room write_chain(Producer& producer, const model::RecordInput& input, uint32_t size,
                   const TickSource& ticks, uint32_t& credits) noexcept;
  bool hand_over(Producer& producer) noexcept;
  bool put(Producer& producer, Run run) noexcept;
  uint32_t run_length(uint32_t least) const noexcept;
  [[nodiscard]] bool is_too_large(uint32_t size) const noexcept;
  Room evict_for(Producer& producer, const model::RecordInput& input, uint32_t size,
                 const TickSource& ticks, const account::ThreadCounters& counters) noexcept;
  bool take_oldest(Producer& producer, Run& run) noexcept;
  uint64_t count_evicted(Run run, const account::ThreadCounters& counters) const noexcept;
  RoomLine::Wait wait_for_room(Producer& producer, uint32_t size, const FullAction& action,
                               uint32_t flags) noexcept;
  void leave_line(Producer& producer) noexcept;
  void give(Run run) noexcept;
  // The credits are the caller's.
  uint32_t free_run_or_chain(Run run) noexcept;
  void give_drained(Run run) noexcept {
    const uint32_t credits = free_run_or_chain(run);
    drained_slots_ += credits;
    line_.give(credits);
  }
  void want_drain() noexcept {
    if (wake_ != nullptr) wake_(wake_context_);
  }

  bool next_runs(uint64_t ticks_due);
  bool take_from(Producer& producer);
  bool take_open_runs(uint64_t ticks_due);
  bool has_stragglers(uint64_t ticks_due) noexcept;
  void seal(Producer& producer) noexcept;
  // Everything that is in the queue or sealed, oldest first of each thread. False: no memory, and
  // nothing was taken.
  bool gather(std::vector<Run>& runs) noexcept;
  // Into the drain thread's own part of the queue, where producers can still evict it.
  void put_back(std::vector<Run>& runs) noexcept;
  bool take_kept();
  [[nodiscard]] const uint8_t* chain_record(Run run);

  const LaneQueueOptions options_;
  const uint32_t lane_;
  const bool light_fence_;
  const bool drops_newest_;      // that is the first and only action
  const uint32_t shortest_run_;  // slots
  const uint32_t early_below_;   // slots of room; 0: no early drop
  // Of one producer, before the next has its turn. What the drain thread has in hand cannot be
  // evicted, and it may be off the processor for long: of a lane that drops its oldest it never
  // takes more than a quarter.
  const size_t runs_at_once_;
  std::unique_ptr<SlotArena> arena_;
  RoomLine line_;
  RunQueue queue_;
  void (*wake_)(void*) = nullptr;
  void* wake_context_ = nullptr;

  // Producers are never freed while the lane lives: a list to push to, read without a lock.
  std::atomic<Producer*> producers_{nullptr};
  std::atomic<uint32_t> producer_count_{0};
  std::atomic<uint32_t> leased_count_{0};
  std::mutex attach_mutex_;
  std::atomic<bool> closed_{false};
  std::atomic<bool> starved_{false};

  std::atomic<uint32_t> blocked_{0};

  // Drain thread's own.
  std::unique_ptr<Producer> gathered_;  // holds what put_back() got; drained first
  std::vector<Run> kept_;  // what the queue had no memory for: drained next; from kept_at_ on
  size_t kept_at_ = 0;
  Producer* visiting_ = nullptr;  // whose runs are being read
  std::vector<Run> fetched_;      // taken from the queue, to be read; the next is at fetched_at_
  size_t fetched_at_ = 0;
  uint32_t position_ = 0;  // slot within the run being read
  uint32_t record_slots_ = 0;
  ByteBuffer chain_;  // a large record, put together
  uint64_t drained_slots_ = 0;
  bool was_dry_ = true;  // front() found nothing when it was asked last
  DrainRate rate_;
};

}  // namespace forebay::queue
