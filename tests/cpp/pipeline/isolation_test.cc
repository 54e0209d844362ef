// Lanes as bulkheads: what one lane does to itself it cannot do to another.
#include "pipeline/pipeline_fixture.h"

namespace forebay::pipeline {
namespace {

constexpr uint8_t kInfo = 9;
constexpr uint8_t kWarn = 13;
constexpr uint8_t kError = 17;
constexpr uint32_t kErrorLane = 0;
constexpr uint32_t kWarnLane = 1;
constexpr uint32_t kInfoLane = 2;
constexpr uint64_t kBacklog = 1u << 20;

PipelineOptions three_lanes(backlog::OnBacklogFull on_full) {
  PipelineOptions options =
      options_of({lane_of("error", 4096), lane_of("warn", 1024), lane_of("info", 8192)});
  options.backlog_max_bytes = kBacklog;
  options.batch.max_records = 200;
  options.lanes[kErrorLane].backlog.share = 0.5;
  options.lanes[kWarnLane].backlog.share = 0.25;
  for (LaneOptions& lane : options.lanes) lane.backlog.on_full = on_full;
  return options;
}

struct Flood {
  explicit Flood(backlog::OnBacklogFull on_full) : pipeline(three_lanes(on_full), &clock) {}

  bool emit(uint32_t lane, uint8_t severity) {
    return emitter.emit(++number, lane, body, 0, severity) == Admission::kAccepted;
  }
  // The threads' turns: much is emitted between two looks of the drain thread.
  void step() {
    clock.advance(milliseconds{20});
    pipeline->intake().step(false);
    pipeline->delivery().step(Duration::zero());
  }
  void recover() {
    pipeline.destination->change(Destination::Mood::kTakes);
    for (int i = 0; i < 100'000 && pipeline["held"] != 0; ++i) {
      clock.advance(milliseconds{20});
      pipeline->intake().step(true);
      pipeline->delivery().step(Duration::zero());
    }
  }
  // What the lanes hold of the backlog is within their own share and the common part.
  void check_bounds() {
    const uint64_t bytes = pipeline->books().backlog_bytes();
    EXPECT_LE(bytes, kBacklog);
  }

  ManualClock clock;
  TestPipeline pipeline;
  Emitter emitter{*pipeline};
  int64_t number = 0;
  const std::string body = std::string(100, 'x');
};

// A flood of INFO during an outage that fills every queue and the backlog: INFO drops by the
// hundred thousand, and each ERROR arrives.
TEST(IsolationTest, a_flood_of_info_in_an_outage_never_costs_an_error) {
  for (const auto on_full : {backlog::OnBacklogFull::kHold, backlog::OnBacklogFull::kEvictOldest}) {
    Flood f(on_full);
    f.pipeline.destination->change(Destination::Mood::kUnavailable);
    int64_t errors = 0;
    for (int round = 0; round < 300; ++round) {
      for (int i = 0; i < 1500; ++i) f.emit(kInfoLane, kInfo);
      for (int i = 0; i < 10; ++i) f.emit(kWarnLane, kWarn);
      for (int i = 0; i < 10; ++i) {
        EXPECT_TRUE(f.emit(kErrorLane, kError));
        ++errors;
      }
      f.step();
      f.check_bounds();
    }
    EXPECT_GT(f.pipeline["lanes.info.dropped"], 100'000);
    EXPECT_EQ(f.pipeline["lanes.error.dropped"], 0);
    f.recover();
    EXPECT_EQ(f.pipeline["lanes.error.delivered"], errors);
    EXPECT_EQ(f.pipeline["by_severity.error.dropped"], 0);
    EXPECT_EQ(f.pipeline["by_severity.error.delivered"], errors);
  }
}

// After INFO and WARN took all that they can get, the ERROR lane still has its whole queue and its
// whole share of the backlog.
TEST(IsolationTest, a_lanes_bounds_are_there_in_full_when_the_others_have_taken_all_they_can) {
  Flood f(backlog::OnBacklogFull::kHold);
  f.pipeline.destination->change(Destination::Mood::kUnavailable);
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 1500; ++i) f.emit(kInfoLane, kInfo);
    for (int i = 0; i < 1500; ++i) f.emit(kWarnLane, kWarn);
    f.step();
  }
  ASSERT_GT(f.pipeline["lanes.info.dropped"], 0);
  ASSERT_GT(f.pipeline["lanes.warn.dropped"], 0);
  EXPECT_EQ(f.pipeline->lanes()[kErrorLane].queue->room(), 4096u);
  const uint64_t others = f.pipeline->books().backlog_bytes();
  EXPECT_LE(others, kBacklog / 2);
  const int64_t lost_before = f.pipeline["dropped"];
  const auto own = [&] { return f.pipeline->books().backlog_bytes() - others; };
  int64_t errors = 0;
  for (int i = 0; i < 1000 && own() < kBacklog / 2 - (100u << 10); ++i) {
    for (int n = 0; n < 200; ++n) errors += f.emit(kErrorLane, kError) ? 1 : 0;
    f.step();
  }
  EXPECT_GE(own(), kBacklog / 2 - (100u << 10));
  // What it took was its own: nobody lost anything for it.
  EXPECT_EQ(f.pipeline["dropped"], lost_before);
  // Then its queue, to the last slot.
  while (f.emit(kErrorLane, kError)) ++errors;
  EXPECT_LE(f.pipeline->lanes()[kErrorLane].queue->room(), 2u);
  f.recover();
  EXPECT_EQ(f.pipeline["lanes.error.delivered"], errors);
}

// Beyond its own share a lane of higher rank may use the common part, also where lower lanes are in
// it: they lose their oldest batches there, and only there.
TEST(IsolationTest, beyond_its_share_a_higher_lane_takes_the_common_part_and_no_more) {
  Flood f(backlog::OnBacklogFull::kEvictOldest);
  f.pipeline.destination->change(Destination::Mood::kUnavailable);
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 1000; ++i) f.emit(kInfoLane, kInfo);
    for (int i = 0; i < 500; ++i) f.emit(kWarnLane, kWarn);
    f.step();
  }
  const int64_t warn_before = f.pipeline["lanes.warn.in_backlog"];
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 500; ++i) EXPECT_TRUE(f.emit(kErrorLane, kError));
    f.step();
  }
  EXPECT_GT(f.pipeline["lanes.info.dropped.lower_priority"], 0);
  EXPECT_EQ(f.pipeline["lanes.info.in_backlog"], 0);
  // WARN keeps its quarter, whatever it had beyond it.
  EXPECT_GT(f.pipeline["lanes.warn.in_backlog"], 0);
  EXPECT_LE(f.pipeline["lanes.warn.in_backlog"], warn_before);
  EXPECT_GT(f.pipeline["lanes.error.dropped.backlog_full"], 0);
  f.recover();
}

}  // namespace
}  // namespace forebay::pipeline
