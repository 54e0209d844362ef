#include "counter_caller.h"

#include "tick_timer.h"

namespace forebay::bench {

size_t add_many(const forebay::BoundCounter& counter, size_t count) {
  size_t taken = 0;
  for (size_t i = 0; i < count; ++i) taken += counter.add(1).is_accepted() ? 1 : 0;
  return taken;
}

void add_timed(const forebay::BoundCounter& counter, std::span<uint64_t> ticks_taken) {
  for (uint64_t& taken : ticks_taken) {
    const uint64_t begin = ticks();
    static_cast<void>(counter.add(1));
    taken = ticks() - begin;
  }
}

}  // namespace forebay::bench
