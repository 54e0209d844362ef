#include "base/ticks.h"

#include <gtest/gtest.h>

namespace forebay {
namespace {

using namespace std::chrono_literals;

TEST(TickSourceTest, a_clock_of_its_own_makes_a_tick_a_nanosecond) {
  ManualClock clock;
  const TickSource source(&clock);
  EXPECT_FALSE(source.uses_tsc());
  const uint64_t start = source.now();
  clock.advance(1234ns);
  EXPECT_EQ(source.now() - start, 1234u);
  EXPECT_EQ(&source.clock(), &clock);
}

TEST(TickConverterTest, on_a_manual_clock_times_are_exact_before_and_after_the_base) {
  ManualClock clock(WallTime{100s});
  const TickSource source(&clock);
  const MonotonicTime start = clock.now();
  const uint64_t early = source.now();
  clock.advance(5s);
  TickConverter converter(source);
  clock.advance(7s);
  EXPECT_EQ(converter.monotonic(early), start);
  EXPECT_EQ(converter.wall(early), WallTime{100s});
  EXPECT_EQ(converter.monotonic(source.now()), start + 12s);
  EXPECT_EQ(converter.wall(source.now()), WallTime{112s});
}

TEST(TickConverterTest, a_step_of_the_wall_clock_shows_after_renewal_only) {
  ManualClock clock(WallTime{100s});
  const TickSource source(&clock);
  TickConverter converter(source);
  clock.step_wall(1h);
  EXPECT_EQ(converter.wall(source.now()), WallTime{100s});
  converter.renew();
  EXPECT_EQ(converter.wall(source.now()), WallTime{100s + 1h});
  EXPECT_EQ(converter.monotonic(source.now()), clock.now());
}

TEST(TickConverterTest, on_the_systems_clock_a_stamp_lies_between_the_times_around_it) {
  const TickSource source;
  TickConverter converter(source);
  converter.renew();
  const Clock& clock = Clock::system();
  // What a preemption between reading and converting may not hide: the stamp is read in between.
  for (int i = 0; i < 100; ++i) {
    const MonotonicTime before = clock.now();
    const uint64_t ticks = source.now();
    const MonotonicTime after = clock.now();
    EXPECT_GE(converter.monotonic(ticks), before - 1ms);
    EXPECT_LE(converter.monotonic(ticks), after + 1ms);
  }
}

TEST(TickConverterTest, stamps_keep_their_order_and_distance) {
  const TickSource source;
  const TickConverter converter(source);
  const Clock& clock = Clock::system();
  const uint64_t first = source.now();
  const MonotonicTime began = clock.now();
  while (clock.now() - began < 20ms) {
  }
  const Duration elapsed = clock.now() - began;
  const uint64_t second = source.now();
  const Duration measured = converter.monotonic(second) - converter.monotonic(first);
  EXPECT_GE(measured, elapsed - 1ms);
  EXPECT_EQ(converter.wall(second) - converter.wall(first), measured);
}

}  // namespace
}  // namespace forebay
