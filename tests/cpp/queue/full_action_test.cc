// Which lists of actions make sense, and what is said of the others.
#include <gtest/gtest.h>

#include "queue/lane_queue.h"

namespace forebay::queue {
namespace {

using Kind = FullAction::Kind;
using namespace std::chrono_literals;

FullAction block(std::optional<Duration> timeout) {
  return {.kind = Kind::kBlock, .timeout = timeout, .on_event_loop = false};
}
FullAction plain(Kind kind) { return {.kind = kind, .timeout = {}, .on_event_loop = false}; }

std::string message(std::vector<FullAction> on_full) {
  LaneQueueOptions options;
  options.on_full = std::move(on_full);
  return options.validate().message();
}

constexpr Kind kLast[] = {Kind::kDropNewest, Kind::kDropOldest, Kind::kFail};

TEST(FullActionTest, each_action_alone_and_block_with_a_timeout_before_each_makes_sense) {
  for (const Kind kind : kLast) {
    EXPECT_EQ(message({plain(kind)}), "");
    EXPECT_EQ(message({block(5ms), plain(kind)}), "");
    EXPECT_EQ(message({block(0ms), plain(kind)}), "");
  }
  EXPECT_EQ(message({block(5ms)}), "");
  EXPECT_EQ(message({block(std::nullopt)}), "");
}

TEST(FullActionTest, nothing_is_reached_after_an_action_that_always_ends_it) {
  for (const Kind first : kLast) {
    for (const Kind second : kLast) {
      EXPECT_EQ(message({plain(first), plain(second)}),
                "on_full[0]: nothing is reached after it; only Block(timeout=) may come first");
    }
    EXPECT_EQ(message({plain(first), block(5ms)}),
              "on_full[0]: nothing is reached after it; only Block(timeout=) may come first");
    EXPECT_EQ(message({block(5ms), plain(first), plain(Kind::kFail)}),
              "on_full[1]: nothing is reached after it; only Block(timeout=) may come first");
  }
}

TEST(FullActionTest, block_comes_once_and_first) {
  EXPECT_EQ(message({block(5ms), block(5ms)}), "on_full[1]: block can only come first");
  EXPECT_EQ(message({block(5ms), block(5ms), plain(Kind::kFail)}),
            "on_full[1]: block can only come first");
}

TEST(FullActionTest, block_without_a_timeout_has_nothing_after_it) {
  for (const Kind kind : kLast) {
    EXPECT_EQ(message({block(std::nullopt), plain(kind)}),
              "on_full[0]: block without a timeout never reaches what comes after it");
  }
}

TEST(FullActionTest, a_timeout_has_a_range) {
  EXPECT_EQ(message({block(-1ns)}), "on_full[0].timeout: not in 0..86400 seconds");
  EXPECT_EQ(message({block(24h + 1ns), plain(Kind::kFail)}),
            "on_full[0].timeout: not in 0..86400 seconds");
  EXPECT_EQ(message({block(24h)}), "");
}

TEST(FullActionTest, there_is_at_least_one_action_and_a_lane_has_at_least_eight_slots) {
  EXPECT_EQ(message({}), "on_full: the list is empty");
  LaneQueueOptions options;
  options.slots = 7;
  EXPECT_EQ(options.validate().message(), "queue_records: 7 is not in 8..67108864");
}

}  // namespace
}  // namespace forebay::queue
