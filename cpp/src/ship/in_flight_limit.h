// How many attempts may be under way: fewer where the destination says that it has too much to do.
//
// Additive increase, multiplicative decrease: a 429 or 503 halves the limit (at least 1), and each
// kCleanForOneMore deliveries in a row raise it by one, up to what the exporter likes. Passive, not
// thread-safe.
#pragma once
#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace forebay::ship {

class InFlightLimit {
 public:
  static constexpr uint32_t kCleanForOneMore = 10;

  // `most`: what the exporter likes; it may change.
  [[nodiscard]] uint32_t allowed(uint32_t most) const noexcept {
    return std::min(limit_, std::max(1u, most));
  }
  // An attempt that began at `started` was told that the destination is busy. Attempts that were
  // under way when the limit was last halved do not halve it again.
  void busy(MonotonicTime started, MonotonicTime now, uint32_t most) noexcept {
    clean_ = 0;
    if (started <= last_cut_) return;
    limit_ = std::max(1u, allowed(most) / 2);
    last_cut_ = now;
  }
  void delivered(uint32_t most) noexcept {
    if (limit_ >= most || ++clean_ < kCleanForOneMore) return;
    clean_ = 0;
    ++limit_;
  }
  // A destination that was away begins with one.
  void restart() noexcept {
    limit_ = 1;
    clean_ = 0;
  }

 private:
  uint32_t limit_ = UINT32_MAX;
  uint32_t clean_ = 0;  // deliveries since the limit last changed
  MonotonicTime last_cut_ = MonotonicTime::min();
};

}  // namespace forebay::ship
