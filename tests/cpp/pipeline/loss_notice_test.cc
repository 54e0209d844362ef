#include "pipeline/loss_notice.h"

#include <gtest/gtest.h>

namespace forebay::pipeline {
namespace {

using account::EmitName;
using namespace std::chrono_literals;

class LossNoticeTest : public ::testing::Test {
 protected:
  void lose(EmitName name, uint64_t records) { losses_.emit[static_cast<size_t>(name)] += records; }
  // Time passes in steps, as the drain thread looks. What is said meanwhile, line by line.
  std::string after(Duration time) {
    std::string said;
    for (Duration passed{}; passed < time; passed += 100ms) {
      now_ += 100ms;
      if (const auto text = notice_.look("normal", losses_, now_)) said += *text + "\n";
    }
    return said;
  }

  LossNotice notice_;
  account::LaneLosses losses_;
  MonotonicTime now_{1h};
};

TEST_F(LossNoticeTest, a_lane_that_loses_nothing_is_not_mentioned) { EXPECT_EQ(after(10min), ""); }

TEST_F(LossNoticeTest, the_beginning_and_the_end_are_told_with_numbers) {
  lose(EmitName::kDroppedQueueFullNewest, 1'234'567);
  lose(EmitName::kRefusedQueueFull, 4);
  EXPECT_EQ(after(100ms),
            "lane 'normal' loses records: so far 1,234,571 records (queue_full_newest 1,234,567, "
            "refused queue_full 4)\n");
  lose(EmitName::kDroppedQueueFullNewest, 1);
  EXPECT_EQ(after(9s), "");
  lose(EmitName::kDroppedEarlyDrop, 1);
  EXPECT_EQ(after(9s), "");
  EXPECT_EQ(after(2s),
            "lane 'normal' lost nothing in the last 10 s; in the 9 s before it lost 1,234,573 "
            "records (early_drop 1, queue_full_newest 1,234,568, refused queue_full 4)\n");
  EXPECT_EQ(after(10min), "");
}

TEST_F(LossNoticeTest, it_tells_of_a_lane_that_comes_and_goes_once_a_minute_and_of_all_it_lost) {
  std::string said;
  for (int i = 0; i < 20; ++i) {
    lose(EmitName::kDroppedQueueFullOldest, 1);
    said += after(15s);
  }
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 10) << said;
  EXPECT_NE(said.find("so far 1 record (queue_full_oldest 1)"), std::string::npos) << said;
  // What three short losses that nobody was told of came to is in the next line.
  EXPECT_NE(said.find("so far 4 records (queue_full_oldest 4)"), std::string::npos) << said;
}

TEST_F(LossNoticeTest, what_nobody_was_told_of_is_told_at_the_end) {
  const auto at_the_end = [&] { return notice_.end("normal", losses_).value_or(""); };
  EXPECT_EQ(at_the_end(), "");
  lose(EmitName::kDroppedQueueFullNewest, 4);
  EXPECT_EQ(at_the_end(), "lane 'normal' lost until the end 4 records (queue_full_newest 4)");
  EXPECT_NE(after(100ms), "");
  EXPECT_EQ(at_the_end(), "") << "it was told when it began";
  lose(EmitName::kDroppedQueueFullNewest, 1);
  EXPECT_EQ(at_the_end(), "lane 'normal' lost until the end 5 records (queue_full_newest 5)");
  EXPECT_NE(after(11s), "");
  EXPECT_EQ(at_the_end(), "") << "it was told when it was over";
  losses_.route[static_cast<size_t>(account::RouteName::kUnknown)] += 7;
  EXPECT_EQ(at_the_end(), "") << "it is for whoever ended it to tell";
  lose(EmitName::kRefusedQueueFull, 1);
  EXPECT_EQ(at_the_end(), "lane 'normal' lost until the end 1 record (refused queue_full 1)");
}

TEST_F(LossNoticeTest, a_lane_that_loses_for_long_is_told_of_once) {
  std::string said;
  for (int i = 0; i < 600; ++i) {
    lose(EmitName::kDroppedQueueFullOldest, 10);
    said += after(1s);
  }
  EXPECT_EQ(said, "lane 'normal' loses records: so far 10 records (queue_full_oldest 10)\n");
}

TEST_F(LossNoticeTest, what_was_refused_before_the_start_is_none_of_the_lanes) {
  lose(EmitName::kRefusedNotStarted, 100);
  EXPECT_EQ(after(1min), "");
}

}  // namespace
}  // namespace forebay::pipeline
