// Watermarks: a lane's state, how it leaves it, and what it foresees.
#include "pipeline/pressure.h"

#include <mutex>

#include "pipeline/pipeline_fixture.h"

namespace forebay::pipeline {
namespace {

using State = PressureState;

// A lane of 100 slots, looked at every 10 ms.
struct LookedAt {
  explicit LookedAt(Watermarks marks = {}) : lane(marks) {}

  State look(uint32_t used, bool was_short = false, bool is_held = false) {
    clock.advance(milliseconds{10});
    lane.look({.slots = 100, .room = 100 - used, .was_short = was_short, .is_held = is_held},
              clock.now());
    return lane.state();
  }
  State look_for(Duration time, uint32_t used) {
    for (Duration passed{}; passed < time; passed += milliseconds{10}) look(used);
    return lane.state();
  }

  ManualClock clock;
  LanePressure lane;
};

TEST(PressureTest, a_lane_is_pressured_from_the_high_mark_and_normal_below_the_low_one) {
  LookedAt at;
  EXPECT_EQ(at.look(79), State::kNormal);
  EXPECT_EQ(at.look(80), State::kPressured);
  EXPECT_EQ(at.look_for(seconds{10}, 60), State::kPressured);
  EXPECT_EQ(at.look_for(LanePressure::kCalm + milliseconds{20}, 59), State::kNormal);
  EXPECT_EQ(at.look_for(seconds{1}, 79), State::kNormal);
}

TEST(PressureTest, a_fill_that_swings_between_the_marks_changes_nothing) {
  LookedAt at;
  at.look(85);
  int changes = 0;
  State before = at.lane.state();
  for (int i = 0; i < 1000; ++i) {
    const State now = at.look_for(milliseconds{150}, i % 2 == 0 ? 61 : 82);
    changes += now != before ? 1 : 0;
    before = now;
  }
  EXPECT_EQ(changes, 0);
  EXPECT_EQ(before, State::kPressured);
}

TEST(PressureTest, a_dip_that_is_shorter_than_a_calm_changes_nothing) {
  LookedAt at;
  at.look(85);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(at.look_for(milliseconds{50}, 5), State::kPressured);
    EXPECT_EQ(at.look(85), State::kPressured);
  }
}

TEST(PressureTest, a_lane_is_full_when_emit_found_no_room_or_there_is_none) {
  LookedAt at;
  EXPECT_EQ(at.look(100), State::kFull);
  LookedAt other;
  EXPECT_EQ(other.look(50, true), State::kFull);
}

TEST(PressureTest, a_full_lane_is_pressured_below_the_high_mark_and_then_normal_below_the_low_one) {
  LookedAt at;
  at.look(100);
  EXPECT_EQ(at.look_for(seconds{1}, 90), State::kPressured);
  at.look(90, true);
  EXPECT_EQ(at.look(90), State::kFull);
  EXPECT_EQ(at.look_for(seconds{1}, 70), State::kPressured);
  EXPECT_EQ(at.look_for(seconds{1}, 10), State::kNormal);
}

TEST(PressureTest, one_that_is_short_of_room_again_and_again_stays_full) {
  LookedAt at;
  at.look(100);
  for (int i = 0; i < 100; ++i) {
    // Drained to the bottom in between, and full again within the calm.
    EXPECT_EQ(at.look_for(milliseconds{60}, 5), State::kFull);
    EXPECT_EQ(at.look(20, true), State::kFull);
  }
}

TEST(PressureTest, a_lane_whose_batch_waits_for_the_backlog_is_pressured_however_empty_it_is) {
  LookedAt at;
  EXPECT_EQ(at.look(1, false, true), State::kPressured);
  EXPECT_EQ(at.look_for(seconds{1}, 1), State::kNormal);
}

TEST(PressureTest, the_marks_are_the_options) {
  LookedAt at({.high = 0.5, .low = 0.2});
  EXPECT_EQ(at.look(50), State::kPressured);
  EXPECT_EQ(at.look_for(seconds{1}, 21), State::kPressured);
  EXPECT_EQ(at.look_for(seconds{1}, 19), State::kNormal);
  EXPECT_EQ((Watermarks{.high = 0.5, .low = 0.6}).validate().message(),
            "low_watermark: 0.6 is not in 0..high_watermark");
  EXPECT_FALSE((Watermarks{.high = 0, .low = 0}).validate().is_ok());
  EXPECT_TRUE((Watermarks{.high = 1, .low = 1}).validate().is_ok());
}

TEST(PressureTest, the_time_to_full_is_the_room_by_the_rate_of_filling) {
  LookedAt at;
  EXPECT_FALSE(at.lane.time_to_full().has_value());
  EXPECT_FALSE((at.look_for(seconds{5}, 10), at.lane.time_to_full().has_value()));
  // Five slots a second, for ten seconds.
  for (uint32_t used = 10; used < 60; ++used) at.look_for(milliseconds{200}, used);
  ASSERT_TRUE(at.lane.time_to_full().has_value());
  const double seconds_left = std::chrono::duration<double>(*at.lane.time_to_full()).count();
  EXPECT_NEAR(seconds_left, 41.0 / 5.0, 1.5);
  at.look(100);
  EXPECT_EQ(at.lane.time_to_full(), Duration::zero());
  // It empties.
  for (uint32_t used = 100; used > 50; --used) at.look_for(milliseconds{100}, used);
  EXPECT_FALSE(at.lane.time_to_full().has_value());
}

TEST(PressureTest, changes_are_told_once_with_the_highest_of_all_lanes) {
  Pressure pressure({{}, {}});
  ManualClock clock;
  const auto look = [&](size_t lane, uint32_t used) {
    pressure.look(lane, {.slots = 100, .room = 100 - used}, clock.now());
  };
  EXPECT_TRUE(pressure.take_changes().empty());
  look(0, 85);
  look(1, 100);
  std::vector<Pressure::Change> changes = pressure.take_changes();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].lane_state, State::kPressured);
  EXPECT_EQ(changes[0].highest, State::kFull);
  EXPECT_EQ(changes[1].lane, 1u);
  EXPECT_TRUE(pressure.take_changes().empty());
  look(1, 0);
  clock.advance(LanePressure::kCalm);
  look(1, 0);
  changes = pressure.take_changes();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].lane_state, State::kNormal);
  EXPECT_EQ(changes[0].highest, State::kPressured);
  changes = pressure.end();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].lane, 0u);
  EXPECT_EQ(changes[0].highest, State::kNormal);
}

