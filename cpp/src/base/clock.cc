#include "base/clock.h"

#include <ctime>

namespace forebay {
namespace {

Duration read_clock(clockid_t id) noexcept {
  timespec ts{};
  clock_gettime(id, &ts);
  return std::chrono::seconds{ts.tv_sec} + std::chrono::nanoseconds{ts.tv_nsec};
}

class SystemClock final : public Clock {
 public:
  [[nodiscard]] MonotonicTime now() const noexcept override {
    return MonotonicTime{read_clock(CLOCK_MONOTONIC)};
  }
  [[nodiscard]] WallTime wall_now() const noexcept override {
    return WallTime{read_clock(CLOCK_REALTIME)};
  }
};

}  // namespace

const Clock& Clock::system() noexcept {
  static const SystemClock clock;
  return clock;
}

}  // namespace forebay
