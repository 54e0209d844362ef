#include "backlog/backlog.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "backlog/backlog_fixture.h"

namespace forebay::backlog {
namespace {

using namespace std::chrono_literals;
using testing::batch_of;
using testing::Fixture;
using testing::kCost;
using testing::Names;
using testing::two_lanes;

TEST(BacklogTest, batches_leave_oldest_first_by_default) {
  Fixture f(two_lanes(OnBacklogFull::kHold));
  EXPECT_TRUE(f.push("a", 0) && f.push("b", 0) && f.push("c", 0));
  EXPECT_EQ(f.take(), "a");
  EXPECT_EQ(f.take(), "b");
  EXPECT_EQ(f.take(), "c");
  EXPECT_EQ(f.take(), "");
}

TEST(BacklogTest, newest_first_sends_what_is_fresh_but_ends_what_it_began) {
  BacklogOptions options = two_lanes(OnBacklogFull::kHold);
  options.order = Order::kNewestFirst;
  options.stale_share = 0;
  Fixture f(options);
  EXPECT_TRUE(f.push("a", 0) && f.push("b", 0));
  EXPECT_EQ(f.take(), "b");
  EXPECT_TRUE(f.push("c", 0));
  f.backlog.put_back(f.last);
  EXPECT_EQ(f.take(), "b");
  EXPECT_EQ(f.take(), "c");
  EXPECT_EQ(f.take(), "a");
}

TEST(BacklogTest, hold_refuses_and_leaves_the_batch_with_the_caller) {
  Fixture f(two_lanes(OnBacklogFull::kHold));
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(f.push(std::to_string(i), 1)) << i;
  EncodedBatch batch = batch_of("late", 1, f.clock.now());
  EXPECT_FALSE(f.backlog.has_room(1, kCost));
  EXPECT_FALSE(f.backlog.push(batch, f.clock.now(), f.departures));
  EXPECT_EQ(batch.id, "late");
  EXPECT_EQ(batch.cost_bytes(), kCost);
  EXPECT_EQ(f.gone(), Names{});
  EXPECT_EQ(f.backlog.bytes(), 8 * kCost);
}

TEST(BacklogTest, a_lane_keeps_its_share_when_others_flood) {
  Fixture f(two_lanes(OnBacklogFull::kHold));
  while (f.push("flood", 1)) {
  }
  EXPECT_TRUE(f.push("u1", 0));
  EXPECT_TRUE(f.push("u2", 0));
  EXPECT_EQ(f.gone(), Names{});
  EXPECT_EQ(f.backlog.bytes(0), 2 * kCost);
}

TEST(BacklogTest, a_higher_lane_takes_common_room_from_the_lowest_lane_that_is_over_its_share) {
  Fixture f(two_lanes(OnBacklogFull::kHold));
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(f.push("n" + std::to_string(i), 1));
  EXPECT_TRUE(f.push("u1", 0) && f.push("u2", 0));
  EXPECT_TRUE(f.push("u3", 0));
  EXPECT_EQ(f.gone(), Names{"n0:lower"});
  for (int i = 4; i < 9; ++i) EXPECT_TRUE(f.push("u" + std::to_string(i), 0));
  EXPECT_EQ(f.gone(), (Names{"n1:lower", "n2:lower", "n3:lower", "n4:lower", "n5:lower"}));
  // What is left of the lower lane is its own share.
  EXPECT_FALSE(f.push("u9", 0));
  EXPECT_EQ(f.gone(), Names{});
  EXPECT_EQ(f.backlog.bytes(1), 2 * kCost);
}

TEST(BacklogTest, a_lower_lane_never_takes_from_a_higher_one) {
  Fixture f(two_lanes(OnBacklogFull::kEvictOldest));
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(f.push("u" + std::to_string(i), 0));
  EXPECT_TRUE(f.push("n0", 1) && f.push("n1", 1));
  EXPECT_TRUE(f.push("n2", 1));
  EXPECT_EQ(f.gone(), Names{"n0:full"});
}

TEST(BacklogTest, evict_oldest_lets_as_many_go_as_it_takes) {
  Fixture f(two_lanes(OnBacklogFull::kEvictOldest));
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(f.push(std::to_string(i), 1));
  EXPECT_TRUE(f.push("big", 1, 3 * kCost - 1));
  EXPECT_EQ(f.gone(), (Names{"0:full", "1:full", "2:full"}));
}

TEST(BacklogTest, a_batch_in_flight_is_never_evicted) {
  Fixture f(two_lanes(OnBacklogFull::kEvictOldest));
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(f.push(std::to_string(i), 1));
  EXPECT_EQ(f.take(), "0");
  EXPECT_TRUE(f.push("8", 1));
  EXPECT_EQ(f.gone(), Names{"1:full"});
  f.backlog.put_back(f.last);
  EXPECT_EQ(f.take(), "0");
}

TEST(BacklogTest, where_all_room_is_in_flight_the_new_batch_itself_goes) {
  Fixture f(two_lanes(OnBacklogFull::kEvictOldest));
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(f.push(std::to_string(i), 1));
  for (int i = 0; i < 8; ++i) EXPECT_NE(f.take(), "");
  EXPECT_TRUE(f.push("new", 1));
  EXPECT_EQ(f.gone(), Names{"new:full"});
}

TEST(BacklogTest, a_batch_larger_than_its_lane_can_ever_hold_goes_as_backlog_full) {
  Fixture f(two_lanes(OnBacklogFull::kHold));
  EXPECT_TRUE(f.push("fits", 1, 8 * kCost));
  f.take();
  f.backlog.finish("fits");
  EXPECT_TRUE(f.push("never", 1, 8 * kCost + 1));
  EXPECT_EQ(f.gone(), Names{"never:full"});
  EXPECT_TRUE(f.backlog.empty());
}

TEST(BacklogTest, nobody_loses_for_a_batch_that_would_not_fit_even_then) {
  Fixture f(two_lanes(OnBacklogFull::kHold));
  EXPECT_TRUE(f.push("u", 0, 7 * kCost));
  EXPECT_TRUE(f.push("n", 1, 3 * kCost));
  EXPECT_FALSE(f.push("big", 0, 4 * kCost));
  EXPECT_EQ(f.gone(), Names{});
}

TEST(BacklogTest, a_finished_batch_frees_its_bytes) {
  Fixture f(two_lanes(OnBacklogFull::kHold));
  EXPECT_TRUE(f.push("a", 0));
  EXPECT_EQ(f.take(), "a");
  EXPECT_EQ(f.backlog.bytes(), kCost);
  EXPECT_EQ(f.backlog.batches(), 0u);
  EXPECT_FALSE(f.backlog.empty());
  EXPECT_EQ(f.backlog.in_flight(0).total(), 10u);
  EXPECT_EQ(f.backlog.waiting(0).total(), 0u);
  f.backlog.finish("a");
  EXPECT_EQ(f.backlog.bytes(), 0u);
  EXPECT_TRUE(f.backlog.empty());
}

TEST(BacklogTest, a_batch_put_back_keeps_its_news_and_goes_before_younger_ones) {
  Fixture f(two_lanes(OnBacklogFull::kHold));
  EXPECT_TRUE(f.push("a", 0) && f.push("b", 0));
  EXPECT_EQ(f.take(), "a");
  EncodedBatch a = f.last;
  a.ambiguous = true;
  f.backlog.put_back(std::move(a));
  EXPECT_EQ(f.take(), "a");
  EXPECT_TRUE(f.last.ambiguous);
  EXPECT_NE(f.last.body, nullptr);
}

TEST(BacklogTest, a_batch_put_back_in_another_codec_is_charged_what_it_costs_now) {
  Fixture f(two_lanes(OnBacklogFull::kHold));
  EXPECT_TRUE(f.push("a", 0));
  EXPECT_EQ(f.take(), "a");
  f.backlog.put_back(batch_of("a", 0, f.clock.now(), 3 * kCost));
  EXPECT_EQ(f.backlog.bytes(), 3 * kCost);
}

TEST(BacklogTest, the_parts_of_a_split_batch_take_its_place) {
  Fixture f(two_lanes(OnBacklogFull::kHold));
  EXPECT_TRUE(f.push("a", 0) && f.push("b", 0));
  EXPECT_EQ(f.take(), "a");
  const EncodedBatch first = batch_of("a.0", 0, f.clock.now(), kCost / 2);
  const EncodedBatch second = batch_of("a.1", 0, f.clock.now(), kCost / 2 + 100);
  f.backlog.replace("a", {first, second});
  EXPECT_EQ(f.backlog.bytes(), 2 * kCost + 100);
  EXPECT_EQ(f.backlog.in_flight(0).total(), 20u);
  f.backlog.put_back(second);
  f.backlog.put_back(first);
  EXPECT_EQ(f.take(), "a.0");
  EXPECT_EQ(f.take(), "a.1");
  EXPECT_EQ(f.take(), "b");
  f.backlog.finish("a.0");
  f.backlog.finish("a.1");
  f.backlog.finish("b");
  EXPECT_EQ(f.backlog.bytes(), 0u);
}

TEST(BacklogTest, what_is_older_than_max_age_expires_but_not_in_flight) {
  BacklogOptions options = two_lanes(OnBacklogFull::kHold);
  options.lanes[1].max_age = 10s;
  Fixture f(options);
  EXPECT_TRUE(f.push("flying", 1) && f.push("old", 1) && f.push("other_lane", 0));
  EXPECT_EQ(f.take(), "other_lane");
  EXPECT_EQ(f.take(), "flying");
  f.clock.advance(10s);
  f.backlog.expire(f.clock.now(), f.departures);
  EXPECT_EQ(f.gone(), Names{});
  f.clock.advance(1ns);
  f.backlog.expire(f.clock.now(), f.departures);
  EXPECT_EQ(f.gone(), Names{"old:expired"});
  EXPECT_EQ(f.backlog.bytes(1), kCost);
}

TEST(BacklogTest, take_skips_what_is_too_old) {
  BacklogOptions options = two_lanes(OnBacklogFull::kHold);
  options.lanes[0].max_age = 10s;
  Fixture f(options);
  EXPECT_TRUE(f.push("old", 0));
  f.clock.advance(11s);
  EXPECT_TRUE(f.push("fresh", 0));
  EXPECT_EQ(f.take(), "fresh");
  EXPECT_EQ(f.gone(), Names{"old:expired"});
  EXPECT_EQ(f.backlog.bytes(), kCost);
}

TEST(BacklogTest, old_batches_make_room_before_anything_is_refused) {
  BacklogOptions options = two_lanes(OnBacklogFull::kHold);
  options.lanes[1].max_age = 10s;
  Fixture f(options);
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(f.push(std::to_string(i), 1));
  f.clock.advance(11s);
  EXPECT_TRUE(f.push("fresh", 1));
  EXPECT_EQ(f.gone().size(), 8u);
  EXPECT_EQ(f.take(), "fresh");
}

TEST(BacklogTest, drain_next_hands_out_what_is_not_in_flight) {
  Fixture f(two_lanes(OnBacklogFull::kHold));
  EXPECT_TRUE(f.push("a", 0) && f.push("b", 0) && f.push("c", 1));
  EXPECT_EQ(f.take(), "a");
  Names ids;
  while (const auto batch = f.backlog.drain_next()) ids.push_back(batch->id);
  EXPECT_EQ(ids, (Names{"b", "c"}));
  EXPECT_EQ(f.backlog.bytes(), kCost);
  EXPECT_EQ(f.backlog.batches(), 0u);
}

TEST(BacklogTest, what_is_under_way_comes_back_whole_and_ambiguous_where_nobody_knows_of_it) {
  Fixture f(two_lanes(OnBacklogFull::kHold));
  EXPECT_TRUE(f.push("a", 0) && f.push("b", 0) && f.push("c", 1));
  EXPECT_EQ(f.take(), "a");
  EXPECT_EQ(f.take(), "b");
  Names ids;
  while (const EncodedBatch* batch = f.backlog.put_back_next()) {
    ids.push_back(batch->id);
    EXPECT_TRUE(batch->first_sent.has_value());
  }
  EXPECT_EQ(ids, (Names{"b", "a"}));
  EXPECT_EQ(f.backlog.bytes(), 3 * kCost);
  EXPECT_EQ(f.take(), "a") << "the order is as it was";
  EXPECT_TRUE(f.last.ambiguous);
  ASSERT_NE(f.last.body, nullptr);
  EXPECT_EQ(f.last.cost_bytes(), kCost);
  EXPECT_EQ(f.backlog.give_up_next()->id, "a");
  EXPECT_FALSE(f.backlog.give_up_next());
  EXPECT_EQ(f.backlog.bytes(), 2 * kCost);
  EXPECT_EQ(f.take(), "b");
  EXPECT_EQ(f.take(), "c");
  EXPECT_FALSE(f.last.ambiguous);
}

TEST(BacklogOptionsTest, each_wrong_field_is_named) {
  const auto message = [](auto change) {
    BacklogOptions options = two_lanes(OnBacklogFull::kHold);
    change(options);
    return options.validate().message();
  };
  EXPECT_NE(message([](auto& o) { o.max_bytes = 65'535; }).find("backlog.max_bytes: 65535"),
            std::string::npos);
  EXPECT_NE(message([](auto& o) { o.lanes.clear(); }).find("backlog.lanes"), std::string::npos);
  EXPECT_NE(message([](auto& o) { o.lanes[1].share = -0.1; }).find("backlog.lanes[1].share"),
            std::string::npos);
  EXPECT_NE(message([](auto& o) {
              o.lanes[0].share = std::numeric_limits<double>::quiet_NaN();
            }).find("backlog.lanes[0].share"),
            std::string::npos);
  EXPECT_NE(message([](auto& o) { o.lanes[0].share = 0.9; }).find("add up to"), std::string::npos);
  EXPECT_NE(message([](auto& o) { o.lanes[1].turn.weight = 0; }).find("lanes[1].turn.weight"),
            std::string::npos);
  EXPECT_NE(message([](auto& o) { o.stale_share = 1.1; }).find("backlog.stale_share"),
            std::string::npos);
  EXPECT_NE(message([](auto& o) { o.lanes[0].max_age = 0s; }).find("lanes[0].max_age"),
            std::string::npos);
  EXPECT_EQ(message([](auto& o) { o.lanes[0].share = 0.8; }), "");
}

}  // namespace
}  // namespace forebay::backlog
