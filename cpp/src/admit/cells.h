// What a thread counts for the rules of admission, and what the drain thread collects of it.
#pragma once
#include <atomic>
#include <cstdint>

#include "admit/paced_clock.h"
#include "admit/token_bucket.h"
#include "model/site.h"

namespace forebay::admit {

// Records that a sampling rule let go, and that no kept record stands for yet.
//
// suppressed_ only grows and has one writer, the thread that owns the cell; claimed_ is how many of
// them somebody took over. The owner claims them for the next record that it keeps, the drain
// thread for a remainder; a compare-exchange lets only one of two have them, so each is told of
// once. relaxed is enough for both: they guard no data, and a flush sees all that was counted
// before it because whoever asked for it has synchronized with both threads.
class Suppressed {
 public:
  void add() noexcept {
    suppressed_.store(suppressed_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  void take_back_one() noexcept {
    suppressed_.store(suppressed_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  }
  [[nodiscard]] bool is_empty() const noexcept {
    return suppressed_.load(std::memory_order_relaxed) == claimed_.load(std::memory_order_relaxed);
  }
  // How many there are to stand for; they are the caller's from then on.
  uint64_t claim() noexcept {
    uint64_t claimed = claimed_.load(std::memory_order_relaxed);
    for (;;) {
      const uint64_t suppressed = suppressed_.load(std::memory_order_relaxed);
      if (suppressed == claimed) return 0;
      if (claimed_.compare_exchange_weak(claimed, suppressed, std::memory_order_relaxed)) {
        return suppressed - claimed;
      }
    }
  }
  // The record that was to stand for them was not taken.
  void give_back(uint64_t records) noexcept {
    claimed_.fetch_sub(records, std::memory_order_relaxed);
  }
  [[nodiscard]] uint64_t pending() const noexcept {
    const uint64_t claimed = claimed_.load(std::memory_order_relaxed);
    const uint64_t suppressed = suppressed_.load(std::memory_order_relaxed);
    return suppressed > claimed ? suppressed - claimed : 0;
  }

 private:
  std::atomic<uint64_t> suppressed_{0};
  std::atomic<uint64_t> claimed_{0};
};

// Cells have cache lines of their own: each is written by one thread at every record.

// Of one sampling rule, by counting: a logger's severity, and for a burst a call site.
struct alignas(64) SampleCell {
  // What a burst that is young needs is in one cache line. The owner's, but for `suppressed`.
  uint64_t count = 0;  // burst: records in this interval
  PacedClock clock;
  Suppressed suppressed;
  uint64_t accumulator = 0;  // ratio: a record is kept where the sum of `step` overflows
  uint64_t step = 0;         // ratio * 2^64
  uint64_t next_kept = 0;    // burst: the number of the next record that is kept
  uint64_t interval_start = 0;
  // Never changed once the cell can be seen.
  uint32_t rule = 0;
  uint32_t scope = 0;
  uint32_t severity = 0;
  uint32_t lane = 0;
  SampleCell* next = nullptr;
};

// The tokens that a thread has of one bucket.
struct alignas(64) TokenCell {
  TokenBucket* bucket = nullptr;
  uint64_t patience_ticks = 0;
  uint32_t tokens = 0;
  uint32_t epoch = 0;  // in which they were taken
  PacedClock clock;    // of refusals
};

// What a limit suppressed, to be told in a summary. One writer, the thread that owns the cell.
struct alignas(64) LimitedCell {
  std::atomic<uint64_t> suppressed{0};
  uint64_t told = 0;  // the drain thread's: those that a summary told of
  uint32_t lane = 0;
  uint32_t severity = 0;
  uint32_t scope = 0;
  const model::Site* site = nullptr;
  LimitedCell* next = nullptr;

  void add() noexcept {
    suppressed.store(suppressed.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
};

}  // namespace forebay::admit
