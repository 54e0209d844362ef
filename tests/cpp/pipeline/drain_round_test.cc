#include "pipeline/drain_round.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pipeline/pipeline_fixture.h"

namespace forebay::pipeline {
namespace {

std::vector<LaneOptions> lanes_of(const std::vector<LaneTurn>& turns) {
  std::vector<LaneOptions> lanes;
  for (const LaneTurn& turn : turns) {
    lanes.push_back(lane_of("lane" + std::to_string(lanes.size()), 64));
    lanes.back().backlog.turn = turn;
  }
  return lanes;
}
constexpr LaneTurn kStrict{.strict = true, .weight = 1};

// One round, in which lane i has `turns[i]` turns' worth of records.
std::string round_of(DrainRound& round, std::vector<int> turns) {
  std::string row;
  round.begin();
  while (const std::optional<size_t> lane = round.next()) {
    row += static_cast<char>('0' + *lane);
    round.took(*lane, turns[*lane] > 0 ? 1000 : 0, --turns[*lane] > 0);
  }
  return row;
}

TEST(DrainRoundTest, lanes_that_keep_up_have_one_turn_each_in_their_order) {
  DrainRound round(lanes_of({kStrict, kStrict, kStrict}));
  for (int n = 0; n < 20; ++n) EXPECT_EQ(round_of(round, {1, 0, 1}), "012");
}

TEST(DrainRoundTest, a_strict_lane_that_floods_has_eight_turns_of_nine) {
  DrainRound round(lanes_of({kStrict, kStrict}));
  std::string row;
  for (int n = 0; n < 10; ++n) row += round_of(round, {1000, 1000});
  EXPECT_EQ(std::count(row.begin(), row.end(), '1') * 8, std::count(row.begin(), row.end(), '0'));
}

TEST(DrainRoundTest, weighted_lanes_that_flood_are_drained_by_their_weights) {
  DrainRound round(lanes_of({{.strict = false, .weight = 5}, {.strict = false, .weight = 1}}));
  std::string row;
  for (int n = 0; n < 100; ++n) row += round_of(round, {1000, 1000});
  const auto first = static_cast<double>(std::count(row.begin(), row.end(), '0'));
  EXPECT_NEAR(first / static_cast<double>(row.size()), 5.0 / 6, 0.02);
}

TEST(DrainRoundTest, a_round_ends_also_where_a_lane_never_runs_dry) {
  DrainRound round(lanes_of({kStrict, kStrict, {.strict = false, .weight = 100}}));
  EXPECT_LE(round_of(round, {1'000'000, 1'000'000, 1'000'000}).size(), 9u * 3);
}

// The same in the intake: both queues are full, and a round takes more of the first.
TEST(DrainRoundTest, the_intake_drains_full_queues_by_priority) {
  ManualClock clock;
  PipelineOptions options = options_of({lane_of("first", 65'536), lane_of("second", 65'536)});
  options.batch.max_records = 1000;
  options.backlog_max_bytes = 64u << 20;
  TestPipeline pipeline(options, &clock);
  pipeline.destination->change(Destination::Mood::kUnavailable);
  Emitter emitter(*pipeline);
  for (int64_t n = 1; n <= 60'000; ++n) {
    emitter.emit(n, 0);
    emitter.emit(n, 1);
  }
  clock.advance(Intake::kLinger * 2);
  pipeline->intake().step(false);
  const int64_t first = 60'000 - pipeline["lanes.first.in_queue"];
  const int64_t second = 60'000 - pipeline["lanes.second.in_queue"];
  EXPECT_EQ(first, 8 * second);
  EXPECT_GT(second, 0);
}

}  // namespace
}  // namespace forebay::pipeline
