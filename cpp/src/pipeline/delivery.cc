#include "pipeline/delivery.h"

#include <algorithm>

namespace forebay::pipeline {

Delivery::Delivery(std::unique_ptr<ship::Exporter> exporter, const ship::RetryOptions& retry,
                   Random random, Books& books, const Clock& clock)
    : books_(books), clock_(clock), shipper_(std::move(exporter), retry, random) {}

bool Delivery::step(Duration wait) {
  while (shipper_.wants(clock_.now())) {
    std::optional<EncodedBatch> batch = books_.take(clock_.now());
    if (!batch) break;
    shipper_.offer(std::move(*batch), clock_.now());
  }
  std::vector<ship::Settlement> settlements = shipper_.step(wait, clock_);
  make_known();
  return books_.settle(settlements);
}

void Delivery::make_known() {
  destination_answered_.store(shipper_.ever_answered(), std::memory_order_relaxed);
  if (shipper_.last_error() != last_error_) {  // only this thread writes it
    const std::lock_guard lock(error_mutex_);
    last_error_ = shipper_.last_error();
  }
  using account::NoteName;
  const ship::ShipEvents& now = shipper_.events();
  const auto note = [&](NoteName name, uint64_t count, uint64_t before) {
    if (count != before) books_.note(name, count - before);
  };
  note(NoteName::kRetries, now.retries, noted_.retries);
  note(NoteName::kAmbiguousAttempts, now.ambiguous_attempts, noted_.ambiguous_attempts);
  note(NoteName::kEncodingFallbacks, now.encoding_fallbacks, noted_.encoding_fallbacks);
  note(NoteName::kResponsesMalformed, now.malformed_responses, noted_.malformed_responses);
  noted_ = now;
}

std::string Delivery::last_error() const {
  const std::lock_guard lock(error_mutex_);
  return last_error_;
}

Duration Delivery::idle_for(Duration most) const {
  const MonotonicTime now = clock_.now();
  if (shipper_.wants(now) && books_.has_waiting()) return Duration::zero();
  if (const auto at = shipper_.resumes_at(); at && books_.has_waiting()) {
    return std::clamp(*at - now, Duration::zero(), most);
  }
  return most;
}

void Delivery::stop() {
  std::vector<ship::Settlement> settlements = shipper_.stop(clock_.now());
  make_known();
  books_.settle(settlements);
}

}  // namespace forebay::pipeline
