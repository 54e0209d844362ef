#include "tick_timer.h"

#include <chrono>
#include <thread>
#include <vector>

#include "figures.h"

namespace forebay::bench {

TickScale calibrate() {
  using Steady = std::chrono::steady_clock;
  const auto started = Steady::now();
  const uint64_t first = ticks();
  std::this_thread::sleep_for(std::chrono::milliseconds{200});
  const uint64_t last = ticks();
  const std::chrono::duration<double, std::nano> passed = Steady::now() - started;

  TickScale scale;
  scale.ns_per_tick = passed.count() / static_cast<double>(last - first);
  std::vector<double> pairs(100'000);
  for (double& pair : pairs) {
    const uint64_t begin = ticks();
    pair = static_cast<double>(ticks() - begin);
  }
  scale.floor_ns = scale.ns(quantile(pairs, 0.5));
  return scale;
}

}  // namespace forebay::bench
