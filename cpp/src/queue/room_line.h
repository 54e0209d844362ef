// Those who wait for room in a lane: one line, first come, first served.
//
// Credits that come back while somebody waits go to the head of the line, and stay with it until it
// has what it needs: then it alone is woken, with its credits in hand. So a large record cannot be
// starved by small ones that fit sooner, nor they by it for longer than its room takes to drain;
// and nobody is woken to find that another was quicker. While the head is short of credits, emits
// that come later take none (is_short()): they join the line, or do what comes next in `on_full`.
//
// Grants are credits that were taken out of the arena for one thread (its producer): room that no
// other thread can have until it is used or given back.
//
// No lost wake-ups. Who joins counts itself in waiters_, then takes credits; who gives credits
// back, then looks at waiters_. Both are sequentially consistent, so one sees the other. While
// nobody waits, giving costs that one load, and taking none.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "queue/slot_arena.h"

namespace forebay::queue {

class Producer;

// Credits set aside for a thread. All of it is guarded by the line's mutex.
struct Grant {
  Producer* producer = nullptr;     // null: its thread has ended
  uint32_t credits = 0;             // left
  uint32_t credits_per_record = 1;  // by which it is told how many records it still covers
  bool is_bounded = true;           // counts in the half of the lane that may be granted
  bool is_linked = false;
  Grant* next = nullptr;  // of the same producer; the oldest first
};

// A place in the line. It belongs to who waits, and must have left the line when it goes.
struct Claim {
  uint32_t needed = 1;     // credits
  uint32_t most = 1;       // takes up to that many where there are more; at least `needed`
  Grant* grant = nullptr;  // where the credits go when it is served; null: into `credits`
  // Called once, when it is served or the lane closes, under the line's mutex.
  void (*notify)(void* context) = nullptr;
  void* context = nullptr;
  // Told of the room and given none: for what is too much to be kept from others meanwhile.
  bool only_looks = false;

  uint32_t credits = 0;  // in hand
  bool is_in_line = false;
  bool is_served = false;
  bool is_away = false;  // waits in slices, and is between two of them
  std::chrono::steady_clock::time_point away_since{};
  std::condition_variable changed;
  Claim* previous = nullptr;
  Claim* next = nullptr;
};

class RoomLine {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class Wait : uint8_t { kRoom, kTimeOver, kSliceOver, kClosed };
  // Who waits in slices and does not come back for so long has given up.
  static constexpr std::chrono::seconds kLongestAway{1};

  explicit RoomLine(SlotArena& arena) noexcept : arena_(arena) {}

  // Waits until the claim is served: its credits are in hand, or in its grant, and it is out of the
  // line. kSliceOver: `until` came, and the claim keeps its place for the next call.
  Wait wait(Claim& claim, Time until, bool in_slices) noexcept;
  // Joins and does not wait: `notify` tells. False: the lane is closed.
  bool join(Claim& claim) noexcept;
  // Leaves the line, if it is in it; what it has in hand goes back. After it, notify is not called.
  void leave(Claim& claim) noexcept;

  // Credits that come back.
  void give(uint32_t credits) noexcept {
    arena_.give_credits(credits);
    if (waiters_.load(std::memory_order_seq_cst) != 0) [[unlikely]]
      serve();
  }
  // Serves who can be served, and lets those go who stayed away.
  void serve() noexcept;
  [[nodiscard]] uint32_t waiters() const noexcept {
    return waiters_.load(std::memory_order_seq_cst);
  }
  [[nodiscard]] bool has_waiters() const noexcept { return waiters() != 0; }
  // The head of the line lacks credits: whoever is not in it takes none. A hint.
  [[nodiscard]] bool is_short() const noexcept { return is_short_.load(std::memory_order_relaxed); }

  // What a claim that was served has in hand becomes a grant of that producer, the first that its
  // records are taken from. Nothing happens where there is nothing in hand.
  void use(Claim& claim, Grant& grant, Producer& producer) noexcept;

  // -- grants --
  // All of `credits` from the producer's grants, the oldest first, or nothing: false. What is over
  // goes back to the oldest that there still is: they may be released meanwhile.
  bool take_granted(Producer& producer, uint32_t credits) noexcept;
  void give_granted(Producer& producer, uint32_t credits) noexcept;
  // Ends the grant: what is left goes back.
  void release(Grant& grant) noexcept;
  [[nodiscard]] uint32_t records_left(const Grant& grant) noexcept;  // whole ones
  // The producer's thread ends, or its lane does: its grants go back, and its place in the line.
  void end(Producer& producer) noexcept;
  // Nobody waits from here on; everyone is woken.
  void close() noexcept;

 private:
  void append(Claim& claim) noexcept;
  void unlink(Claim& claim) noexcept;
  void serve_locked() noexcept;
  bool serve_one(Claim& claim) noexcept;
  void tell(Claim& claim) noexcept;
  void put_back(Claim& claim) noexcept;
  void link(Grant& grant, bool first = false) noexcept;
  void unlink(Grant& grant) noexcept;
  // Credits that may be granted now.
  [[nodiscard]] uint32_t grantable() const noexcept {
    const uint32_t half = arena_.slots() / 2;
    return granted_ < half ? half - granted_ : 0;
  }

  SlotArena& arena_;
  std::atomic<uint32_t> waiters_{0};  // claims in the line
  std::atomic<bool> is_short_{false};
  std::mutex mutex_;
  Claim* first_ = nullptr;
  Claim* last_ = nullptr;
  uint32_t granted_ = 0;  // credits in bounded grants
  bool is_closed_ = false;
};

}  // namespace forebay::queue
