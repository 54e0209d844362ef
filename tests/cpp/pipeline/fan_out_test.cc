// Several routes, and routes with several destinations, in the whole pipeline.
#include <algorithm>
#include <thread>

#include "pipeline/pipeline_fixture.h"

namespace forebay::pipeline {
namespace {

using Mood = Destination::Mood;
using Destinations = std::vector<std::shared_ptr<Destination>>;

Destinations destinations(size_t count) {
  Destinations made;
  for (size_t i = 0; i < count; ++i) made.push_back(std::make_shared<Destination>());
  return made;
}

RouteOptions route_of(std::string name, RouteOrder order = RouteOrder::kFailover) {
  RouteOptions route;
  route.name = std::move(name);
  route.order = order;
  return route;
}

PipelineOptions small(size_t routes) {
  PipelineOptions options = options_of({lane_of("only", 256)});
  options.batch.max_records = 8;
  options.backlog_max_bytes = routes * (64u << 10);
  options.breaker.failures = 3;
  options.routes.clear();
  for (size_t i = 0; i < routes; ++i) options.routes.push_back(route_of("r" + std::to_string(i)));
  return options;
}

void step_all(TestPipeline& pipeline, ManualClock& clock, int times = 8) {
  pipeline->intake().step(true);
  for (int i = 0; i < times; ++i) {
    pipeline->delivery().step(Duration::zero());
    clock.advance(milliseconds{2});
  }
}

// Emits until the lane takes no more, or `most` records; how many were accepted.
int64_t flood(TestPipeline& pipeline, Emitter& emitter, ManualClock& clock, int64_t most) {
  const std::string body(1000, 'x');
  int64_t accepted = 0;
  for (int64_t n = 1; n <= most; ++n) {
    if (emitter.emit(n, 0, body) != Admission::kAccepted) break;
    ++accepted;
    step_all(pipeline, clock, 2);
  }
  return accepted;
}

// The second law of a route, from the numbers that stats() shows.
void expect_law(TestPipeline& pipeline, const std::string& route) {
  const auto of = [&](const char* name) { return pipeline["routes." + route + "." + name]; };
  EXPECT_EQ(of("batched") + of("recovered"), of("delivered") + of("dropped") + of("expired") +
                                                 of("rejected") + of("unknown") +
                                                 of("handed_over") + of("held"))
      << route;
}

TEST(FanOutTest, every_route_gets_every_record_and_has_a_line_of_its_own) {
  ManualClock clock;
  const Destinations to = destinations(3);
  TestPipeline pipeline(small(3), exporters_to({{to[0]}, {to[1]}, {to[2]}}), &clock);
  Emitter emitter(*pipeline);
  EXPECT_EQ(flood(pipeline, emitter, clock, 500), 500);
  step_all(pipeline, clock, 40);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(to[i]->taken().size(), 500u);
    EXPECT_EQ(pipeline["routes.r" + std::to_string(i) + ".delivered"], 500);
    expect_law(pipeline, "r" + std::to_string(i));
  }
  EXPECT_EQ(pipeline["delivered"], 500) << "the plain names are the first route's";
}

TEST(FanOutTest, the_bytes_of_a_batch_are_shared_by_all_routes) {
  ManualClock clock;
  const Destinations to = destinations(2);
  TestPipeline pipeline(small(2), exporters_to({{to[0]}, {to[1]}}), &clock);
  Emitter emitter(*pipeline);
  emitter.emit(1);
  step_all(pipeline, clock);
  EXPECT_EQ(to[0]->taken_batches()[0].body.get(), to[1]->taken_batches()[0].body.get());
}

TEST(FanOutTest, a_dead_second_route_takes_nothing_from_the_first) {
  ManualClock clock;
  const Destinations to = destinations(2);
  to[1]->change(Mood::kUnavailable);
  TestPipeline pipeline(small(2), exporters_to({{to[0]}, {to[1]}}), &clock);
  Emitter emitter(*pipeline);
  EXPECT_EQ(flood(pipeline, emitter, clock, 2000), 2000);
  step_all(pipeline, clock, 40);
  EXPECT_EQ(to[0]->taken().size(), 2000u);
  EXPECT_EQ(pipeline["dropped"], 0) << "plain: the first route's";
  EXPECT_GT(pipeline["routes.r1.dropped.backlog_full"], 0);
  EXPECT_GT(pipeline["routes.r1.in_backlog"], 0);
  expect_law(pipeline, "r0");
  expect_law(pipeline, "r1");
  // It comes back, and gets what its backlog still has: the newest.
  to[1]->change(Mood::kTakes);
  step_all(pipeline, clock, 400);
  const std::vector<int64_t> late = to[1]->taken();
  EXPECT_EQ(static_cast<int64_t>(late.size()), pipeline["routes.r1.delivered"]);
  EXPECT_EQ(late.back(), 2000);
  EXPECT_EQ(pipeline["routes.r1.held"], 0);
  expect_law(pipeline, "r1");
}

TEST(FanOutTest, a_dead_first_route_holds_and_the_pressure_reaches_emit) {
  ManualClock clock;
  const Destinations to = destinations(2);
  to[0]->change(Mood::kUnavailable);
  TestPipeline pipeline(small(2), exporters_to({{to[0]}, {to[1]}}), &clock);
  Emitter emitter(*pipeline);
  const int64_t accepted = flood(pipeline, emitter, clock, 2000);
  EXPECT_LT(accepted, 2000);
  EXPECT_EQ(pipeline["dropped.queue_full_newest"], 1);
  EXPECT_EQ(pipeline["dropped.backlog_full"], 0);
  // Nothing is lost but what emit was told of: all of it arrives on both.
  to[0]->change(Mood::kTakes);
  for (int i = 0; i < 100; ++i) step_all(pipeline, clock);
  EXPECT_EQ(static_cast<int64_t>(to[0]->taken().size()), accepted);
  EXPECT_EQ(static_cast<int64_t>(to[1]->taken().size()), accepted);
}

TEST(FanOutTest, a_first_route_that_evicts_does_not_hold_up_the_others) {
  ManualClock clock;
  const Destinations to = destinations(2);
  to[0]->change(Mood::kUnavailable);
  PipelineOptions options = small(2);
  options.routes[0].on_backlog_full = backlog::OnBacklogFull::kEvictOldest;
  TestPipeline pipeline(options, exporters_to({{to[0]}, {to[1]}}), &clock);
  Emitter emitter(*pipeline);
  EXPECT_EQ(flood(pipeline, emitter, clock, 2000), 2000);
  step_all(pipeline, clock, 40);
  EXPECT_EQ(to[1]->taken().size(), 2000u);
  EXPECT_GT(pipeline["dropped.backlog_full"], 0);
}

TEST(FanOutTest, where_a_later_route_holds_no_route_gets_the_batch_before_all_can_have_it) {
  ManualClock clock;
  const Destinations to = destinations(2);
  to[1]->change(Mood::kSilent);
  PipelineOptions options = small(2);
  options.routes[1].on_backlog_full = backlog::OnBacklogFull::kHold;
  TestPipeline pipeline(options, exporters_to({{to[0]}, {to[1]}}), &clock);
  Emitter emitter(*pipeline);
  const int64_t accepted = flood(pipeline, emitter, clock, 2000);
  EXPECT_LT(accepted, 2000);
  EXPECT_TRUE(pipeline->intake().step(true).is_held);
  EXPECT_EQ(pipeline["routes.r0.batched"], pipeline["routes.r1.batched"]);
  EXPECT_EQ(pipeline["routes.r0.delivered"], pipeline["routes.r0.batched"]);
  EXPECT_TRUE(pipeline->audit().balanced);
  to[1]->change(Mood::kTakes);
  for (int i = 0; i < 100; ++i) step_all(pipeline, clock);
  EXPECT_EQ(static_cast<int64_t>(to[0]->taken().size()), accepted);
  EXPECT_EQ(static_cast<int64_t>(to[1]->taken().size()), accepted);
}

TEST(FanOutTest, the_backlogs_of_all_routes_together_are_within_the_one_bound) {
  PipelineOptions options = small(3);
  options.backlog_max_bytes = 10u << 20;
  options.routes[0].backlog_share = 0.5;
  std::vector<uint64_t> bytes;
  for (size_t r = 0; r < 3; ++r) bytes.push_back(route_backlog(options, r).max_bytes);
  EXPECT_EQ(bytes, (std::vector<uint64_t>{5u << 20, 5u << 19, 5u << 19}));

  ManualClock clock;
  const Destinations to = destinations(3);
  for (const auto& each : to) each->change(Mood::kUnavailable);
  TestPipeline pipeline(small(3), exporters_to({{to[0]}, {to[1]}, {to[2]}}), &clock);
  Emitter emitter(*pipeline);
  flood(pipeline, emitter, clock, 2000);
  EXPECT_LE(pipeline->books().backlog_bytes(), 3u * (64u << 10));
  EXPECT_GT(pipeline->books().backlog_bytes(), 2u * (64u << 10));
}

TEST(FanOutTest, what_is_left_at_shutdown_is_dropped_on_the_route_where_it_is_left) {
  const Destinations to = destinations(2);
  to[1]->change(Mood::kUnavailable);
  TestPipeline pipeline(small(2), exporters_to({{to[0]}, {to[1]}}), nullptr);
  ASSERT_TRUE(pipeline->start_threads().is_ok());
  Emitter emitter(*pipeline);
  for (int64_t n = 1; n <= 100; ++n) emitter.emit(n);
  EXPECT_FALSE(pipeline->shutdown(in(milliseconds{200})));
  EXPECT_EQ(pipeline["delivered"], 100);
  EXPECT_EQ(pipeline["routes.r1.dropped.shutdown"], 100);
}

TEST(FanOutTest, flush_waits_for_all_routes) {
  const Destinations to = destinations(2);
  to[1]->change(Mood::kUnavailable);
  TestPipeline pipeline(small(2), exporters_to({{to[0]}, {to[1]}}), nullptr);
  ASSERT_TRUE(pipeline->start_threads().is_ok());
  Emitter emitter(*pipeline);
  emitter.emit(1);
  EXPECT_FALSE(pipeline->flush(in(milliseconds{100})));
  EXPECT_EQ(to[0]->taken().size(), 1u);
  std::thread comes_back([&] {
    EXPECT_TRUE(wait_until([&] { return pipeline["notes.retries"] > 3; }));
    to[1]->change(Mood::kTakes);
  });
  EXPECT_TRUE(pipeline->flush(in(seconds{30})));
  comes_back.join();
  EXPECT_EQ(to[1]->taken().size(), 1u);
}

// Destinations that cannot be waited for together share one thread: none may wait out its nap while
// another has something to do.
TEST(FanOutTest, a_batch_leaves_on_all_routes_at_once) {
  const Destinations to = destinations(4);
  PipelineOptions options = small(2);
  TestPipeline pipeline(options, exporters_to({{to[0], to[1]}, {to[2], to[3]}}), nullptr);
  ASSERT_TRUE(pipeline->start_threads().is_ok());
  Emitter emitter(*pipeline);
  std::vector<Duration> took;
  for (int64_t n = 1; n <= 41; ++n) {
    emitter.emit(n);
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(pipeline->flush(in(seconds{30})));
    took.push_back(std::chrono::steady_clock::now() - begin);
  }
  std::nth_element(took.begin(), took.begin() + 20, took.end());
  // The nap is a second.
  EXPECT_LT(took[20], milliseconds{300});
}

// It comes after the ship thread saw that there is nothing to do, and before it waits.
TEST(FanOutTest, a_wake_that_comes_just_before_a_wait_ends_it) {
  ManualClock clock;
  const Destinations to = destinations(3);
  TestPipeline pipeline(small(2), exporters_to({{to[0], to[1]}, {to[2]}}), &clock);
  pipeline->delivery().wake();
  const auto begin = std::chrono::steady_clock::now();
  pipeline->delivery().step(seconds{20});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds{10});
}

