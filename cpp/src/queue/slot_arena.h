// The memory of a lane: a fixed number of slots, and which of them are free.
//
// This is the lane's bound. All that a lane holds lies in these slots, so its memory cannot grow
// with the number of threads or the size of records; the queue itself carries only four bytes for a
// run of slots (run_queue.h). The memory is reserved, not touched: what was never filled costs
// nothing.
//
// Room has one currency: a credit is one slot. A thread first takes credits (one compare-exchange
// for up to 64 of them), then finds that many free slots in a bitmap; since slots are freed before
// their credits are, whoever holds credits finds slots.
//
// Memory orders. Slots pass from the thread that freed them to the one that takes them through the
// word of the bitmap: release on setting bits, acquire on clearing them. credits_ is sequentially
// consistent, because it is one half of the handshake with blocked threads (lane_queue.h).
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>

#include "base/status.h"

namespace forebay::queue {

inline constexpr uint32_t kSlotBytes = 128;   // docs/decisions/002-slot-scratch-and-sites.md
inline constexpr uint32_t kMaxRunSlots = 64;  // one word of the bitmap
inline constexpr uint32_t kMaxSlots = 1u << 26;

// Consecutive slots, in four bytes: what travels through the queue.
class Run {
 public:
  constexpr Run() = default;
  constexpr Run(uint32_t first, uint32_t slots) noexcept
      : packed_((first << 6) | ((slots - 1) & 63)) {}
  static constexpr Run from_packed(uint32_t packed) noexcept {
    Run run;
    run.packed_ = packed;
    return run;
  }
  [[nodiscard]] constexpr uint32_t first() const noexcept { return packed_ >> 6; }
  [[nodiscard]] constexpr uint32_t slots() const noexcept { return (packed_ & 63) + 1; }
  [[nodiscard]] constexpr uint32_t end() const noexcept { return first() + slots(); }
  [[nodiscard]] constexpr uint32_t bytes() const noexcept { return slots() * kSlotBytes; }
  [[nodiscard]] constexpr uint32_t packed() const noexcept { return packed_; }
  constexpr bool operator==(const Run&) const = default;

 private:
  uint32_t packed_ = 0;
};
static_assert(sizeof(Run) == 4);

class SlotArena {
 public:
  // Reserves the address space. kUnavailable where the system refuses it.
  static Result<std::unique_ptr<SlotArena>> create(uint32_t slots);
  ~SlotArena();
  SlotArena(const SlotArena&) = delete;
  SlotArena& operator=(const SlotArena&) = delete;

  [[nodiscard]] uint8_t* slot(uint32_t index) const noexcept {
    return memory_ + static_cast<size_t>(index) * kSlotBytes;
  }
  // Asks for the slot's cache lines, to be written. Of x86's prefetches only this one takes a line
  // away from another core, and the compiler uses it only where the target is known to have it;
  // a processor without it takes it as a no-op.
  void prefetch_for_write(uint32_t index) const noexcept {
    const uint8_t* at = slot(index);
    for (uint32_t line = 0; line < kSlotBytes; line += 64) {
#if defined(__x86_64__)
      asm volatile("prefetchw %0" : : "m"(at[line]));
#else
      __builtin_prefetch(at + line, 1);
#endif
    }
  }
  // The same for the first `slots` of the run that take_run() would give now, as far as can be
  // told.
  void prefetch_next(uint32_t hint, uint32_t slots) const noexcept;
  // Lets the system have the memory of all slots, which must be free. They can be used again.
  void release_memory() noexcept;
  [[nodiscard]] uint32_t slots() const noexcept { return slots_; }
  // Credits that nobody holds. Seen by other threads at once, exact when nobody moves.
  [[nodiscard]] uint32_t room() const noexcept { return credits_.load(std::memory_order_seq_cst); }
  // A hint: read without an order.
  [[nodiscard]] bool has_less_room_than(uint32_t slots) const noexcept {
    return credits_.load(std::memory_order_relaxed) < slots;
  }
  [[nodiscard]] bool is_exhausted() const noexcept { return has_less_room_than(1); }

  // Takes between `least` and `most` credits, or none: then returns 0.
  uint32_t take_credits(uint32_t least, uint32_t most) noexcept;
  // Turns credits into slots: a run of `least`..`most` slots, where at least `most` credits are
  // held; what it does not use of them is still the caller's. False: no `least` slots lie together
  // anywhere. `hint` is where to look first; the caller keeps it.
  bool take_run(uint32_t least, uint32_t most, uint32_t& hint, Run& run) noexcept;
  // Frees slots. Their credits are the caller's: to give back, or to use.
  void free(Run run) noexcept;
  void give_credits(uint32_t credits) noexcept {
    credits_.fetch_add(credits, std::memory_order_seq_cst);
  }

 private:
  SlotArena(uint8_t* memory, uint32_t slots);
  bool take_from_word(uint32_t word, uint32_t least, uint32_t most, Run& run) noexcept;

  uint8_t* memory_;
  uint32_t slots_;
  uint32_t words_;
  std::unique_ptr<std::atomic<uint64_t>[]> free_;  // a set bit is a free slot
  alignas(64) std::atomic<uint32_t> credits_;
  alignas(64) std::atomic<uint32_t> freed_hint_{0};  // the word freed last: its slots are warm
};

}  // namespace forebay::queue
