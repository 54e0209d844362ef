#include "admit/token_bucket.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

namespace forebay::admit {
namespace {

constexpr double kMostPerSecond = 1e9;
constexpr int64_t kMostBurst = int64_t{1} << 31;
// A second of credit at least a century long would overflow: what is rarer than once in three
// centuries is never.
constexpr double kLongestInterval = 1e18;

}  // namespace

Status RateLimitOptions::validate() const {
  if (!(records_per_second >= 0.0 && records_per_second <= kMostPerSecond)) {
    char text[64];
    std::snprintf(text, sizeof text, "per_second: %.9g is not in 0..1e9", records_per_second);
    return Status::invalid(text);
  }
  if (burst_records < 0 || burst_records > kMostBurst) {
    return Status::invalid("burst: " + std::to_string(burst_records) + " is not in 1..2147483648");
  }
  return Status::ok();
}

TokenBucket::TokenBucket(const RateLimitOptions& options) noexcept
    : interval_(options.records_per_second <= 0.0
                    ? 0
                    : std::max<int64_t>(
                          1, std::llround(std::min(kUnits * 1e9 / options.records_per_second,
                                                   kLongestInterval)))),
      burst_([&] {
        const double records = options.burst_records > 0
                                   ? static_cast<double>(options.burst_records)
                                   : std::max(1.0, options.records_per_second);
        return std::llround(std::min(records * static_cast<double>(interval_), kLongestInterval));
      }()) {}

uint32_t TokenBucket::take_chunk(uint32_t threads, MonotonicTime now) noexcept {
  if (interval_ == 0) return 0;
  const int64_t at = now.time_since_epoch().count() * kUnits;
  int64_t empty_at = empty_at_.load(std::memory_order_relaxed);
  for (;;) {
    const int64_t from = std::max(empty_at, at);
    const int64_t available = (at + burst_ - from) / interval_;
    if (available <= 0) return 0;
    const int64_t share = available / (int64_t{8} * std::max(threads, 1u));
    const int64_t taken = std::clamp<int64_t>(share, 1, kMostAtOnce);
    if (empty_at_.compare_exchange_weak(empty_at, from + taken * interval_,
                                        std::memory_order_relaxed)) {
      return static_cast<uint32_t>(taken);
    }
  }
}

void TokenBucket::give_back(uint32_t tokens) noexcept {
  empty_at_.fetch_sub(int64_t{tokens} * interval_, std::memory_order_relaxed);
}

}  // namespace forebay::admit