TEST(FanOutTest, an_answer_is_not_late_because_another_destination_is_silent) {
  const Destinations to = destinations(2);
  to[0]->change(Mood::kSilent);
  TestPipeline pipeline(small(2), exporters_to({{to[0]}, {to[1]}}), nullptr);
  ASSERT_TRUE(pipeline->start_threads().is_ok());
  Emitter emitter(*pipeline);
  std::vector<Duration> took;
  for (int64_t n = 1; n <= 9; ++n) {
    to[1]->change(Mood::kSilent);
    emitter.emit(n);
    EXPECT_FALSE(pipeline->flush(in(milliseconds{1})));
    ASSERT_TRUE(wait_until([&] { return pipeline["routes.r1.in_flight"] == 1; }));
    ASSERT_TRUE(wait_until([&] { return pipeline["routes.r0.in_flight"] == 1; }));
    // It answers, and nobody rings for the other one, which is waited for as well.
    const auto begin = std::chrono::steady_clock::now();
    to[1]->change(Mood::kTakes);
    ASSERT_TRUE(wait_until([&] { return pipeline["routes.r1.delivered"] == n; }));
    took.push_back(std::chrono::steady_clock::now() - begin);
  }
  std::nth_element(took.begin(), took.begin() + 4, took.end());
  EXPECT_LT(took[4], milliseconds{300});
}

