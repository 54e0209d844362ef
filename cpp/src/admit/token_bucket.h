// A limit on how many records may pass a second.
#pragma once
#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "base/status.h"

namespace forebay::admit {

// What shares one limit: all that goes into a lane, each logger for itself, or each call site.
enum class LimitedBy : uint8_t { kLane, kLogger, kSite };

struct RateLimitOptions {
  // Sustained rate. Unit: records/s, 0..1e9. Zero refuses every record.
  double records_per_second = 0.0;
  // Most records admitted at once after a quiet spell. Unit: records, 1..2^31. 0: one second's
  // worth. Larger absorbs bursts and lets a flood through for that much longer.
  int64_t burst_records = 0;
  LimitedBy by = LimitedBy::kLane;

  [[nodiscard]] Status validate() const;  // names the field, its value and the range
};

// A token bucket that any number of threads may ask. It never blocks and never allocates.
//
// Tokens are not ticked in: the bucket keeps the time at which it would be empty ("theoretical
// arrival time"), and one compare-exchange moves it. relaxed is enough: the bucket guards no data,
// and a thread that sees an old value retries. A contended exchange costs 30 ns, so a thread takes
// a chunk and spends it alone.
class alignas(64) TokenBucket {
 public:
  explicit TokenBucket(const RateLimitOptions& options) noexcept;

  // Takes tokens for a thread that spends them alone, and says how many; 0: there is none. As long
  // as there are many a chunk is the threads' eighth of them, at most 64; when they run short it is
  // one token, so that what threads hold back never matters. `now` must not come from a clock that
  // can go back.
  [[nodiscard]] uint32_t take_chunk(uint32_t threads, MonotonicTime now) noexcept;
  // Gives back what was not spent.
  void give_back(uint32_t tokens) noexcept;

  // The time between two tokens.
  [[nodiscard]] Duration interval() const noexcept { return Duration{interval_ / kUnits}; }

  static constexpr uint32_t kMostAtOnce = 64;

 private:
  // Times in 1/16 ns: at a million a second an interval in whole ns would be off by a thousandth.
  static constexpr int64_t kUnits = 16;

  const int64_t interval_;  // between two tokens; 0: nothing is ever admitted
  const int64_t burst_;     // how far ahead of now the empty time may run
  std::atomic<int64_t> empty_at_{INT64_MIN};
};

}  // namespace forebay::admit
