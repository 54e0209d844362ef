#include "base/status.h"

#include <gtest/gtest.h>

#include <memory>

namespace forebay {
namespace {

TEST(StatusTest, is_ok_unless_something_failed) {
  EXPECT_TRUE(Status());
  EXPECT_TRUE(Status::ok());
  const Status status = Status::invalid("queue_records: 0 is not in 1..100");
  EXPECT_FALSE(status);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "queue_records: 0 is not in 1..100");
  EXPECT_EQ(Status::unavailable("x").code(), StatusCode::kUnavailable);
  EXPECT_EQ(Status::corrupt("x").code(), StatusCode::kCorrupt);
}

TEST(ResultTest, holds_a_value_that_can_be_moved_out) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(5));
  ASSERT_TRUE(result);
  EXPECT_EQ(**result, 5);
  EXPECT_EQ(*result.take(), 5);
}

TEST(ResultTest, or_holds_the_status_that_says_why_not) {
  const Result<std::string> result(Status::unavailable("no memory"));
  EXPECT_FALSE(result);
  EXPECT_EQ(result.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(result.status().message(), "no memory");
}

}  // namespace
}  // namespace forebay
