#include "admit/lane_rules.h"

#include <gtest/gtest.h>

namespace forebay::admit {
namespace {

TEST(LaneRulesTest, the_first_lane_that_takes_a_severity_has_it) {
  const std::vector<LaneRule> rules = {{.min_severity = 17, .logger = {}},
                                       {.min_severity = 13, .logger = {}},
                                       {.min_severity = 0, .logger = {}}};
  const LaneTable table = lanes_for_logger(rules, "any");
  EXPECT_EQ(table[24], 0);
  EXPECT_EQ(table[17], 0);
  EXPECT_EQ(table[16], 1);
  EXPECT_EQ(table[13], 1);
  EXPECT_EQ(table[12], 2);
  EXPECT_EQ(table[1], 2);
  EXPECT_EQ(table[0], 2) << "an unspecified severity passes no minimum";
}

TEST(LaneRulesTest, what_no_lane_takes_goes_to_the_last_one) {
  const std::vector<LaneRule> rules = {{.min_severity = 17, .logger = {}},
                                       {.min_severity = 13, .logger = {}}};
  const LaneTable table = lanes_for_logger(rules, "any");
  EXPECT_EQ(table[20], 0);
  EXPECT_EQ(table[13], 1);
  EXPECT_EQ(table[9], 1);
  EXPECT_EQ(table[0], 1);
}

TEST(LaneRulesTest, a_rule_that_names_a_logger_comes_before_those_that_do_not) {
  const std::vector<LaneRule> rules = {{.min_severity = 13, .logger = {}},
                                       {.min_severity = 0, .logger = {}},
                                       {.min_severity = 0, .logger = "audit.*"}};
  EXPECT_EQ(lanes_for_logger(rules, "audit.login")[17], 2);
  EXPECT_EQ(lanes_for_logger(rules, "audit.login")[1], 2);
  EXPECT_EQ(lanes_for_logger(rules, "web")[17], 0);
  EXPECT_EQ(lanes_for_logger(rules, "web")[9], 1);
}

TEST(LaneRulesTest, a_named_rule_with_a_minimum_leaves_the_rest_to_the_others) {
  const std::vector<LaneRule> rules = {{.min_severity = 0, .logger = {}},
                                       {.min_severity = 13, .logger = "db"}};
  EXPECT_EQ(lanes_for_logger(rules, "db")[13], 1);
  EXPECT_EQ(lanes_for_logger(rules, "db")[12], 0);
}

TEST(LaneRulesTest, of_two_named_rules_the_first_holds) {
  const std::vector<LaneRule> rules = {{.min_severity = 0, .logger = {}},
                                       {.min_severity = 0, .logger = "a.*"},
                                       {.min_severity = 0, .logger = "a.b"}};
  EXPECT_EQ(lanes_for_logger(rules, "a.b")[9], 1);
}

TEST(LaneRulesTest, a_star_takes_everything_below_and_the_name_itself) {
  const LaneRule rule{.min_severity = 0, .logger = "audit.*"};
  EXPECT_TRUE(rule.takes_logger("audit"));
  EXPECT_TRUE(rule.takes_logger("audit."));
  EXPECT_TRUE(rule.takes_logger("audit.login.web"));
  EXPECT_FALSE(rule.takes_logger("auditor"));
  EXPECT_FALSE(rule.takes_logger("aud"));
  EXPECT_FALSE(rule.takes_logger(""));
}

TEST(LaneRulesTest, a_name_without_a_star_is_exact) {
  const LaneRule rule{.min_severity = 0, .logger = "audit"};
  EXPECT_TRUE(rule.takes_logger("audit"));
  EXPECT_FALSE(rule.takes_logger("audit.login"));
}

TEST(LaneRulesTest, a_lone_star_and_an_empty_rule_take_any_logger) {
  EXPECT_TRUE((LaneRule{.min_severity = 0, .logger = "*"}.takes_logger("x")));
  EXPECT_TRUE((LaneRule{.min_severity = 0, .logger = "*"}.takes_logger("")));
  EXPECT_TRUE((LaneRule{.min_severity = 0, .logger = ""}.takes_logger("x")));
}

TEST(LaneRulesTest, a_lane_that_asks_for_attributes_is_asked_before_those_that_name_nothing) {
  const std::vector<LaneRule> rules = {
      {.min_severity = 0, .logger = {}},
      {.min_severity = 9, .logger = {}, .attributes = {{"tier", "gold"}}},
      {.min_severity = 0, .logger = "audit.*"}};
  EXPECT_EQ(lanes_for_logger(rules, "web")[9], 0) << "the table is for a record without attributes";
  EXPECT_EQ(lanes_by_attribute(rules, "web", 9), (std::vector<uint8_t>{1}));
  EXPECT_EQ(lanes_by_attribute(rules, "web", 5), (std::vector<uint8_t>{}));
  EXPECT_EQ(lanes_by_attribute(rules, "audit.login", 9), (std::vector<uint8_t>{1}))
      << "of lanes that name something the order decides";
  const std::vector<LaneRule> audit_first = {rules[0], rules[2], rules[1]};
  EXPECT_EQ(lanes_by_attribute(audit_first, "audit.login", 9), (std::vector<uint8_t>{}));
  EXPECT_EQ(lanes_by_attribute(audit_first, "web", 9), (std::vector<uint8_t>{2}));
}

TEST(LaneRulesTest, what_no_lane_takes_goes_to_the_last_one_also_where_that_asks_for_attributes) {
  const std::vector<LaneRule> rules = {
      {.min_severity = 17, .logger = {}},
      {.min_severity = 0, .logger = {}, .attributes = {{"tier", "gold"}}}};
  EXPECT_EQ(lanes_for_logger(rules, "any")[9], 1);
  EXPECT_EQ(lanes_by_attribute(rules, "any", 9), (std::vector<uint8_t>{1}));
}

TEST(LaneRulesTest, a_star_is_allowed_at_the_end_alone_and_severities_end_at_24) {
  EXPECT_TRUE((LaneRule{.min_severity = 24, .logger = "a*"}.validate().is_ok()));
  const Status star = LaneRule{.min_severity = 0, .logger = "a.*.b"}.validate();
  ASSERT_FALSE(star.is_ok());
  EXPECT_EQ(star.message().substr(0, 7), "logger:");
  const Status level = LaneRule{.min_severity = 25, .logger = {}}.validate();
  ASSERT_FALSE(level.is_ok());
  EXPECT_EQ(level.message(), "min_level: 25 is not in 0..24");
}

}  // namespace
}  // namespace forebay::admit
