// The time for a thread that asks far more often than it needs to know: a stamp costs 10 ns, as
// much as all the rest of letting a record go.
#pragma once
#include <algorithm>
#include <cstdint>

namespace forebay::admit {

// Says when the time must be read again. While records come so fast that several pass within
// `patience`, up to kMostSkipped of them are judged by the last reading; when they come slowly,
// each reads the time. A pause after a flood is seen by the epoch, which the drain thread moves on
// at least ten times a second: no judgement is older than that. Owned by one thread.
class PacedClock {
 public:
  static constexpr uint32_t kMostSkipped = 63;

  // Whether the last reading will do for this record; then skip().
  [[nodiscard]] bool may_skip(uint32_t epoch) const noexcept {
    return skip_ != 0 && epoch == epoch_;
  }
  void skip() noexcept { --skip_; }
  // False: the last reading will do for this record.
  [[nodiscard]] bool must_read(uint32_t epoch) noexcept {
    if (!may_skip(epoch)) return true;
    skip();
    return false;
  }
  void has_read(uint64_t ticks, uint32_t epoch, uint64_t patience_ticks) noexcept {
    const bool is_flood = ticks - last_ <= patience_ticks;
    most_ = is_flood ? std::min(kMostSkipped, 2 * most_ + 1) : 0;
    skip_ = most_;
    last_ = ticks;
    epoch_ = epoch;
  }
  // The next record reads the time.
  void stop_skipping() noexcept { skip_ = most_ = 0; }

 private:
  uint64_t last_ = 0;
  uint32_t skip_ = 0;
  uint32_t most_ = 0;
  uint32_t epoch_ = 0;
};

}  // namespace forebay::admit
