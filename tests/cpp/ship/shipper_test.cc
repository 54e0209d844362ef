#include "ship/shipper.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "ship/shipper_fixture.h"

namespace forebay::ship {
namespace {

using namespace std::chrono_literals;
using testing::AK;
using testing::info_batch;
using testing::log_batch;
using testing::records;
using testing::ShipperFixture;
using testing::SK;

TEST(ShipperTest, what_is_delivered_settles_with_its_counts) {
  ShipperFixture f;
  f.offer(log_batch("b", {1, 9, 9, 17}));
  f.exporter->answer(AK::kDelivered);
  const auto settled = f.step();
  ASSERT_EQ(settled.size(), 1u);
  EXPECT_EQ(settled[0].kind, SK::kDelivered);
  EXPECT_EQ(settled[0].records, log_batch("b", {1, 9, 9, 17}).counts);
  EXPECT_TRUE(settled[0].finishes);
  EXPECT_TRUE(f.shipper->ever_answered());
}

TEST(ShipperTest, no_more_are_sent_at_once_than_the_exporter_likes) {
  ShipperFixture f;
  f.exporter->parallel = 2;
  EXPECT_TRUE(f.shipper->wants(f.clock.now()));
  f.offer(info_batch("a"));
  EXPECT_TRUE(f.shipper->wants(f.clock.now()));
  f.offer(info_batch("b"));
  EXPECT_FALSE(f.shipper->wants(f.clock.now()));
  EXPECT_FALSE(f.shipper->resumes_at());
  f.exporter->answer(AK::kDelivered);
  f.step();
  EXPECT_TRUE(f.shipper->wants(f.clock.now()));
}

TEST(ShipperTest, after_a_failure_the_batch_goes_back_and_nothing_is_sent_until_the_wait_is_over) {
  ShipperFixture f;
  const Duration wait = f.wait_after_failure();
  EXPECT_GE(wait, 125ms);
  EXPECT_LE(wait, 1s);
  EXPECT_FALSE(f.shipper->wants(f.clock.now()));
  f.clock.advance(wait - 1ns);
  EXPECT_FALSE(f.shipper->wants(f.clock.now()));
  f.clock.advance(1ns);
  EXPECT_TRUE(f.shipper->wants(f.clock.now()));
  f.step();
  EXPECT_FALSE(f.shipper->resumes_at());
  EXPECT_EQ(f.shipper->events().retries, 1u);
}

TEST(ShipperTest, waits_double_in_the_mean_up_to_the_cap_and_no_two_are_equal) {
  const RetryOptions retry;
  const BreakerOptions never{.failures = 1000, .open_initial = 1s, .open_max = 1s};
  std::vector<double> mean(8);
  std::set<Duration::rep> seen;
  constexpr int kRuns = 2000;
  for (int run = 0; run < kRuns; ++run) {
    ShipperFixture f(retry, static_cast<uint64_t>(run), never);
    for (size_t n = 0; n < mean.size(); ++n) {
      const Duration wait = f.wait_after_failure();
      const Duration upper = std::min<Duration>(retry.max, retry.initial * (1 << n));
      EXPECT_GE(wait, upper / 8);
      EXPECT_LE(wait, upper);
      mean[n] += std::chrono::duration<double>(wait).count() / kRuns;
      if (wait != upper / 8) {
        EXPECT_TRUE(seen.insert(wait.count()).second);
      }
      f.clock.advance(wait);
      f.step();
    }
  }
  // Uniform in [0, u], raised to u/8 below it: the mean is u * (1/2 + 1/128).
  for (size_t n = 0; n < mean.size(); ++n) {
    const double upper = std::min(30.0, static_cast<double>(1 << n));
    EXPECT_NEAR(mean[n], upper * (0.5 + 1.0 / 128), upper * 0.04) << n;
  }
}

TEST(ShipperTest, an_answer_ends_the_row_of_failures) {
  ShipperFixture f;
  for (int i = 0; i < 5; ++i) {
    f.clock.advance(f.wait_after_failure());
    f.step();
  }
  EXPECT_EQ(f.shipper->failures_in_a_row(), 5u);
  f.offer(info_batch("good"));
  f.exporter->answer(AK::kDelivered);
  f.step();
  EXPECT_EQ(f.shipper->failures_in_a_row(), 0u);
  EXPECT_LE(f.wait_after_failure(), 1s);
}

TEST(ShipperTest, requests_that_one_restart_cut_are_one_failure) {
  ShipperFixture f;
  for (const char* id : {"a", "b", "c", "d"}) f.offer(info_batch(id));
  for (int i = 0; i < 4; ++i) f.exporter->answer(AK::kAmbiguous);
  EXPECT_EQ(records(f.step(), SK::kPutBack), 40u);
  EXPECT_EQ(f.shipper->failures_in_a_row(), 1u);
}

TEST(ShipperTest, after_a_failure_one_batch_goes_alone_until_there_is_an_answer) {
  ShipperFixture f;
  f.clock.advance(f.wait_after_failure());
  EXPECT_TRUE(f.shipper->wants(f.clock.now()));
  f.offer(info_batch("probe"));
  EXPECT_FALSE(f.shipper->wants(f.clock.now()));
  f.exporter->answer(AK::kDelivered);
  f.step();
  for (const char* id : {"1", "2", "3", "4"}) {
    EXPECT_TRUE(f.shipper->wants(f.clock.now()));
    f.offer(info_batch(id));
  }
  EXPECT_FALSE(f.shipper->wants(f.clock.now()));
}

TEST(ShipperTest, retry_after_is_obeyed_and_clamped) {
  EXPECT_GE(ShipperFixture().wait_after_failure(AK::kRetry, 7s), 7s);
  EXPECT_LE(ShipperFixture().wait_after_failure(AK::kRetry, 7s), 7s);
  EXPECT_EQ(ShipperFixture().wait_after_failure(AK::kRetry, 1'000'000'000s), 300s);
  EXPECT_LE(ShipperFixture().wait_after_failure(AK::kRetry, -5s), 1s);
  EXPECT_GE(ShipperFixture().wait_after_failure(AK::kRetry, 0s), 125ms);
}

TEST(ShipperTest, retry_now_skips_the_backoff_but_not_a_retry_after) {
  ShipperFixture f;
  f.wait_after_failure();
  f.shipper->retry_now();
  EXPECT_TRUE(f.shipper->wants(f.clock.now()));
  EXPECT_EQ(f.wait_after_failure(AK::kRetry, 60s), 60s);
  f.shipper->retry_now();
  EXPECT_FALSE(f.shipper->wants(f.clock.now()));
  f.clock.advance(60s);
  EXPECT_TRUE(f.shipper->wants(f.clock.now()));
}

TEST(ShipperTest, an_attempt_without_an_answer_marks_the_batch) {
  ShipperFixture f;
  f.offer(info_batch("b"));
  f.exporter->answer(AK::kAmbiguous);
  const auto settled = f.step();
  EXPECT_EQ(settled[0].kind, SK::kPutBack);
  EXPECT_TRUE(settled[0].batch.ambiguous);
  EXPECT_FALSE(f.shipper->ever_answered());
}

TEST(ShipperTest, a_503_is_an_answer_and_a_refused_connection_is_none) {
  ShipperFixture f;
  f.offer(info_batch("b"));
  f.exporter->answer(AK::kRetry);
  f.step();
  EXPECT_FALSE(f.shipper->ever_answered());
  f.offer(info_batch("b"));
  f.exporter->answer(AK::kRetry).answered = true;
  f.step();
  EXPECT_TRUE(f.shipper->ever_answered());
}

TEST(ShipperTest, a_batch_is_given_up_after_max_elapsed) {
  RetryOptions retry;
  retry.max_elapsed = 10s;
  ShipperFixture f(retry);
  f.offer(info_batch("b"));
  f.exporter->answer(AK::kRetry);
  auto settled = f.step();
  EXPECT_EQ(settled[0].kind, SK::kPutBack);
  f.clock.advance(9999ms);
  f.offer(std::move(settled[0].batch));
  f.exporter->answer(AK::kRetry);
  settled = f.step();
  EXPECT_EQ(settled[0].kind, SK::kPutBack);
  f.clock.advance(1ms);
  f.offer(std::move(settled[0].batch));
  f.offer(info_batch("young"));
  f.exporter->answer(AK::kRetry);
  f.exporter->answer(AK::kRetry);
  settled = f.step();
  ASSERT_EQ(settled.size(), 2u);
  EXPECT_EQ(settled[0].kind, SK::kRetryExhausted);
  EXPECT_EQ(settled[0].records.total(), 10u);
  EXPECT_EQ(settled[1].kind, SK::kPutBack);
}

TEST(ShipperTest, what_may_have_arrived_is_given_up_as_unknown_whatever_the_last_answer_was) {
  for (const AK last : {AK::kRejected, AK::kFailed}) {
    ShipperFixture f;
    EncodedBatch batch = info_batch("b");
    batch.ambiguous = true;
    f.offer(std::move(batch));
    f.exporter->answer(last);
    EXPECT_EQ(f.step()[0].kind, SK::kUnknown);
  }
  RetryOptions retry;
  retry.max_elapsed = 0s;
  ShipperFixture f(retry);
  f.offer(info_batch("b"));
  f.exporter->answer(AK::kAmbiguous);
  EXPECT_EQ(f.step()[0].kind, SK::kUnknown);
  EncodedBatch single = info_batch("s", 1);
  single.ambiguous = true;
  f.offer(std::move(single));
  f.exporter->answer(AK::kTooLarge);
  EXPECT_EQ(f.step()[0].kind, SK::kUnknown);
}

TEST(ShipperTest, every_sending_without_an_answer_is_counted_once) {
  ShipperFixture f;
  f.offer(info_batch("a"));
  f.exporter->answer(AK::kAmbiguous);
  (void)f.step();
  EXPECT_EQ(f.shipper->events().ambiguous_attempts, 1u);
  // A refusal of the same batch is an answer.
  f.shipper->retry_now();
  EncodedBatch again = info_batch("a");
  again.ambiguous = true;
  f.offer(std::move(again));
  f.exporter->answer(AK::kRetry);
  (void)f.step();
  EXPECT_EQ(f.shipper->events().ambiguous_attempts, 1u);
  EXPECT_EQ(f.shipper->events().retries, 2u);
}

TEST(ShipperTest, an_ambiguous_batch_that_is_delivered_is_delivered) {
  ShipperFixture f;
  EncodedBatch batch = info_batch("b");
  batch.ambiguous = true;
  f.offer(std::move(batch));
  f.exporter->answer(AK::kDelivered);
  EXPECT_EQ(f.step()[0].kind, SK::kDelivered);
}

TEST(ShipperTest, a_rejection_keeps_its_reason_and_is_not_tried_again) {
  for (const Rejection reason :
       {Rejection::kBadRequest, Rejection::kUnauthorized, Rejection::kOther}) {
    ShipperFixture f;
    f.offer(info_batch("b"));
    f.exporter->answer(AK::kRejected).rejection = reason;
    const auto settled = f.step();
    ASSERT_EQ(settled.size(), 1u);
    EXPECT_EQ(settled[0].kind, SK::kRejected);
    EXPECT_EQ(settled[0].rejection, reason);
    EXPECT_EQ(settled[0].records.total(), 10u);
    EXPECT_TRUE(f.shipper->wants(f.clock.now()));
    EXPECT_EQ(f.exporter->sent.size(), 1u);
  }
}

TEST(ShipperTest, a_partial_success_settles_twice_and_adds_up) {
  ShipperFixture f;
  f.offer(log_batch("b", {9, 9, 9, 9, 9, 9, 17, 17, 5, 5}));
  f.exporter->answer(AK::kDelivered).rejected = 3;
  const auto settled = f.step();
  ASSERT_EQ(settled.size(), 2u);
  EXPECT_EQ(settled[0].kind, SK::kDelivered);
  EXPECT_FALSE(settled[0].finishes);
  EXPECT_EQ(settled[0].records[SeverityClass::kInfo], 3u);
  EXPECT_EQ(settled[0].records[SeverityClass::kError], 2u);
  EXPECT_EQ(settled[0].records[SeverityClass::kDebug], 2u);
  EXPECT_EQ(settled[1].kind, SK::kRejected);
  EXPECT_TRUE(settled[1].finishes);
  EXPECT_EQ(settled[1].rejection, Rejection::kPartialSuccess);
  EXPECT_EQ(settled[1].records[SeverityClass::kUnattributed], 3u);
  EXPECT_EQ(settled[1].records.total(), 3u);
}

TEST(ShipperTest, a_partial_success_that_refuses_more_than_there_is_refuses_all) {
  for (const uint64_t refused : {uint64_t{10}, uint64_t{11}, UINT64_MAX}) {
    ShipperFixture f;
    f.offer(info_batch("b"));
    f.exporter->answer(AK::kDelivered).rejected = refused;
    const auto settled = f.step();
    ASSERT_EQ(settled.size(), 1u);
    EXPECT_EQ(settled[0].kind, SK::kRejected);
    // All of them were refused: so it is known which.
    EXPECT_EQ(settled[0].records[SeverityClass::kInfo], 10u);
  }
}

TEST(ShipperTest, another_codec_is_tried_at_once_and_not_for_ever) {
  ShipperFixture f;
  f.offer(info_batch("b"));
  f.exporter->answer(AK::kOtherCodec);
  EXPECT_TRUE(f.step().empty());
  EXPECT_EQ(f.exporter->sent, (std::vector<std::string>{"b", "b"}));
  EXPECT_EQ(f.shipper->failures_in_a_row(), 0u);
  f.exporter->answer(AK::kOtherCodec);
  EXPECT_TRUE(f.step().empty());
  f.exporter->answer(AK::kOtherCodec);
  EXPECT_EQ(f.step()[0].kind, SK::kRejected);
}

TEST(ShipperTest, stop_tells_what_may_have_arrived_from_what_has_not) {
  for (const AK kind : {AK::kAmbiguous, AK::kRetry}) {
    ShipperFixture f;
    f.offer(info_batch("a"));
    f.offer(info_batch("b"));
    f.exporter->answer(AK::kDelivered);
    f.exporter->cancelled_as = kind;
    const auto settled = f.shipper->stop(f.clock.now());
    EXPECT_EQ(records(settled, SK::kDelivered), 10u);
    EXPECT_EQ(records(settled, kind == AK::kAmbiguous ? SK::kUnknown : SK::kPutBack), 10u);
  }
}

}  // namespace
}  // namespace forebay::ship
