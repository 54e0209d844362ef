#include "admit/sampling_rule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/random.h"

namespace forebay::admit {
namespace {

using Kind = SamplingRule::Kind;

SamplingRule ratio(double ratio) {
  SamplingRule rule;
  rule.ratio = ratio;
  return rule;
}

SamplingRule trace_ratio(double ratio) {
  SamplingRule rule;
  rule.kind = Kind::kTraceRatio;
  rule.ratio = ratio;
  return rule;
}

TEST(SamplingRuleTest, a_rule_matches_severities_from_one_end_to_the_other) {
  SamplingRule rule = ratio(0.5);
  rule.min_severity = 5;
  rule.max_severity = 8;
  EXPECT_FALSE(rule.may_match("any", 4));
  EXPECT_TRUE(rule.may_match("any", 5));
  EXPECT_TRUE(rule.may_match("any", 8));
  EXPECT_FALSE(rule.may_match("any", 9));
}

TEST(SamplingRuleTest, what_has_no_severity_is_matched_only_where_no_end_is_given) {
  EXPECT_TRUE(ratio(0.5).may_match("any", 0));
  SamplingRule low = ratio(0.5);
  low.max_severity = 8;
  EXPECT_FALSE(low.may_match("any", 0)) << "unspecified is not less than DEBUG";
}

TEST(SamplingRuleTest, a_rule_matches_the_loggers_that_its_pattern_names) {
  SamplingRule rule = ratio(0.5);
  rule.logger = LoggerPattern("web.*");
  EXPECT_TRUE(rule.may_match("web", 9));
  EXPECT_TRUE(rule.may_match("web.api", 9));
  EXPECT_FALSE(rule.may_match("webs", 9));
}

TEST(SamplingRuleTest, a_trace_ratio_is_rounded_down_to_a_power_of_two) {
  EXPECT_EQ(trace_ratio(1.0).halvings(), 0u);
  EXPECT_EQ(trace_ratio(0.99).halvings(), 1u);
  EXPECT_EQ(trace_ratio(0.5).halvings(), 1u);
  EXPECT_EQ(trace_ratio(0.49).halvings(), 2u);
  EXPECT_EQ(trace_ratio(0.25).halvings(), 2u);
  EXPECT_EQ(trace_ratio(0.1).halvings(), 4u);
  EXPECT_EQ(trace_ratio(std::ldexp(1.0, -40)).halvings(), 40u);
}

// Worked examples: the rejection threshold of p = 1/4 is 0xc0000000000000.
TEST(SamplingRuleTest, a_trace_is_kept_where_its_random_value_is_not_below_the_threshold) {
  uint8_t id[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  id[9] = 0xc0;
  EXPECT_TRUE(keeps_trace(id, 2));
  EXPECT_FALSE(keeps_trace(id, 3));
  id[9] = 0xbf;
  std::memset(id + 10, 0xff, 6);
  EXPECT_FALSE(keeps_trace(id, 2)) << "one below";
  EXPECT_TRUE(keeps_trace(id, 1));
  id[9] = 0;
  EXPECT_FALSE(keeps_trace(id, 1)) << "the first nine bytes say nothing";
  EXPECT_TRUE(keeps_trace(id, 0)) << "a ratio of 1 keeps every trace";
  std::memset(id, 0xff, sizeof id);
  EXPECT_FALSE(keeps_trace(id, trace_ratio(0).halvings())) << "a ratio of 0 keeps none";
}

TEST(SamplingRuleTest, of_random_traces_the_share_is_kept_and_a_smaller_share_is_part_of_it) {
  const uint64_t seed = 4711;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  constexpr int kTraces = 200'000;
  int kept = 0;
  for (int i = 0; i < kTraces; ++i) {
    uint8_t id[16];
    const uint64_t words[2] = {random.next(), random.next()};
    std::memcpy(id, words, sizeof id);
    kept += keeps_trace(id, 3) ? 1 : 0;
    if (keeps_trace(id, 5)) {
      EXPECT_TRUE(keeps_trace(id, 3));
    }
  }
  // Six standard deviations of a binomial.
  EXPECT_NEAR(kept, kTraces / 8.0, 6 * std::sqrt(kTraces * (1.0 / 8) * (7.0 / 8)));
}

TEST(SamplingRuleTest, bad_rules_are_told_with_field_value_and_range) {
  const auto message = [](SamplingRule rule) { return rule.validate().message(); };
  EXPECT_EQ(message(ratio(1.5)), "ratio: 1.5 is not in 0..1");
  EXPECT_EQ(message(trace_ratio(1e-15)).substr(0, 27), "ratio: 1e-15 is not in 2^-4");
  EXPECT_TRUE(trace_ratio(0).validate().is_ok());
  SamplingRule burst;
  burst.kind = Kind::kBurst;
  burst.interval = Duration{1};
  EXPECT_EQ(message(burst), "interval: 1e-09 is not in 0.001..86400");
  SamplingRule crossed = ratio(0.5);
  crossed.min_severity = 9;
  crossed.max_severity = 8;
  EXPECT_EQ(message(crossed).substr(0, 9), "min_level");
  SamplingRule pattern = ratio(0.5);
  pattern.logger = LoggerPattern("a*b");
  EXPECT_EQ(message(pattern).substr(0, 6), "logger");
  EXPECT_TRUE(ratio(0).validate().is_ok());
}

}  // namespace
}  // namespace forebay::admit
