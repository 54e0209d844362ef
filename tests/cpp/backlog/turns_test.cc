// Which batch is sent next.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "backlog/backlog.h"
#include "backlog/backlog_fixture.h"

namespace forebay::backlog {
namespace {

using namespace std::chrono_literals;
using testing::Fixture;
using testing::kCost;
using testing::Names;
using testing::two_lanes;

BacklogOptions roomy(std::vector<LaneTurn> turns) {
  BacklogOptions options;
  options.max_bytes = 1000 * kCost;
  for (const LaneTurn& turn : turns) {
    options.lanes.push_back(
        {.share = 0, .on_full = OnBacklogFull::kHold, .max_age = {}, .turn = turn});
  }
  return options;
}
constexpr LaneTurn kStrict{.strict = true, .weight = 1};

TEST(BacklogTurnsTest, the_lowest_lane_gets_one_turn_after_eight) {
  BacklogOptions options = roomy({kStrict, kStrict});
  Fixture f(options);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(f.push("u", 0) && f.push("n", 1));
  std::string turns;
  for (int i = 0; i < 20; ++i) turns += f.take();
  EXPECT_EQ(turns, "uuuuuuuunuuuuuuuunuu");
}

TEST(BacklogTurnsTest, a_lane_that_is_empty_gathers_no_turns) {
  BacklogOptions options = roomy({kStrict, kStrict});
  Fixture f(options);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(f.push("u", 0));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(f.take(), "u");
  EXPECT_TRUE(f.push("n", 1));
  EXPECT_EQ(f.take(), "u");
}

TEST(BacklogTurnsTest, weighted_lanes_share_by_bytes) {
  Fixture f(roomy({{.strict = false, .weight = 3}, {.strict = false, .weight = 1}}));
  // Lane 1's batches are three times as large: for its quarter of the bytes it has a turn of ten.
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(f.push("a", 0) && f.push("b", 1, 3 * kCost));
  std::map<std::string, int> sent;
  for (int i = 0; i < 100; ++i) ++sent[f.take()];
  EXPECT_EQ(sent["a"], 90);
  EXPECT_EQ(sent["b"], 10);
}

TEST(BacklogTurnsTest, a_strict_lane_goes_before_weighted_ones_but_for_one_batch_of_nine) {
  Fixture f(roomy({{.strict = false, .weight = 3}, {.strict = false, .weight = 1}, kStrict}));
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(f.push("a", 0) && f.push("b", 1) && f.push("strict", 2));
  }
  std::map<std::string, int> sent;
  for (int i = 0; i < 72; ++i) ++sent[f.take()];
  EXPECT_EQ(sent["strict"], 64);
  EXPECT_EQ(sent["a"], 6);
  EXPECT_EQ(sent["b"], 2);
}

TEST(BacklogTurnsTest, an_expired_batch_is_no_turn) {
  BacklogOptions options = roomy({kStrict, kStrict});
  options.lanes[0].max_age = 10s;
  Fixture f(options);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(f.push("old", 0));
  f.clock.advance(11s);
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(f.push("u", 0) && f.push("n", 1));
  std::string turns;
  for (int i = 0; i < 9; ++i) turns += f.take();
  EXPECT_EQ(turns, "uuuuuuuun");
  EXPECT_EQ(f.gone().size(), 20u);
}

TEST(BacklogTurnsTest, newest_first_gives_a_quarter_to_the_oldest_while_a_backlog_is_stale) {
  BacklogOptions options = roomy({kStrict});
  options.order = Order::kNewestFirst;
  Fixture f(options);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(f.push("s" + std::to_string(i), 0));
  std::string row;
  for (int i = 0; i < 12; ++i) {
    EXPECT_TRUE(f.push("n" + std::to_string(i), 0));
    row += f.take() + " ";
  }
  // Each fourth is the oldest; the one that was new then goes with the next turn but one.
  EXPECT_EQ(row, "n0 n1 n2 s0 n4 n5 n6 s1 n8 n9 n10 s2 ");
}

// The promise is a bound on both sides: live data waits for one old batch at most, and the old
// ones drain.
TEST(BacklogTurnsTest, live_batches_keep_pace_beside_an_hour_of_backlog_that_drains) {
  for (const double share : {0.1, 0.25, 0.5, 1.0}) {
    BacklogOptions options = roomy({kStrict});
    options.order = Order::kNewestFirst;
    options.stale_share = share;
    Fixture f(options);
    constexpr int kStale = 400;
    for (int i = 0; i < kStale; ++i) EXPECT_TRUE(f.push("s", 0));
    // What comes needs 1 - share of what can be sent, so the rest is the backlog's.
    int sent = 0;
    int stale = 0;
    int longest_wait = 0;
    double live = 0;
    std::map<std::string, int> pushed_at;
    while (stale < kStale && sent < 10'000) {
      live += 1.0 - share;
      if (live >= 1.0 - 1e-9) {
        live -= 1.0;
        const std::string id = "n" + std::to_string(sent);
        pushed_at[id] = sent;
        EXPECT_TRUE(f.push(id, 0));
      }
      const std::string id = f.take();
      ++sent;
      if (id == "s") {
        ++stale;
      } else {
        longest_wait = std::max(longest_wait, sent - pushed_at[id]);
      }
      f.backlog.finish(id);
    }
    EXPECT_EQ(stale, kStale) << share;
    EXPECT_LE(sent, static_cast<int>(std::ceil(kStale / share)) + 1) << share;
    EXPECT_LE(longest_wait, 3) << share;
  }
}

TEST(BacklogTurnsTest, without_a_stale_share_the_oldest_go_last) {
  BacklogOptions options = roomy({kStrict});
  options.order = Order::kNewestFirst;
  options.stale_share = 0;
  Fixture f(options);
  EXPECT_TRUE(f.push("old", 0));
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(f.push("new", 0));
    EXPECT_EQ(f.take(), "new");
  }
  EXPECT_EQ(f.take(), "old");
}

}  // namespace
}  // namespace forebay::backlog
