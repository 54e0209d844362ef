#include "base/ticks.h"

#include <cpuid.h>
#include <fcntl.h>
#include <unistd.h>

#include <string_view>

namespace forebay {
namespace {

#if defined(__x86_64__)
// Invariant by cpuid, and the kernel has not taken another clock source because it drifts.
bool tsc_can_be_trusted() noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(0x80000007, &a, &b, &c, &d) == 0 || (d & (1u << 8)) == 0) return false;
  const int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
                      O_RDONLY | O_CLOEXEC);
  if (fd < 0) return true;
  char name[32] = {};
  const ssize_t n = read(fd, name, sizeof name - 1);
  close(fd);
  const std::string_view text(name, n > 0 ? static_cast<size_t>(n) : 0);
  return text.starts_with("tsc") || text.starts_with("kvm-clock") || text.starts_with("hyperv");
}
#endif

}  // namespace

TickSource::TickSource(const Clock* clock) noexcept
    : clock_(clock != nullptr ? clock : &Clock::system()) {
#if defined(__x86_64__)
  if (clock == nullptr) {
    static const bool trusted = tsc_can_be_trusted();
    use_tsc_ = trusted;
  }
#endif
}

TickConverter::TickConverter(const TickSource& source) noexcept : source_(source) {
  first_ = sample();
  base_ticks_ = first_.ticks;
  base_monotonic_ = first_.monotonic;
  base_wall_ = first_.wall;
  if (!source.uses_tsc()) return;
  // A first rate from two samples 200 us apart: good to about 1e-4 until renew() has a longer base.
  Sample second = sample();
  while (second.monotonic - first_.monotonic < 200'000) second = sample();
  ns_per_tick_ = static_cast<double>(second.monotonic - first_.monotonic) /
                 static_cast<double>(second.ticks - first_.ticks);
}

TickConverter::Sample TickConverter::sample() const noexcept {
  // The tightest of three: an interrupt between the two readings would skew the rate, and a clock
  // that is moved by hand between them the time.
  Sample best{};
  uint64_t best_span = UINT64_MAX;
  for (int i = 0; i < 3; ++i) {
    const uint64_t before = source_.now();
    const int64_t monotonic = source_.clock().now().time_since_epoch().count();
    const int64_t wall = source_.clock().wall_now().time_since_epoch().count();
    const uint64_t after = source_.now();
    if (after - before < best_span) {
      best_span = after - before;
      best = {before + (after - before) / 2, monotonic, wall};
    }
  }
  return best;
}

void TickConverter::renew() noexcept {
  const Sample now = sample();
  if (source_.uses_tsc() && now.monotonic - first_.monotonic > 1'000'000) {
    ns_per_tick_ = static_cast<double>(now.monotonic - first_.monotonic) /
                   static_cast<double>(now.ticks - first_.ticks);
  }
  base_ticks_ = now.ticks;
  base_monotonic_ = now.monotonic;
  base_wall_ = now.wall;
}

}  // namespace forebay
