// One thread's end of one lane.
//
// A producer fills an open run of slots, one record behind the other, and hands the run over when
// it is full. Two words tell how far it is:
//
//   own_    (cursor << 1 | busy), written by the owner alone. busy is set while it writes a record.
//   state_  who may do what with the run that is not handed over yet (RunState, with the run).
//
//     kNone ──owner──► kOpen ──drain──► kRevoked ──drain──► kSealed
//       ▲                │                 │                   │
//       └────owner───────┴──────owner──────┴──owner or drain───┘
//
//   kOpen     the owner writes into it.
//   kRevoked  the drain thread wants it. The owner's next emit sees that and hands the run over
//   itself. kSealed   the owner was not writing: the drain thread has cut the run to what is
//   written and freed
//             the rest. Whoever comes first takes it: the owner hands it over, or the drain reads
//             it.
//
// So a run is never read before its owner is done with it, and an idle thread's unused room comes
// back.
//
// Memory orders. "Sets busy, then reads state_" against "sets kRevoked, then reads own_" is
// Dekker's pattern: store_then_fence() and heavy_fence() (base/asymmetric_fence.h) order it, so
// that the owner sees the revocation or the drain thread sees busy. What the owner wrote into slots
// is published by the release store that clears busy, and read after an acquire load of own_. Runs
// that are handed over are published by the queue.
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <utility>

#include "base/asymmetric_fence.h"
#include "queue/room_line.h"
#include "queue/run_queue.h"
#include "queue/slot_arena.h"

namespace forebay::queue {

enum class RunState : uint64_t { kNone = 0, kOpen = 1, kRevoked = 2, kSealed = 3 };

// How far ahead of the record that is written the slots are asked for. The drain thread read them
// last, so their lines lie modified or shared in its core's cache: without this each record waits
// for two of them (45 ns a record instead of 17, and a 99th percentile of 220 ns instead of 90).
inline constexpr uint32_t kSlotsAhead = 4;

class alignas(128) Producer {
 public:
  Producer(RunQueue& queue, bool light_fence) : token_(queue), light_fence_(light_fence) {}
  // False: the queue had no memory for it.
  [[nodiscard]] bool is_valid() const noexcept { return token_.valid(); }

  // -- owner --
  // Room for a record of `slots` in the open run, or null. After it a commit() or cancel() must
  // come.
  [[nodiscard]] uint8_t* reserve(const SlotArena& arena, uint32_t slots) noexcept {
    store_then_fence(own_, (uint64_t{cursor_} << 1) | 1, light_fence_);
    const uint64_t state = state_.load(std::memory_order_seq_cst);
    if ((state & 3) != static_cast<uint64_t>(RunState::kOpen) || end_ - cursor_ < slots) {
      cancel();
      return nullptr;
    }
    return arena.slot(cursor_);
  }
  // The owner's run has no slot left.
  [[nodiscard]] bool is_used_up() const noexcept { return cursor_ == end_; }
  void commit(uint32_t slots, const SlotArena& arena) noexcept {
    cursor_ += slots;
    const uint32_t ahead = cursor_ + kSlotsAhead;
    if (ahead < end_) {
      arena.prefetch_for_write(ahead);
      // As many as it has used, or half of them are never asked for.
      for (uint32_t more = 1; more < slots && more < kSlotsAhead; ++more) {
        arena.prefetch_for_write(ahead - more);
      }
    } else if (!has_looked_ahead_) {
      has_looked_ahead_ = true;  // once a run, a little before its end
      arena.prefetch_next(hint, kSlotsAhead);
    }
    own_.store(uint64_t{cursor_} << 1, std::memory_order_release);
  }
  void cancel() noexcept { own_.store(uint64_t{cursor_} << 1, std::memory_order_release); }

  // Opens a run that the owner has taken, with a record in its first `used` slots, emitted at
  // `ticks`. No run may be open.
  void open(Run run, uint32_t used, uint64_t ticks) noexcept {
    opened_ticks_.store(ticks, std::memory_order_release);
    cursor_ = run.first() + used;
    has_looked_ahead_ = false;
    end_ = run.end();
    own_.store(uint64_t{cursor_} << 1, std::memory_order_relaxed);
    state_.store(pack(RunState::kOpen, run), std::memory_order_release);
  }
  // Takes the run back from whatever state it is in. False: there is none (any more). `used` slots
  // of it hold records; `spare` is what the owner must free.
  struct Closed {
    Run run;
    uint32_t used = 0;   // slots; 0: nothing to hand over
    uint32_t spare = 0;  // slots after those
  };
  bool close(Closed& closed) noexcept;
  // After close(): what could not be handed over stays here, to be drained or handed over later.
  void keep(Run run) noexcept {
    state_.store(pack(RunState::kSealed, run), std::memory_order_release);
  }