TEST(FailoverTest, an_outage_goes_to_the_fallback_and_what_comes_later_to_the_first_again) {
  ManualClock clock;
  const Destinations to = destinations(2);
  TestPipeline pipeline(small(1), exporters_to({{to[0], to[1]}}), &clock);
  Emitter emitter(*pipeline);
  EXPECT_EQ(flood(pipeline, emitter, clock, 100), 100);
  step_all(pipeline, clock);
  EXPECT_EQ(to[0]->taken().size(), 100u);
  to[0]->change(Mood::kUnavailable);
  EXPECT_EQ(flood(pipeline, emitter, clock, 1000), 1000);
  step_all(pipeline, clock, 100);
  EXPECT_EQ(to[0]->taken().size(), 100u);
  EXPECT_EQ(to[1]->taken().size(), 1000u);
  EXPECT_EQ(pipeline["in_backlog"], 0) << "not even the batches of probes wait for the first";
  to[0]->change(Mood::kTakes);
  clock.advance(milliseconds{20});
  step_all(pipeline, clock);
  const size_t before = to[1]->taken().size();
  EXPECT_EQ(flood(pipeline, emitter, clock, 200), 200);
  step_all(pipeline, clock, 20);
  EXPECT_LE(to[1]->taken().size() - before, 8u) << "at most a batch beside the probe";
  EXPECT_EQ(to[0]->taken().size() + to[1]->taken().size(), 1300u);
  EXPECT_EQ(pipeline["delivered"], 1300);
}

