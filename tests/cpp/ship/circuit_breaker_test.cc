#include "ship/circuit_breaker.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <vector>

#include "ship/shipper_fixture.h"

namespace forebay::ship {
namespace {

using namespace std::chrono_literals;
using testing::AK;
using testing::info_batch;
using testing::ShipperFixture;
using testing::SK;

// A breaker whose destination fails each time it may be asked.
struct Failing {
  explicit Failing(const BreakerOptions& options = {}, const RetryOptions& retry = {},
                   uint64_t seed = 1)
      : breaker(retry, options, Random(seed)) {}
  // Fails once, now; the pause after that.
  Duration fail(std::optional<Duration> retry_after = {}) {
    EXPECT_FALSE(breaker.pauses(clock.now()));
    opened = breaker.failed(clock.now(), retry_after, clock.now());
    return breaker.resumes_at().value_or(clock.now()) - clock.now();
  }
  // Fails until it is open, and sleeps each pause but the last.
  Duration open() {
    Duration pause = fail();
    while (!opened) {
      clock.advance(pause);
      pause = fail();
    }
    return pause;
  }
  BreakerState state() { return breaker.state(clock.now()); }

  ManualClock clock;
  CircuitBreaker breaker;
  bool opened = false;
};

TEST(CircuitBreakerTest, it_opens_with_the_fifth_failure_in_a_row_and_not_before) {
  Failing f;
  for (int n = 1; n <= 4; ++n) {
    f.clock.advance(f.fail());
    EXPECT_FALSE(f.opened);
    EXPECT_EQ(f.state(), BreakerState::kClosed);
  }
  f.fail();
  EXPECT_TRUE(f.opened);
  EXPECT_EQ(f.state(), BreakerState::kOpen);
}

TEST(CircuitBreakerTest, an_answer_in_between_starts_the_count_anew) {
  Failing f;
  for (int n = 1; n <= 20; ++n) {
    f.clock.advance(f.fail());
    if (n % 4 == 0) f.breaker.answered(f.clock.now());
    EXPECT_EQ(f.state(), BreakerState::kClosed);
  }
}

TEST(CircuitBreakerTest, it_is_half_open_when_the_pause_is_over_and_an_answer_closes_it) {
  Failing f;
  const Duration pause = f.open();
  f.clock.advance(pause - 1ns);
  EXPECT_EQ(f.state(), BreakerState::kOpen);
  EXPECT_TRUE(f.breaker.pauses(f.clock.now()));
  f.clock.advance(1ns);
  EXPECT_EQ(f.state(), BreakerState::kHalfOpen);
  EXPECT_FALSE(f.breaker.pauses(f.clock.now()));
  EXPECT_TRUE(f.breaker.probes());
  f.breaker.answered(f.clock.now());
  EXPECT_EQ(f.state(), BreakerState::kClosed);
  EXPECT_FALSE(f.breaker.probes());
}

TEST(CircuitBreakerTest, each_probe_that_fails_opens_it_for_longer_up_to_the_longest_pause) {
  const RetryOptions retry{.initial = 1ms, .max = 1ms, .max_elapsed = {}};
  const BreakerOptions options{.failures = 2, .open_initial = 1s, .open_max = 60s};
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Failing f(options, retry, seed);
    Duration pause = f.open();
    EXPECT_GE(pause, 500ms);
    EXPECT_LE(pause, 1s);
    for (Duration upper = 2s; upper < 60s; upper *= 2) {
      f.clock.advance(pause);
      const Duration longer = f.fail();
      EXPECT_TRUE(f.opened);
      EXPECT_GE(longer, pause);
      EXPECT_GE(longer, upper / 2);
      EXPECT_LE(longer, upper);
      pause = longer;
    }
    for (int n = 0; n < 5; ++n) {
      f.clock.advance(pause);
      pause = f.fail();
      EXPECT_GE(pause, 30s);
      EXPECT_LE(pause, 60s);
    }
    // Closed and opened again, it begins with the short pause.
    f.clock.advance(pause);
    f.breaker.answered(f.clock.now());
    EXPECT_LE(f.open(), 1s);
  }
}

TEST(CircuitBreakerTest, processes_that_failed_together_do_not_come_back_together) {
  std::set<Duration::rep> pauses;
  for (uint64_t seed = 1; seed <= 200; ++seed) pauses.insert(Failing({}, {}, seed).open().count());
  EXPECT_EQ(pauses.size(), 200u);
}

// Two pauses that add up would be 16 s and 1 s here; one that replaces the other would be 1 s.
TEST(CircuitBreakerTest, there_is_one_pause_the_longer_of_retry_and_breaker) {
  const BreakerOptions options{.failures = 5, .open_initial = 1s, .open_max = 60s};
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    const Duration pause = Failing(options, {}, seed).open();
    EXPECT_GE(pause, 8s);
    EXPECT_LE(pause, 16s);
  }
}

TEST(CircuitBreakerTest, retry_after_is_obeyed_when_open_and_is_not_added) {
  Failing f;
  for (int n = 1; n <= 4; ++n) f.clock.advance(f.fail());
  EXPECT_EQ(f.fail(100s), 100s);
  EXPECT_EQ(f.state(), BreakerState::kOpen);
  // A flush does not get round it.
  f.breaker.hurry();
  f.clock.advance(100s - 1ns);
  EXPECT_TRUE(f.breaker.pauses(f.clock.now()));
  f.clock.advance(1ns);
  EXPECT_EQ(f.state(), BreakerState::kHalfOpen);
}

