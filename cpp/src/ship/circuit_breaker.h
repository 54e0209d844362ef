// Stops asking a destination that fails, and finds out with one attempt whether it is back.
//
// There is one pause, never two that add up: closed, it is the retry wait after each failure; open,
// it is the breaker's own, which grows further. A Retry-After is obeyed in both. Passive, and not
// thread-safe: a shipper has one for its destination.
//
//   closed ──(`failures` in a row)──► open ──(pause is over)──► half-open ──(an answer)──► closed
//                                      ▲                            │
//                                      └────────(a failure)─────────┘   with a longer pause
//
// A failure is an attempt whose batch must be sent again: 429, 502, 503, 504, no connection, no
// answer. A refused connection is one like the others and does not open at once: a destination that
// restarts refuses for a second or two, and the specification asks for retries that grow from there
// (OTLP/HTTP Connection). Anything else that the destination says, also a rejection, is an answer.
#pragma once
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/random.h"
#include "ship/retry_options.h"

namespace forebay::ship {

enum class BreakerState : uint8_t { kClosed = 0, kOpen = 1, kHalfOpen = 2 };  // as stats show it

class CircuitBreaker {
 public:
  CircuitBreaker(const RetryOptions& retry, const BreakerOptions& breaker, Random random);

  // Whether nothing may be sent now.
  [[nodiscard]] bool pauses(MonotonicTime now) const noexcept {
    return now < paused_until_ || now < asked_until_;
  }
  // Whether no more than one attempt may be under way: from a failure to the next answer, so that a
  // destination that comes back is not run over.
  [[nodiscard]] bool probes() const noexcept { return failures_ > 0; }
  // When the pause is over; nothing where there is none.
  [[nodiscard]] std::optional<MonotonicTime> resumes_at() const noexcept;
  // Half-open from the end of the pause on, whether there is a batch to probe with or not.
  [[nodiscard]] BreakerState state(MonotonicTime now) const noexcept;

  // An attempt that began at `started` failed. One that began before the last failure tells nothing
  // new: eight requests cut by one restart of the destination are one failure. True where the
  // breaker opened, or opened again.
  bool failed(MonotonicTime started, std::optional<Duration> retry_after, MonotonicTime now);
  // The destination answered an attempt that began at `started`; an answer to one that began before
  // the last failure does not end that failure.
  void answered(MonotonicTime started) noexcept;
  // Flush and shutdown do not wait: a retry wait is over at once, an open breaker's pause
  // `open_initial` after the failure that began it. A Retry-After holds.
  void hurry() noexcept;
  // Forgets a pause that is over.
  void forget_pause() noexcept;

  [[nodiscard]] uint64_t failures_in_a_row() const noexcept { return failures_; }

 private:
  [[nodiscard]] Duration draw_pause();

  const RetryOptions retry_;
  const BreakerOptions breaker_;
  Random random_;
  uint64_t failures_ = 0;  // in a row
  uint64_t opened_ = 0;    // in a row; 0: closed
  MonotonicTime last_failure_ = MonotonicTime::min();
  MonotonicTime paused_until_ = MonotonicTime::min();
  MonotonicTime asked_until_ = MonotonicTime::min();  // by Retry-After
};

}  // namespace forebay::ship