TEST(PressureTest, a_pipeline_sees_what_emit_met_with) {
  ManualClock clock;
  TestPipeline pipeline(options_of({lane_of("only", 64), lane_of("other", 64)}), &clock);
  Emitter emitter(*pipeline);
  for (int64_t n = 1; n <= 100; ++n) emitter.emit(n);
  pipeline->intake().step(true);
  EXPECT_EQ(pipeline->pressure().lane(0).state(), State::kFull);
  EXPECT_EQ(pipeline->pressure().lane(1).state(), State::kNormal);
  EXPECT_EQ(pipeline->pressure().highest(), State::kFull);
  for (int i = 0; i < 3; ++i) {
    clock.advance(LanePressure::kCalm);
    pipeline->intake().step(true);
  }
  EXPECT_EQ(pipeline->pressure().highest(), State::kNormal);
}

TEST(PressureTest, a_backlog_that_holds_presses_before_the_queue_is_filled) {
  ManualClock clock;
  PipelineOptions options = options_of({lane_of("only", 4096)});
  options.backlog_max_bytes = 64u << 10;
  options.batch.max_records = 8;
  TestPipeline pipeline(options, &clock);
  pipeline.destination->change(Destination::Mood::kUnavailable);
  Emitter emitter(*pipeline);
  const std::string body(1000, 'x');
  while (!pipeline->intake().step(true).is_held) emitter.emit(1, 0, body);
  pipeline->intake().step(true);
  EXPECT_LT(pipeline->fill(), 0.5);
  EXPECT_EQ(pipeline->pressure().highest(), State::kPressured);
}

TEST(PressureTest, with_threads_a_full_lane_is_told_at_once_and_the_end_that_it_is_over) {
  TestPipeline pipeline(options_of({lane_of("only", 256)}));
  pipeline.destination->change(Destination::Mood::kSilent);
  std::mutex mutex;
  std::vector<State> states;
  pipeline->on_pressure([&](size_t lane, State lane_state, State highest) {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(lane, 0u);
    EXPECT_EQ(lane_state, highest);
    states.push_back(lane_state);
  });
  ASSERT_TRUE(pipeline->start_threads().is_ok());
  Emitter emitter(*pipeline);
  const auto has_seen = [&](State state) {
    const std::lock_guard lock(mutex);
    return std::find(states.begin(), states.end(), state) != states.end();
  };
  // Faster than the drain thread, until it was seen.
  EXPECT_TRUE(wait_until([&] {
    for (int i = 0; i < 1000; ++i) emitter.emit(1);
    return has_seen(State::kFull);
  }));
  EXPECT_TRUE(wait_until([&] { return has_seen(State::kNormal); }));
  EXPECT_TRUE(wait_until([&] {
    for (int i = 0; i < 1000; ++i) emitter.emit(1);
    const std::lock_guard lock(mutex);
    return states.back() == State::kFull;
  }));
  pipeline->shutdown(in(milliseconds{10}));
  EXPECT_EQ(states.back(), State::kNormal);
}

}  // namespace
}  // namespace forebay::pipeline