TEST(CircuitBreakerTest, a_flush_shortens_an_open_pause_to_open_initial_and_no_further) {
  const BreakerOptions options{.failures = 1, .open_initial = 1s, .open_max = 60s};
  Failing f(options);
  Duration pause = f.open();
  for (int n = 0; n < 6; ++n) {
    f.clock.advance(pause);
    pause = f.fail();
  }
  EXPECT_GE(pause, 15s);
  f.breaker.hurry();
  EXPECT_EQ(f.state(), BreakerState::kOpen);
  f.clock.advance(1s - 1ns);
  EXPECT_TRUE(f.breaker.pauses(f.clock.now()));
  f.clock.advance(1ns);
  EXPECT_FALSE(f.breaker.pauses(f.clock.now()));
}

TEST(CircuitBreakerTest, failures_that_began_before_the_last_one_count_once) {
  Failing f;
  const MonotonicTime started = f.clock.now();
  f.clock.advance(1s);
  for (int n = 0; n < 10; ++n) (void)f.breaker.failed(started, std::nullopt, f.clock.now());
  EXPECT_EQ(f.breaker.failures_in_a_row(), 1u);
  // Nor does a late answer to one of them end the failure.
  f.breaker.answered(started);
  EXPECT_EQ(f.breaker.failures_in_a_row(), 1u);
}

TEST(CircuitBreakerTest, a_shipper_sends_nothing_while_open_and_exactly_one_probe_after) {
  ShipperFixture f;
  f.exporter->parallel = 8;
  for (int n = 1; n <= 4; ++n) {
    f.clock.advance(f.wait_after_failure());
    f.step();
  }
  const Duration pause = f.wait_after_failure();
  EXPECT_EQ(f.shipper->breaker(), BreakerState::kOpen);
  EXPECT_EQ(f.shipper->events().breaker_opens, 1u);
  for (Duration passed{}; passed < pause; passed += pause / 10) {
    EXPECT_FALSE(f.shipper->wants(f.clock.now()));
    f.clock.advance(pause / 10);
    f.step();
  }
  f.clock.advance(10ns);
  f.step();
  EXPECT_EQ(f.shipper->breaker(), BreakerState::kHalfOpen);
  ASSERT_TRUE(f.shipper->wants(f.clock.now()));
  f.offer(info_batch("probe"));
  EXPECT_FALSE(f.shipper->wants(f.clock.now()));
  // Its failure opens again, without another event.
  f.exporter->answer(AK::kAmbiguous);
  f.step();
  EXPECT_EQ(f.shipper->breaker(), BreakerState::kOpen);
  EXPECT_EQ(f.shipper->events().breaker_opens, 1u);
  f.clock.advance(f.shipper->resumes_at().value() - f.clock.now());
  f.step();
  // A rejection is an answer: the destination is there.
  f.offer(info_batch("probe"));
  f.exporter->answer(AK::kRejected);
  f.step();
  EXPECT_EQ(f.shipper->breaker(), BreakerState::kClosed);
  EXPECT_TRUE(f.shipper->wants(f.clock.now()));
}

TEST(CircuitBreakerTest, a_refused_connection_for_a_minute_is_asked_with_growing_unequal_gaps) {
  std::vector<double> mean(6);
  std::set<Duration::rep> seen;
  constexpr int kRuns = 500;
  for (int run = 0; run < kRuns; ++run) {
    Failing f({}, {}, static_cast<uint64_t>(run));
    std::set<Duration::rep> gaps;
    for (double& sum : mean) {
      const Duration gap = f.fail();
      EXPECT_TRUE(gaps.insert(gap.count()).second) << "two equal gaps, seed " << run;
      sum += std::chrono::duration<double>(gap).count() / kRuns;
      f.clock.advance(gap);
    }
  }
  for (size_t n = 1; n < mean.size(); ++n) EXPECT_GT(mean[n], mean[n - 1] * 1.5) << n;
}

TEST(RetryOptionsTest, each_wrong_field_is_named) {
  EXPECT_TRUE(RetryOptions{}.validate().is_ok());
  RetryOptions retry;
  retry.initial = 999us;
  EXPECT_NE(retry.validate().message().find("retry.initial"), std::string::npos);
  retry = {};
  retry.max = 500ms;
  EXPECT_NE(retry.validate().message().find("retry.max:"), std::string::npos);
  retry = {};
  retry.max_elapsed = -1s;
  EXPECT_NE(retry.validate().message().find("retry.max_elapsed"), std::string::npos);
}

TEST(BreakerOptionsTest, each_wrong_field_is_named) {
  EXPECT_TRUE(BreakerOptions{}.validate().is_ok());
  const auto message = [](auto change) {
    BreakerOptions breaker;
    change(breaker);
    return breaker.validate().message();
  };
  EXPECT_EQ(message([](auto& b) { b.failures = 0; }), "breaker.failures: 0 is not in 1..1000");
  EXPECT_EQ(message([](auto& b) { b.failures = 1001; }).find("breaker.failures: 1001"), 0u);
  EXPECT_EQ(message([](auto& b) { b.open_initial = 0s; }).find("breaker.open_initial"), 0u);
  EXPECT_EQ(message([](auto& b) { b.open_max = 999ms; }).find("breaker.open_max"), 0u);
}

}  // namespace
}  // namespace forebay::ship
