#include "ship/in_flight_limit.h"

#include <gtest/gtest.h>

#include <chrono>

#include "ship/shipper_fixture.h"

namespace forebay::ship {
namespace {

using namespace std::chrono_literals;
using testing::AK;
using testing::info_batch;
using testing::ShipperFixture;
using testing::SK;

TEST(InFlightLimitTest, a_busy_answer_halves_it_and_never_below_one) {
  InFlightLimit limit;
  ManualClock clock;
  EXPECT_EQ(limit.allowed(9), 9u);
  for (const uint32_t expected : {4u, 2u, 1u, 1u}) {
    const MonotonicTime started = clock.now();
    clock.advance(1s);
    limit.busy(started, clock.now(), 9);
    EXPECT_EQ(limit.allowed(9), expected);
    clock.advance(1s);
  }
}

TEST(InFlightLimitTest, answers_to_requests_of_the_same_moment_halve_it_once) {
  InFlightLimit limit;
  ManualClock clock;
  const MonotonicTime started = clock.now();
  for (int n = 0; n < 8; ++n) {
    clock.advance(10ms);
    limit.busy(started, clock.now(), 8);
  }
  EXPECT_EQ(limit.allowed(8), 4u);
}

TEST(InFlightLimitTest, it_rises_by_one_after_ten_deliveries_in_a_row_up_to_what_is_liked) {
  InFlightLimit limit;
  ManualClock clock;
  limit.busy(clock.now(), clock.now() + 1s, 4);
  ASSERT_EQ(limit.allowed(4), 2u);
  for (int n = 1; n < 10; ++n) limit.delivered(4);
  EXPECT_EQ(limit.allowed(4), 2u);
  limit.delivered(4);
  EXPECT_EQ(limit.allowed(4), 3u);
  for (int n = 0; n < 100; ++n) limit.delivered(4);
  EXPECT_EQ(limit.allowed(4), 4u);
}

TEST(InFlightLimitTest, a_busy_answer_in_between_starts_the_row_anew) {
  InFlightLimit limit;
  ManualClock clock;
  limit.busy(clock.now(), clock.now() + 1s, 4);
  clock.advance(2s);
  for (int n = 0; n < 9; ++n) limit.delivered(4);
  limit.busy(clock.now(), clock.now() + 1s, 4);
  EXPECT_EQ(limit.allowed(4), 1u);
  limit.delivered(4);
  EXPECT_EQ(limit.allowed(4), 1u);
}

// SPEC: a storm of 429, then 200: fewer requests at once, then slowly more again.
TEST(InFlightLimitTest, a_shipper_sends_fewer_at_once_after_a_429_storm_and_recovers) {
  ShipperFixture f;
  f.exporter->parallel = 8;
  const auto most_at_once = [&] {
    uint32_t sent = 0;
    while (f.shipper->wants(f.clock.now())) {
      f.offer(info_batch("b" + std::to_string(sent)));
      ++sent;
    }
    return sent;
  };
  const auto answer_all = [&](AK kind, bool busy) {
    while (!f.exporter->under_way.empty()) f.exporter->answer(kind).busy = busy;
    f.step();
  };
  EXPECT_EQ(most_at_once(), 8u);
  answer_all(AK::kRetry, true);
  f.clock.advance(f.shipper->resumes_at().value() - f.clock.now());
  f.step();
  EXPECT_EQ(most_at_once(), 1u);  // the probe
  answer_all(AK::kRetry, true);
  f.clock.advance(f.shipper->resumes_at().value() - f.clock.now());
  f.step();
  EXPECT_EQ(most_at_once(), 1u);
  answer_all(AK::kDelivered, false);
  EXPECT_EQ(f.shipper->in_flight_limit(), 2u);
  EXPECT_EQ(most_at_once(), 2u);
  uint32_t rounds = 0;
  for (; f.shipper->in_flight_limit() < 8 && rounds < 1000; ++rounds) {
    answer_all(AK::kDelivered, false);
    f.clock.advance(10ms);
    (void)most_at_once();
  }
  EXPECT_EQ(most_at_once() + f.exporter->under_way.size(), 8u);
  EXPECT_GE(rounds, 10u);
}

TEST(InFlightLimitTest, a_refused_connection_does_not_halve_it) {
  ShipperFixture f;
  f.exporter->parallel = 8;
  f.clock.advance(f.wait_after_failure());
  f.step();
  EXPECT_EQ(f.shipper->in_flight_limit(), 8u);
}

TEST(InFlightLimitTest, after_an_open_breaker_it_begins_with_one) {
  ShipperFixture f;
  f.exporter->parallel = 8;
  for (int n = 0; n < 5; ++n) {
    f.clock.advance(f.wait_after_failure());
    f.step();
  }
  EXPECT_EQ(f.shipper->in_flight_limit(), 1u);
}

}  // namespace
}  // namespace forebay::ship