  // -- drain thread --
  // Whether the open run holds records that nobody has read.
  [[nodiscard]] bool has_unread() const noexcept;
  // When it was opened: no record in it is older.
  [[nodiscard]] uint64_t opened_ticks() const noexcept {
    return opened_ticks_.load(std::memory_order_relaxed);
  }
  // For flush: notes the run that holds records now, or is on its way into the queue;
  // is_past_mark() once they are in the queue, or read.
  void mark() noexcept;
  [[nodiscard]] bool is_past_mark() noexcept;
  // Asks for the open run. After it heavy_fence(), then seal().
  void revoke() noexcept;
  // Cuts a revoked run to what is written; `spare` is what to free (0 slots: nothing). False: the
  // owner is writing at this moment, or has taken the run back.
  bool seal(Run& spare, uint32_t& spare_slots) noexcept;
  // Takes a sealed run for reading. False: there is none.
  bool take_sealed(Run& run) noexcept;
  [[nodiscard]] bool is_busy() const noexcept {
    return (own_.load(std::memory_order_acquire) & 1) != 0;
  }

  // Whether the owner has moved since the last call of this. Drain thread only.
  bool has_moved() noexcept {
    const uint64_t own = own_.load(std::memory_order_relaxed);
    return std::exchange(seen_own_, own) != own;
  }

  // -- around the slow path -- so that close() can wait until everyone is out of it
  void enter_slowly() noexcept { store_then_fence(slowly_, 1, light_fence_); }
  void leave_slowly() noexcept { slowly_.store(0, std::memory_order_release); }
  [[nodiscard]] bool is_inside() const noexcept {
    return slowly_.load(std::memory_order_seq_cst) != 0 || is_busy();
  }

  // -- around the hand-over of a run, which for a moment is neither open nor in the queue --
  void begin_hand_over() noexcept {
    handing_over_.store(handing_over_.load(std::memory_order_relaxed) + 1,
                        std::memory_order_relaxed);
  }
  void end_hand_over() noexcept {
    handing_over_.store(handing_over_.load(std::memory_order_relaxed) + 1,
                        std::memory_order_release);
  }

  // How many slots it has in the queue, about: the owner adds, whoever takes a run subtracts.
  void count_handed_over(uint32_t slots) noexcept {
    handed_over_.store(handed_over_.load(std::memory_order_relaxed) + slots,
                       std::memory_order_relaxed);
  }
  void count_taken(uint32_t slots) noexcept { taken_.fetch_add(slots, std::memory_order_relaxed); }
  [[nodiscard]] int64_t queued_slots() const noexcept {
    return static_cast<int64_t>(handed_over_.load(std::memory_order_relaxed) -
                                taken_.load(std::memory_order_relaxed));
  }

  [[nodiscard]] RunQueue::ProducerToken& token() noexcept { return token_; }

  uint32_t hint = 0;         // owner: where the arena is asked first
  Producer* next = nullptr;  // in the lane's list; set once
  bool is_leased = true;     // under the lane's attach mutex
  // -- owner: a wait for room that goes on in slices --
  Claim claim;  // in the lane's RoomLine
  bool waits_in_slices = false;
  std::chrono::steady_clock::time_point blocked_since{};
  // Owner's: for early drop.
  uint64_t random = 1;

  // Under the line's mutex: what is set aside for the owner. The flag may be read without.
  Grant* grants = nullptr;
  void set_granted(bool granted) noexcept { is_granted_.store(granted, std::memory_order_relaxed); }
  [[nodiscard]] bool has_grants() const noexcept {
    return is_granted_.load(std::memory_order_relaxed);
  }

 private:
  static uint64_t pack(RunState state, Run run) noexcept {
    return (uint64_t{run.packed()} << 2) | static_cast<uint64_t>(state);
  }
  static RunState state_of(uint64_t word) noexcept { return static_cast<RunState>(word & 3); }
  static Run run_of(uint64_t word) noexcept {
    return Run::from_packed(static_cast<uint32_t>(word >> 2));
  }

  // The owner's line.
  alignas(64) std::atomic<uint64_t> own_{0};
  uint32_t cursor_ = 0;
  bool has_looked_ahead_ = false;
  uint32_t end_ = 0;
  RunQueue::ProducerToken token_;
  const bool light_fence_;
  std::atomic<uint64_t> slowly_{0};
  std::atomic<uint64_t> handed_over_{0};
  std::atomic<uint64_t> handing_over_{0};  // odd: at this moment
  // Read by the owner at each emit, written by the drain thread now and then.
  alignas(64) std::atomic<uint64_t> state_{0};
  std::atomic<uint64_t> opened_ticks_{0};
  std::atomic<uint64_t> taken_{0};
  std::atomic<bool> is_granted_{false};
  uint64_t seen_own_ = 0;
  uint64_t mark_ = 0;              // when the marked run was opened; 0: none
  uint64_t marked_hand_over_ = 0;  // handing_over_ when it was marked
};

}  // namespace forebay::queue
