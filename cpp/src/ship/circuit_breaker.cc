#include "ship/circuit_breaker.h"

#include <algorithm>

#include "ship/exporter.h"

namespace forebay::ship {
namespace {

// initial * 2^(n-1), at most `most`.
Duration doubled(Duration initial, uint64_t n, Duration most) noexcept {
  Duration upper = initial;
  for (uint64_t i = 1; i < n && upper < most; ++i) upper *= 2;
  return std::min(upper, most);
}

}  // namespace

CircuitBreaker::CircuitBreaker(const RetryOptions& retry, const BreakerOptions& breaker,
                               Random random)
    : retry_(retry), breaker_(breaker), random_(random) {}

std::optional<MonotonicTime> CircuitBreaker::resumes_at() const noexcept {
  const MonotonicTime until = std::max(paused_until_, asked_until_);
  if (until == MonotonicTime::min()) return std::nullopt;
  return until;
}

BreakerState CircuitBreaker::state(MonotonicTime now) const noexcept {
  if (opened_ == 0) return BreakerState::kClosed;
  return pauses(now) ? BreakerState::kOpen : BreakerState::kHalfOpen;
}

Duration CircuitBreaker::draw_pause() {
  Duration upper = doubled(retry_.initial, failures_, retry_.max);
  Duration least = upper / 8;
  if (opened_ > 0) {
    // Half of it for sure: then each pause is longer than the one before until the longest is
    // reached, and processes that failed together do not come back together.
    upper = std::max(upper, doubled(breaker_.open_initial, opened_, breaker_.open_max));
    least = upper / 2;
  }
  const auto drawn =
      Duration{static_cast<Duration::rep>(random_.below(static_cast<uint64_t>(upper.count()) + 1))};
  return opened_ > 0 ? least + drawn / 2 : std::max(drawn, least);
}

bool CircuitBreaker::failed(MonotonicTime started, std::optional<Duration> retry_after,
                            MonotonicTime now) {
  if (retry_after) {
    const Duration asked = std::clamp<Duration>(*retry_after, Duration::zero(), kLongestRetryAfter);
    asked_until_ = std::max(asked_until_, now + asked);
  }
  if (failures_ > 0 && started <= last_failure_) return false;
  last_failure_ = now;
  ++failures_;
  const bool opens = failures_ >= breaker_.failures;
  if (opens) ++opened_;
  paused_until_ = now + draw_pause();
  return opens;
}

void CircuitBreaker::answered(MonotonicTime started) noexcept {
  if (started < last_failure_) return;
  failures_ = 0;
  opened_ = 0;
}

void CircuitBreaker::hurry() noexcept {
  paused_until_ = opened_ == 0 ? MonotonicTime::min()
                               : std::min(paused_until_, last_failure_ + breaker_.open_initial);
}

void CircuitBreaker::forget_pause() noexcept {
  paused_until_ = asked_until_ = MonotonicTime::min();
}

}  // namespace forebay::ship
