// Sends batches to one destination: as many at once as it can take, with pauses where it fails;
// splits what is too large, and says how each batch ended. Passive: owned and stepped by the ship
// thread (or a simulation).
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/encoded_batch.h"
#include "base/random.h"
#include "ship/circuit_breaker.h"
#include "ship/exporter.h"
#include "ship/retry_options.h"

namespace forebay::ship {

// What became of a batch that was given to offer(). For every batch offered there come settlements
// whose records add up to its own.
struct Settlement {
  enum class Kind : uint8_t {
    kDelivered,       // `records` of it
    kRejected,        // `records` of it, `rejection`
    kTooLarge,        // one record that is too large by itself: dropped{too_large}
    kRetryExhausted,  // dropped{retry_exhausted}
    kUnknown,         // given up after an attempt without an answer
    kFailed,          // dropped{encode_error}
    kPutBack,         // goes back to the backlog, to be offered again
    kReplaced,        // was split: `parts` are in flight in its place; no records end
  };
  Kind kind = Kind::kDelivered;
  EncodedBatch batch;
  // Which records this is about: the batch's counts, or for a partial success the delivered ones
  // and in a second settlement the rejected ones as `unattributed`. The delivered ones are then
  // what is left of the counts, taken from the largest class first.
  SeverityCounts records;
  bool finishes = true;  // the last settlement of this batch
  Rejection rejection = Rejection::kOther;
  std::vector<EncodedBatch> parts;
};

// What happened on the way that ended no record, counted from the beginning.
struct ShipEvents {
  uint64_t retries = 0;              // attempts that failed, and whose batch is sent again
  uint64_t ambiguous_attempts = 0;   // sendings without an answer: they may have arrived
  uint64_t encoding_fallbacks = 0;   // a codec was refused, and another took over
  uint64_t malformed_responses = 0;  // answers that made no sense, and were clamped
  uint64_t breaker_opens = 0;        // from closed to open
};

class Shipper {
 public:
  Shipper(std::unique_ptr<Exporter> exporter, const RetryOptions& retry,
          const BreakerOptions& breaker, Random random);
  ~Shipper();

  // Whether a batch would be sent now: not while it waits after a failure (the breaker is open, or
  // the retry wait is not over), nor above the exporter's max_in_flight, which falls where the
  // destination is busy.
  [[nodiscard]] bool wants(MonotonicTime now) const noexcept;
  // When wants() may become true again, where it waits; nothing otherwise.
  [[nodiscard]] std::optional<MonotonicTime> resumes_at() const noexcept;
  void offer(EncodedBatch batch, MonotonicTime now);
  // Polls the exporter for at most `wait` and settles what ended. `clock` is read after the wait.
  std::vector<Settlement> step(Duration wait, const Clock& clock);
  // At shutdown: gives up on what is under way. Ambiguous ones come as kUnknown, others as
  // kPutBack.
  std::vector<Settlement> stop(MonotonicTime now);
  // Drops all that is under way without settling it, for an owner that ran out of memory and still
  // has every batch. Needs no memory.
  void forget_all() noexcept;
  // Flush and shutdown try at once, whatever the retry wait says (but not before a Retry-After, nor
  // a moment after an open breaker's last failure: CircuitBreaker::hurry).
  void retry_now() noexcept;
  void wake() noexcept;

  [[nodiscard]] bool ever_answered() const noexcept;  // the destination has answered anything, ever
  [[nodiscard]] uint64_t failures_in_a_row() const noexcept;
  [[nodiscard]] const std::string& last_error() const noexcept;
  [[nodiscard]] const ShipEvents& events() const noexcept;
  [[nodiscard]] Exporter& exporter() noexcept;

  // -- from any thread, as of the last step --
  [[nodiscard]] BreakerState breaker() const noexcept;
  [[nodiscard]] uint32_t in_flight_limit() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace forebay::ship
