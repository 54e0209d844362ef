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
  return books_.settle(settlements);
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
  books_.settle(settlements);
}

}  // namespace forebay::pipeline
