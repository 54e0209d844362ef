// Random early drop, and when room comes back.
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "queue_fixture.h"

namespace forebay::queue {
namespace {

using Kind = FullAction::Kind;
using namespace std::chrono_literals;

LaneQueueOptions with_early_drop(uint32_t slots, double start, double full, uint64_t seed) {
  LaneQueueOptions options = options_of(slots, Kind::kDropNewest);
  options.early_drop = EarlyDrop{.start = start, .full = full};
  options.seed = seed;
  return options;
}

TEST(EarlyDropTest, the_part_that_is_dropped_rises_from_start_to_full) {
  const uint64_t seed = Random::from_system().next();
  SCOPED_TRACE("seed " + std::to_string(seed));
  constexpr uint32_t kSlots = 10'000;
  constexpr int kAsked = 20'000;
  TestLane lane(with_early_drop(kSlots, 0.5, 0.9, seed));
  Counters counters;
  Producer* producer = lane.queue().attach();
  int levels_between = 0;
  for (int i = 0; i < static_cast<int>(kSlots); ++i) {
    if (i % 500 == 0) {
      const double fill = lane.queue().fill();
      const double expected = std::clamp((fill - 0.5) / 0.4, 0.0, 1.0);
      int dropped = 0;
      for (int k = 0; k < kAsked; ++k) {
        dropped += lane.queue().drops_early_now(*producer) ? 1 : 0;
      }
      // Five standard deviations of the binomial: once in two million.
      const double deviation = std::sqrt(kAsked * expected * (1 - expected));
      EXPECT_NEAR(dropped, kAsked * expected, 5 * deviation) << fill;
      if (expected > 0 && expected < 1) ++levels_between;
    }
    ASSERT_EQ(lane.emit(*producer, counters, 1, i), Admission::kAccepted);
  }
  EXPECT_GE(levels_between, 6);
}

TEST(EarlyDropTest, equal_seeds_drop_the_same_and_producers_differ) {
  const auto drops = [](uint64_t seed) {
    TestLane lane(with_early_drop(1000, 0.0, 1.0, seed));
    Counters counters;
    Producer* a = lane.queue().attach();
    Producer* b = lane.queue().attach();
    for (int i = 0; i < 500; ++i) (void)lane.emit(*a, counters, 1, i);
    std::pair<std::string, std::string> seen;
    for (int i = 0; i < 200; ++i) {
      seen.first += lane.queue().drops_early_now(*a) ? '1' : '0';
      seen.second += lane.queue().drops_early_now(*b) ? '1' : '0';
    }
    return seen;
  };
  EXPECT_EQ(drops(7), drops(7));
  EXPECT_NE(drops(7).first, drops(8).first);
  EXPECT_NE(drops(7).first, drops(7).second);
}

TEST(EarlyDropTest, nothing_is_dropped_early_without_the_option_or_under_a_grant) {
  TestLane plain(options_of(64, Kind::kDropNewest));
  TestLane early(with_early_drop(64, 0.0, 0.1, 1));
  Counters counters;
  for (TestLane* lane : {&plain, &early}) {
    Producer* producer = lane->queue().attach();
    for (int i = 0; i < 64; ++i) (void)lane->emit(*producer, counters, 1, i);
    EXPECT_EQ(lane->queue().drops_early_now(*producer), lane == &early);
    (void)lane->drain();
    Claim claim;
    Grant grant;
    grant.producer = producer;
    claim.most = 8;
    claim.grant = &grant;
    ASSERT_EQ(lane->queue().line().wait(claim, std::chrono::steady_clock::now(), false),
              RoomLine::Wait::kRoom);
    EXPECT_FALSE(lane->queue().drops_early_now(*producer));
    lane->queue().line().release(grant);
  }
}

TEST(EarlyDropTest, a_start_that_is_not_below_full_is_refused) {
  const auto message = [](double start, double full) {
    return with_early_drop(64, start, full, 1).validate().message();
  };
  EXPECT_EQ(message(0.0, 1.0), "");
  EXPECT_EQ(message(-0.1, 0.5), "early_drop.start: -0.1 is not in 0..1");
  EXPECT_EQ(message(0.6, 0.6),
            "early_drop.full: 0.6 is not over early_drop.start, 0.6, and at most 1");
  EXPECT_EQ(message(0.6, 1.5),
            "early_drop.full: 1.5 is not over early_drop.start, 0.6, and at most 1");
  EXPECT_NE(message(std::nan(""), 0.5), "");
  EXPECT_NE(message(0.5, std::nan("")), "");
}

TEST(DrainRateTest, the_estimate_follows_what_is_made_free_and_forgets_in_seconds) {
  DrainRate rate;
  EXPECT_FALSE(rate.time_for(1));
  MonotonicTime now{1s};
  uint64_t freed = 0;
  const auto pass = [&](Duration time, uint64_t slots_a_second, bool is_backed_up) {
    for (Duration gone{}; gone < time; gone += 10ms) {
      rate.note(now += 10ms, freed += slots_a_second / 100, is_backed_up);
    }
  };
  const auto seconds_for = [&](uint64_t slots) {
    return std::chrono::duration<double>(*rate.time_for(slots)).count();
  };
  pass(1s, 1000, true);
  EXPECT_NEAR(seconds_for(500), 0.5, 0.01);
  pass(60s, 0, false);  // nothing to drain: that says nothing
  EXPECT_NEAR(seconds_for(500), 0.5, 0.01);
  pass(5s, 10'000, true);
  EXPECT_NEAR(seconds_for(500), 0.05, 0.005);
  pass(1s, 0, true);  // held: e^-1 is left
  EXPECT_NEAR(seconds_for(500), 0.05 * std::exp(1.0), 0.01);
  pass(30s, 0, true);
  EXPECT_FALSE(rate.time_for(500));
}

TEST(DrainRateTest, a_lane_tells_when_there_is_room) {
  TestLane lane(options_of(1024, Kind::kFail));
  Counters counters;
  Producer* producer = lane.queue().attach();
  ManualClock clock;
  EXPECT_EQ(lane.queue().room_in(1), Duration::zero());
  while (lane.emit(*producer, counters, 1, 0) == Admission::kAccepted) {
  }
  lane.queue().note_drained(clock.now());
  EXPECT_FALSE(lane.queue().room_in(1));
  // 64 slots each 10 ms.
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(lane.drain(kAll, 64).size(), 64u);
    clock.advance(10ms);
    lane.queue().note_drained(clock.now());
  }
  EXPECT_EQ(lane.queue().room_in(512), Duration::zero());
  const auto in = lane.queue().room_in(512 + 64);
  ASSERT_TRUE(in);
  EXPECT_NEAR(std::chrono::duration<double>(*in).count(), 0.010, 0.001);
}

}  // namespace
}  // namespace forebay::queue
