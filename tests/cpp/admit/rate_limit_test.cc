#include <thread>

#include "gate_fixture.h"

namespace forebay::admit {
namespace {

using namespace std::chrono_literals;

using RateLimitTest = GateTest;

uint64_t suppressed(const ThreadGate& thread) {
  uint64_t sum = 0;
  for (const LimitedCell* cell = thread.limited_cells(); cell != nullptr; cell = cell->next) {
    sum += cell->suppressed.load();
  }
  return sum;
}

TEST_F(RateLimitTest, a_burst_is_admitted_and_the_rest_is_suppressed_and_counted) {
  limited({.records_per_second = 10, .burst_records = 20});
  const std::vector<Permit> permits = ask_for(50, record(site_));
  EXPECT_EQ(admitted(permits), 20u);
  EXPECT_EQ(permits.back().answer, Answer::kRateLimited);
  EXPECT_EQ(suppressed(*thread_), 30u);
  pass(1s);
  EXPECT_EQ(admitted(ask_for(50, record(site_))), 10u);
}

TEST_F(RateLimitTest, a_lane_without_a_limit_lets_everything_in) {
  GateOptions options;
  options.lanes = {{.min_severity = 17, .logger = {}}, {.min_severity = 0, .logger = {}}};
  options.limits = {std::nullopt, RateLimitOptions{.records_per_second = 0}};
  make(std::move(options));
  EXPECT_FALSE(logger("app").has_rules[17]);
  EXPECT_TRUE(logger("app").has_rules[9]);
  EXPECT_EQ(ask(record(site_, 9)).answer, Answer::kRateLimited);
}

TEST_F(RateLimitTest, by_lane_all_loggers_share_by_logger_and_by_site_each_has_its_own) {
  const auto admitted_of = [&](LimitedBy by) {
    limited({.records_per_second = 1, .burst_records = 5, .by = by});
    const std::string suffix = std::to_string(static_cast<int>(by));
    size_t sum = 0;
    for (const char* name : {"a", "b"}) {
      const std::string own = name + suffix;
      for (const model::Site* site : {site_, other_}) {
        sum += admitted(ask_for(100, record(site), own));
      }
    }
    return sum;
  };
  EXPECT_EQ(admitted_of(LimitedBy::kLane), 5u);
  EXPECT_EQ(admitted_of(LimitedBy::kLogger), 10u);
  EXPECT_EQ(admitted_of(LimitedBy::kSite), 20u);
}

TEST_F(RateLimitTest, a_token_that_was_put_aside_goes_back_when_the_epoch_ends) {
  Gate& gate = limited({.records_per_second = 1, .burst_records = 1000});
  ASSERT_EQ(ask(record(site_)).answer, Answer::kAdmitted);  // and 63 put aside
  ThreadGate* const second = gate.lease();
  size_t others = 0;
  while (ask(record(site_), "app", second).answer == Answer::kAdmitted) ++others;
  EXPECT_EQ(others, 1000u - 64u);
  pass(1ns);
  EXPECT_EQ(admitted(ask_for(1000, record(site_))), 63u);
}

TEST_F(RateLimitTest, an_ending_threads_tokens_go_back) {
  Gate& gate = limited({.records_per_second = 1, .burst_records = 1000});
  ThreadGate* const second = gate.lease();
  ASSERT_EQ(ask(record(site_), "app", second).answer, Answer::kAdmitted);
  gate.give_back(second);
  EXPECT_EQ(admitted(ask_for(2000, record(site_))), 999u);
}

TEST_F(RateLimitTest, what_the_limit_suppresses_does_not_take_a_sampling_weight_along) {
  GateOptions options;
  options.sampling = {ratio(0.5)};
  options.limits = {RateLimitOptions{.records_per_second = 1, .burst_records = 1}};
  Gate& gate = make(std::move(options));
  const std::vector<Permit> permits = ask_for(100, record(site_));
  EXPECT_EQ(admitted(permits), 1u);
  EXPECT_EQ(suppressed(*thread_), 49u);
  EXPECT_EQ(weight(permits) + suppressed(*thread_) + gate.pending(), 100u);
}

TEST_F(RateLimitTest, a_record_that_comes_again_gives_its_token_back) {
  limited({.records_per_second = 1, .burst_records = 3});
  for (int i = 0; i < 10; ++i) {
    const Permit permit = ask(record(site_));
    ASSERT_EQ(permit.answer, Answer::kAdmitted);
    ThreadGate::undo(permit);
  }
  EXPECT_EQ(admitted(ask_for(10, record(site_))), 3u);
}

// The threads' steps are interleaved under one manual clock: a flood of two threads, ten seconds.
TEST_F(RateLimitTest, two_threads_under_one_limit_admit_its_rate_within_a_hundredth) {
  for (const double rate : {5.0, 100.0, 10'000.0}) {
    // Less than one would lose what comes ready between two records.
    const auto burst = std::max<int64_t>(1, static_cast<int64_t>(rate / 1000));
    Gate& gate = limited({.records_per_second = rate, .burst_records = burst});
    const LoggerRules rules_of_logger = gate.rules_of("flood", 1);
    ThreadGate* const threads[] = {thread_, gate.lease()};
    uint64_t admitted = 0;
    uint64_t asked = 0;
    const MonotonicTime end = clock_.now() + 10s;
    while (clock_.now() < end) {
      for (ThreadGate* thread : threads) {
        const SiteRules* rules = thread->rules_for(rules_of_logger, record(site_));
        admitted += permit_of(*thread, *rules, record(site_)).answer == Answer::kAdmitted ? 1 : 0;
        clock_.advance(7us);
        if (++asked % 7000 == 0) gate.advance_epoch();
      }
    }
    EXPECT_NEAR(static_cast<double>(admitted), 10 * rate, 1 + 10 * rate / 100) << rate;
  }
}

TEST_F(RateLimitTest, keys_beyond_the_table_of_buckets_share_one) {
  Gate& gate = limited({.records_per_second = 1, .by = LimitedBy::kLogger});
  for (uint32_t scope = 0; scope < Gate::kMaxBuckets; ++scope) (void)gate.bucket(0, scope, nullptr);
  TokenBucket& first = gate.bucket(0, 1'000'000, nullptr);
  EXPECT_EQ(&first, &gate.bucket(0, 1'000'001, nullptr));
  EXPECT_NE(&first, &gate.bucket(0, 7, nullptr));
}

}  // namespace
}  // namespace forebay::admit
