// What an outage does to order, age and freshness.
#include <algorithm>
#include <random>

#include "pipeline/pipeline_fixture.h"

namespace forebay::pipeline {
namespace {

void step(TestPipeline& pipeline, ManualClock& clock, Duration time = milliseconds{20}) {
  clock.advance(time);
  pipeline->intake().step(true);
  pipeline->delivery().step(Duration::zero());
}

// With one request in flight the batches of a lane arrive in order, also across retries.
TEST(OutageTest, with_one_in_flight_a_lane_arrives_in_order_through_any_outage) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  ManualClock clock;
  PipelineOptions options = options_of({lane_of("a", 4096), lane_of("b", 4096)});
  options.batch.max_records = 7;
  TestPipeline pipeline(options, &clock);
  Emitter emitter(*pipeline);
  std::array<int64_t, 2> emitted{};
  for (int round = 0; round < 400; ++round) {
    for (uint32_t lane = 0; lane < 2; ++lane) {
      // The lane is told by the number.
      for (uint32_t i = random() % 20; i > 0; --i) {
        emitter.emit(++emitted[lane] + lane * 1'000'000, lane);
      }
    }
    const bool is_away = random() % 3 == 0;
    pipeline.destination->change(is_away ? Destination::Mood::kUnavailable
                                         : Destination::Mood::kTakes);
    step(pipeline, clock, milliseconds{random() % 50});
  }
  EXPECT_GT(pipeline["notes.retries"], 20);
  pipeline.destination->change(Destination::Mood::kTakes);
  for (int i = 0; i < 10'000 && pipeline["held"] != 0; ++i) step(pipeline, clock);
  std::array<std::vector<int64_t>, 2> taken;
  for (const int64_t number : pipeline.destination->taken()) {
    taken[number > 1'000'000 ? 1 : 0].push_back(number);
  }
  for (uint32_t lane = 0; lane < 2; ++lane) {
    EXPECT_EQ(static_cast<int64_t>(taken[lane].size()), emitted[lane]);
    EXPECT_TRUE(std::is_sorted(taken[lane].begin(), taken[lane].end()));
  }
}

int64_t breaker_of(TestPipeline& pipeline) {
  int64_t breaker = -1;
  pipeline->delivery().visit([&](std::string_view name, int64_t value) {
    if (name == "routes.main.breaker") breaker = value;
  });
  return breaker;
}

PipelineOptions expiring() {
  PipelineOptions options = options_of({lane_of("only", 4096)});
  options.lanes[0].backlog.max_age = seconds{60};
  return options;
}

TEST(OutageTest, no_step_of_the_wall_clock_expires_anything_in_queue_or_backlog) {
  for (const seconds wall_step : {seconds{86'400}, seconds{-3600}}) {
    ManualClock clock;
    TestPipeline pipeline(expiring(), &clock);
    pipeline.destination->change(Destination::Mood::kUnavailable);
    Emitter emitter(*pipeline);
    emitter.emit(1);
    step(pipeline, clock);  // into the backlog
    emitter.emit(2);        // stays in the queue
    clock.step_wall(wall_step);
    step(pipeline, clock);
    EXPECT_EQ(pipeline["expired"], 0);
    emitter.emit(3);
    pipeline.destination->change(Destination::Mood::kTakes);
    for (int i = 0; i < 100 && pipeline["held"] != 0; ++i) step(pipeline, clock);
    EXPECT_EQ(pipeline["expired"], 0);
    EXPECT_EQ(pipeline["delivered"], 3);
  }
}

TEST(OutageTest, a_wall_clock_that_goes_back_does_not_keep_what_is_too_old) {
  ManualClock clock;
  TestPipeline pipeline(expiring(), &clock);
  pipeline.destination->change(Destination::Mood::kUnavailable);
  Emitter emitter(*pipeline);
  emitter.emit(1);
  step(pipeline, clock);
  emitter.emit(2);
  clock.step_wall(seconds{-86'400});
  step(pipeline, clock, seconds{61});
  EXPECT_EQ(pipeline["expired"], 2);
}

// Nobody pushes and nobody takes while the breaker is open: what is too old goes all the same.
TEST(OutageTest, what_is_too_old_leaves_the_backlog_while_the_breaker_is_open) {
  ManualClock clock;
  PipelineOptions options = expiring();
  options.breaker = {
      .failures = 1, .open_initial = std::chrono::hours{1}, .open_max = std::chrono::hours{1}};
  TestPipeline pipeline(options, &clock);
  pipeline.destination->change(Destination::Mood::kUnavailable);
  Emitter emitter(*pipeline);
  emitter.emit(1);
  step(pipeline, clock);
  ASSERT_EQ(breaker_of(pipeline), 1);
  EXPECT_EQ(pipeline["in_backlog"], 1);
  clock.advance(seconds{61});
  EXPECT_TRUE(pipeline->delivery().step(Duration::zero()));  // room became free
  EXPECT_EQ(pipeline["expired"], 1);
  EXPECT_EQ(pipeline["held"], 0);
}

// SPEC: a stale backlog of an hour beside live traffic.
TEST(OutageTest, newest_first_keeps_live_data_live_beside_an_hour_of_backlog_that_drains) {
  ManualClock clock;
  PipelineOptions options = options_of({lane_of("only", 65'536)});
  options.backlog_order = backlog::Order::kNewestFirst;
  options.batch.max_records = 10;
  options.lanes[0].backlog.max_age = seconds{3500};
  TestPipeline pipeline(options, &clock);
  pipeline.destination->change(Destination::Mood::kUnavailable);
  Emitter emitter(*pipeline);
  int64_t number = 0;
  for (int s = 0; s < 3600; s += 10) {
    for (int i = 0; i < 10; ++i) emitter.emit(++number);
    step(pipeline, clock, seconds{10});
  }
  const int64_t stale = number;
  EXPECT_GT(pipeline["expired"], 0);
  clock.advance(seconds{60});
  pipeline.destination->change(Destination::Mood::kTakes);
  // One batch is sent in a step. Live traffic needs three of four, and the backlog the rest.
  int64_t live_batches = 0;
  for (int n = 0; n < 4 * 400 && pipeline["held"] != 0; ++n) {
    if (n % 4 != 3 && live_batches < 600) {
      for (int i = 0; i < 10; ++i) emitter.emit(++number);
      ++live_batches;
    }
    step(pipeline, clock, milliseconds{20});
    // Live data that has not arrived yet is a batch or two, however much is stale.
    const std::vector<int64_t> taken = pipeline.destination->taken();
    const int64_t live_taken =
        std::count_if(taken.begin(), taken.end(), [&](int64_t t) { return t > stale; });
    EXPECT_LE(number - stale - live_taken, 30) << "at " << n;
  }
  for (int i = 0; i < 10'000 && pipeline["held"] != 0; ++i) step(pipeline, clock);
  EXPECT_EQ(pipeline["delivered"] + pipeline["expired"], number);
  EXPECT_GE(pipeline["delivered"], stale / 2);
}

}  // namespace
}  // namespace forebay::pipeline