TEST(FailoverTest, where_all_are_away_the_queue_fills_and_the_policy_of_the_lane_answers) {
  ManualClock clock;
  const Destinations to = destinations(2);
  for (const auto& each : to) each->change(Mood::kUnavailable);
  PipelineOptions options = small(1);
  options.lanes[0].queue.on_full[0].kind = Kind::kFail;
  TestPipeline pipeline(options, exporters_to({{to[0], to[1]}}), &clock);
  Emitter emitter(*pipeline);
  const int64_t accepted = flood(pipeline, emitter, clock, 2000);
  EXPECT_LT(accepted, 2000);
  EXPECT_EQ(pipeline["refused.queue_full"], 1);
  EXPECT_GT(pipeline->fill(), 0.9);
  to[1]->change(Mood::kTakes);
  for (int i = 0; i < 100; ++i) step_all(pipeline, clock);
  EXPECT_EQ(static_cast<int64_t>(to[1]->taken().size()), accepted);
  EXPECT_LT(pipeline->fill(), 0.1);
}

TEST(FailoverTest, a_flush_during_an_outage_empties_into_the_fallback) {
  const Destinations to = destinations(2);
  to[0]->change(Mood::kUnavailable);
  PipelineOptions options = small(1);
  options.retry.initial = options.retry.max = seconds{4};
  options.breaker.failures = 1000;
  TestPipeline pipeline(options, exporters_to({{to[0], to[1]}}), nullptr);
  ASSERT_TRUE(pipeline->start_threads().is_ok());
  Emitter emitter(*pipeline);
  for (int64_t n = 1; n <= 100; ++n) emitter.emit(n);
  EXPECT_TRUE(pipeline->shutdown(in(seconds{30})));
  EXPECT_EQ(to[1]->taken().size(), 100u);
  EXPECT_EQ(pipeline["delivered"], 100);
}

TEST(RoundRobinTest, destinations_share_the_batches_and_a_silent_one_gets_no_more_than_it_holds) {
  ManualClock clock;
  const Destinations to = destinations(3);
  PipelineOptions options = small(1);
  options.routes[0].order = RouteOrder::kRoundRobin;
  TestPipeline pipeline(options, exporters_to({{to[0], to[1], to[2]}}), &clock);
  Emitter emitter(*pipeline);
  EXPECT_EQ(flood(pipeline, emitter, clock, 240), 240);
  step_all(pipeline, clock);
  for (const auto& each : to) {
    EXPECT_GT(each->taken().size(), 60u);
    EXPECT_LT(each->taken().size(), 100u);
  }
  to[1]->change(Mood::kSilent);
  const size_t before = to[1]->taken().size();
  EXPECT_EQ(flood(pipeline, emitter, clock, 240), 240);
  step_all(pipeline, clock, 20);
  EXPECT_EQ(to[1]->taken().size(), before);
  EXPECT_LE(pipeline["in_flight"], 8);
  EXPECT_EQ(pipeline["in_backlog"], 0);
}

}  // namespace
}  // namespace forebay::pipeline
