#include "base/lane_turns.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace forebay {
namespace {

// Gives `turns` turns to lanes that all have something, each of `bytes` bytes; "0" is lane 0.
std::string row(LaneTurns& lanes, size_t turns, const std::string& busy, uint64_t bytes = 1000) {
  std::string taken;
  for (size_t n = 0; n < turns; ++n) {
    const auto lane = lanes.next([&](size_t i) { return busy.at(i) == '1'; });
    if (!lane) return taken + "-";
    taken += static_cast<char>('0' + *lane);
    lanes.took(*lane, bytes);
  }
  return taken;
}

std::map<char, size_t> counts(const std::string& row) {
  std::map<char, size_t> of;
  for (const char c : row) ++of[c];
  return of;
}

constexpr LaneTurn kStrict{.strict = true, .weight = 1};
LaneTurn weighted(uint32_t weight) { return {.strict = false, .weight = weight}; }

TEST(LaneTurnsTest, nobody_has_a_turn_where_nobody_has_anything) {
  LaneTurns lanes({kStrict, weighted(3)});
  EXPECT_EQ(row(lanes, 1, "00"), "-");
}

TEST(LaneTurnsTest, strict_lanes_go_in_order_and_one_of_nine_turns_goes_to_who_waited_longest) {
  LaneTurns two({kStrict, kStrict});
  EXPECT_EQ(row(two, 20, "11"), "00000000100000000100");
  LaneTurns three({kStrict, kStrict, kStrict});
  EXPECT_EQ(row(three, 36, "111"), "000000001000000002000000001000000002");
}

// With one turn for each lane that waited eight, sixteen lanes would share alike.
TEST(LaneTurnsTest, the_first_of_sixteen_strict_lanes_keeps_eight_of_nine_turns) {
  LaneTurns lanes(std::vector<LaneTurn>(16, kStrict));
  const auto of = counts(row(lanes, 9 * 15 * 10, std::string(16, '1')));
  EXPECT_EQ(of.at('0'), 8u * 15 * 10);
  for (size_t i = 1; i < 16; ++i) EXPECT_EQ(of.at(static_cast<char>('0' + i)), 10u) << i;
}

TEST(LaneTurnsTest, weighted_lanes_share_by_bytes) {
  LaneTurns lanes({weighted(3), weighted(1)});
  EXPECT_EQ(counts(row(lanes, 400, "11")), (std::map<char, size_t>{{'0', 300}, {'1', 100}}));
  // Lane 0's turns are ten times as large: it gets its bytes, not its number of turns.
  LaneTurns uneven({weighted(1), weighted(1)});
  std::map<size_t, uint64_t> bytes;
  for (int n = 0; n < 1100; ++n) {
    const size_t lane = uneven.next([](size_t) { return true; }).value();
    const uint64_t size = lane == 0 ? 10'000 : 1000;
    bytes[lane] += size;
    uneven.took(lane, size);
  }
  EXPECT_NEAR(static_cast<double>(bytes[0]) / static_cast<double>(bytes[1]), 1.0, 0.02);
}

TEST(LaneTurnsTest, shares_of_any_weights_and_sizes_are_within_one_turn) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int run = 0; run < 50; ++run) {
    std::vector<LaneTurn> options;
    for (size_t i = 0, n = 2 + random() % 4; i < n; ++i)
      options.push_back(weighted(1 + random() % 100));
    LaneTurns lanes(options);
    std::vector<double> served(options.size());
    for (int n = 0; n < 3000; ++n) {
      const size_t lane = lanes.next([](size_t) { return true; }).value();
      const uint64_t size = 1 + random() % 5000;
      served[lane] += static_cast<double>(size) / options[lane].weight;
      lanes.took(lane, size);
    }
    for (size_t i = 0; i < served.size(); ++i) {
      for (size_t k = 0; k < i; ++k) {
        EXPECT_LE(std::abs(served[i] - served[k]),
                  5001.0 / options[i].weight + 5001.0 / options[k].weight);
      }
    }
  }
}

TEST(LaneTurnsTest, who_had_nothing_saves_nothing_up) {
  LaneTurns lanes({weighted(1), weighted(1)});
  row(lanes, 1000, "10");
  EXPECT_EQ(row(lanes, 6, "11"), "101010");
  LaneTurns strict({kStrict, kStrict});
  row(strict, 100, "10");
  EXPECT_EQ(row(strict, 9, "11"), "000000001");
}

TEST(LaneTurnsTest, weighted_lanes_behind_a_strict_one_share_its_leftovers_by_weight) {
  LaneTurns lanes({kStrict, weighted(3), weighted(1)});
  const auto of = counts(row(lanes, 9 * 40, "111"));
  EXPECT_EQ(of, (std::map<char, size_t>{{'0', 320}, {'1', 30}, {'2', 10}}));
  // And all of it when it has nothing.
  EXPECT_EQ(counts(row(lanes, 40, "011")), (std::map<char, size_t>{{'1', 30}, {'2', 10}}));
}

TEST(LaneTurnsTest, a_strict_lane_goes_before_weighted_ones_wherever_it_stands) {
  LaneTurns lanes({weighted(100), kStrict});
  EXPECT_EQ(row(lanes, 10, "11"), "1111111101");
}

}  // namespace
}  // namespace forebay
