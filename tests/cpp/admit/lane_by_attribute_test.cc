#include "gate_fixture.h"

namespace forebay::admit {
namespace {

using LaneByAttributeTest = GateTest;

TEST_F(LaneByAttributeTest, a_record_goes_to_the_lane_whose_attributes_it_has) {
  GateOptions options;
  options.lanes = {{.min_severity = 0, .logger = {}},
                   {.min_severity = 0, .logger = {}, .attributes = {{"tier", "gold"}}},
                   {.min_severity = 0, .logger = {}, .attributes = {{"tier", "silver"}}}};
  make(std::move(options));
  const model::Site* site = make_site({.body = "order", .keys = {"id", "tier"}});
  const auto lane_of = [&](std::string_view tier) {
    const std::vector<forebay_value> values = {int_value(1), text_value(tier)};
    model::RecordInput input = record(site);
    input.values = values.data();
    input.value_count = 2;
    return ThreadGate::lane_of(*thread_->rules_for(logger("shop"), input), input).lane;
  };
  EXPECT_EQ(lane_of("gold"), 1u);
  EXPECT_EQ(lane_of("silver"), 2u);
  EXPECT_EQ(lane_of("bronze"), 0u);
  EXPECT_EQ(lane_of("gold"), 1u);
}

TEST_F(LaneByAttributeTest, the_limit_is_that_of_the_lane_which_the_attributes_chose) {
  GateOptions options;
  options.lanes = {{.min_severity = 0, .logger = {}},
                   {.min_severity = 0, .logger = {}, .attributes = {{"tier", "free"}}}};
  options.limits = {std::nullopt, RateLimitOptions{.records_per_second = 1, .burst_records = 2}};
  make(std::move(options));
  const model::Site* site = make_site({.body = "limited order", .keys = {"tier"}});
  const forebay_value free = text_value("free");
  const forebay_value paid = text_value("paid");
  model::RecordInput input = record(site);
  input.value_count = 1;
  input.values = &free;
  EXPECT_EQ(admitted(ask_for(10, input)), 2u);
  input.values = &paid;
  EXPECT_EQ(admitted(ask_for(10, input)), 10u);
}

TEST_F(LaneByAttributeTest, rules_are_told_apart_by_site_logger_and_severity) {
  SamplingRule noisy = ratio(0.0);
  noisy.logger = LoggerPattern("noisy");
  noisy.max_severity = 9;
  sampled({noisy});
  EXPECT_FALSE(logger("quiet").has_rules[9]) << "nothing is looked at where no rule can match";
  EXPECT_FALSE(logger("noisy").has_rules[10]);
  EXPECT_TRUE(logger("noisy").has_rules[9]);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask(record(site_, 9), "noisy").answer, Answer::kSampledOut);
    EXPECT_EQ(ask(record(site_, 9), "quiet").answer, Answer::kAdmitted);
    EXPECT_EQ(ask(record(site_, 10), "noisy").answer, Answer::kAdmitted);
    EXPECT_EQ(ask(record(nullptr, 9), "noisy").answer, Answer::kSampledOut);
  }
}

TEST_F(LaneByAttributeTest, more_sites_than_the_small_table_holds_keep_their_own_rules) {
  sampled({burst(1, 0)});
  const auto body = [](int i) {
    const std::string text = "site " + std::to_string(i);
    return make_site({.body = text});
  };
  std::vector<const model::Site*> sites;
  for (int i = 0; i < 2000; ++i) sites.push_back(body(i));
  size_t kept = 0;
  for (int round = 0; round < 3; ++round) {
    for (const model::Site* site : sites) {
      kept += ask(record(site)).answer == Answer::kAdmitted ? 1 : 0;
    }
  }
  EXPECT_EQ(kept, sites.size());
}

}  // namespace
}  // namespace forebay::admit
