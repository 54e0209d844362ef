#include "admit/token_bucket.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/random.h"

namespace forebay::admit {
namespace {

using namespace std::chrono_literals;

// Takes what there is, one chunk after another.
uint64_t take_all(TokenBucket& bucket, MonotonicTime now) {
  uint64_t taken = 0;
  while (const uint32_t chunk = bucket.take_chunk(1, now)) taken += chunk;
  return taken;
}

TEST(TokenBucketTest, burst_is_admitted_at_once_then_the_rate_holds) {
  ManualClock clock;
  TokenBucket bucket({.records_per_second = 10, .burst_records = 3});
  EXPECT_EQ(take_all(bucket, clock.now()), 3u);
  clock.advance(250ms);
  EXPECT_EQ(take_all(bucket, clock.now()), 2u);
  clock.advance(50ms);
  EXPECT_EQ(take_all(bucket, clock.now()), 1u) << "halves are not lost";
  clock.advance(1h);
  EXPECT_EQ(take_all(bucket, clock.now()), 3u) << "never more than the burst";
}

TEST(TokenBucketTest, without_a_burst_one_seconds_worth_is_admitted_at_once) {
  ManualClock clock;
  TokenBucket hundred({.records_per_second = 100});
  EXPECT_EQ(take_all(hundred, clock.now()), 100u);
  TokenBucket rare({.records_per_second = 0.01});
  EXPECT_EQ(take_all(rare, clock.now()), 1u);
  clock.advance(99s);
  EXPECT_EQ(take_all(rare, clock.now()), 0u);
  clock.advance(1s);
  EXPECT_EQ(take_all(rare, clock.now()), 1u);
}

TEST(TokenBucketTest, zero_refuses_every_record) {
  ManualClock clock;
  TokenBucket bucket({.records_per_second = 0, .burst_records = 100});
  EXPECT_EQ(bucket.take_chunk(1, clock.now()), 0u);
  clock.advance(24h);
  EXPECT_EQ(bucket.take_chunk(1, clock.now()), 0u);
}

TEST(TokenBucketTest, chunks_shrink_with_what_is_left_and_with_the_threads) {
  ManualClock clock;
  TokenBucket bucket({.records_per_second = 1000, .burst_records = 10'000});
  EXPECT_EQ(bucket.take_chunk(1, clock.now()), TokenBucket::kMostAtOnce);
  EXPECT_EQ(bucket.take_chunk(100, clock.now()), 12u);
  EXPECT_EQ(bucket.take_chunk(10'000, clock.now()), 1u);
  TokenBucket small({.records_per_second = 10, .burst_records = 10});
  EXPECT_EQ(small.take_chunk(1, clock.now()), 1u);
}

TEST(TokenBucketTest, what_is_given_back_is_admitted_later_but_never_above_the_burst) {
  ManualClock clock;
  TokenBucket bucket({.records_per_second = 10, .burst_records = 20});
  ASSERT_EQ(take_all(bucket, clock.now()), 20u);
  bucket.give_back(5);
  EXPECT_EQ(take_all(bucket, clock.now()), 5u);
  bucket.give_back(5);
  clock.advance(1h);
  EXPECT_EQ(take_all(bucket, clock.now()), 20u);
}

TEST(TokenBucketTest, any_rate_is_kept_to_a_thousandth) {
  const uint64_t seed = 20261125;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (const double rate : {0.7, 3.0, 99.9, 1e4, 333'333.0, 3e6, 1e7}) {
    ManualClock clock;
    TokenBucket bucket({.records_per_second = rate, .burst_records = 1'000'000});
    (void)take_all(bucket, clock.now());
    const MonotonicTime begin = clock.now();
    uint64_t taken = 0;
    const double seconds = 2000 / rate + 1;
    const auto end = begin + Duration{static_cast<int64_t>(seconds * 1e9)};
    while (clock.now() < end) {
      clock.advance(
          Duration{static_cast<int64_t>(1 + random.below(static_cast<uint64_t>(seconds * 1e7)))});
      taken += take_all(bucket, clock.now());
    }
    const double passed = std::chrono::duration<double>(clock.now() - begin).count();
    EXPECT_NEAR(static_cast<double>(taken), passed * rate, 1 + passed * rate / 1000) << rate;
  }
}

TEST(TokenBucketTest, threads_never_take_more_than_there_is) {
  ManualClock clock;
  TokenBucket bucket({.records_per_second = 1, .burst_records = 100'000});
  std::atomic<uint64_t> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      while (const uint32_t chunk = bucket.take_chunk(4, clock.now())) {
        taken.fetch_add(chunk);
        if (chunk > 2) {
          bucket.give_back(1);
          taken.fetch_sub(1);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken.load(), 100'000u);
}

TEST(TokenBucketTest, bad_options_are_told_with_their_range) {
  EXPECT_EQ((RateLimitOptions{.records_per_second = -1}.validate().message()),
            "per_second: -1 is not in 0..1e9");
  EXPECT_FALSE((RateLimitOptions{.records_per_second = 1, .burst_records = -1}.validate().is_ok()));
  EXPECT_TRUE((RateLimitOptions{.records_per_second = 1e9}.validate().is_ok()));
}

}  // namespace
}  // namespace forebay::admit
