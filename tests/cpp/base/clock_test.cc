#include "base/clock.h"

#include <gtest/gtest.h>

#include <ctime>
#include <type_traits>

namespace forebay {
namespace {

using namespace std::chrono_literals;

TEST(ClockTest, the_two_times_cannot_be_mixed) {
  static_assert(!std::is_convertible_v<WallTime, MonotonicTime>);
  static_assert(!std::is_invocable_v<std::minus<>, WallTime, MonotonicTime>);
}

TEST(ClockTest, a_manual_clock_moves_only_when_told_to) {
  ManualClock clock(WallTime{50s});
  const MonotonicTime start = clock.now();
  EXPECT_EQ(clock.now(), start);
  EXPECT_EQ(clock.wall_now(), WallTime{50s});
  clock.advance(250ms);
  EXPECT_EQ(clock.now() - start, 250ms);
  EXPECT_EQ(clock.wall_now(), WallTime{50s + 250ms});
}

TEST(ClockTest, stepping_the_wall_clock_leaves_the_monotonic_one_alone) {
  ManualClock clock(WallTime{50s});
  const MonotonicTime start = clock.now();
  clock.step_wall(-1h);
  EXPECT_EQ(clock.now(), start);
  EXPECT_EQ(clock.wall_now(), WallTime{50s - 1h});
}

TEST(ClockTest, the_systems_clock_goes_forward_and_agrees_with_the_kernel) {
  const Clock& clock = Clock::system();
  MonotonicTime last = clock.now();
  for (int i = 0; i < 1000; ++i) {
    const MonotonicTime now = clock.now();
    ASSERT_GE(now, last);
    last = now;
  }
  const time_t before = time(nullptr);
  const WallTime wall = clock.wall_now();
  const time_t after = time(nullptr);
  // time() may be one tick of the kernel behind.
  EXPECT_GE(wall, WallTime{std::chrono::seconds{before}});
  EXPECT_LE(wall, WallTime{std::chrono::seconds{after + 2}});
}

}  // namespace
}  // namespace forebay
