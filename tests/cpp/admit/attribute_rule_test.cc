#include "admit/attribute_rule.h"

#include <gtest/gtest.h>

#include <cmath>

#include "record_maker.h"

namespace forebay::admit {
namespace {

TEST(AttributeRuleTest, a_string_is_compared_as_it_is) {
  const AttributeRule rule("tier", "gold");
  EXPECT_TRUE(rule.is_met_by(text_value("gold")));
  EXPECT_TRUE(rule.is_met_by(bytes_value("gold")));
  EXPECT_FALSE(rule.is_met_by(text_value("Gold")));
  EXPECT_FALSE(rule.is_met_by(text_value("gold ")));
  EXPECT_FALSE(rule.is_met_by(text_value("")));
  EXPECT_FALSE(rule.is_met_by(null_value()));
  EXPECT_FALSE(rule.is_met_by(any_value("gold")));
  EXPECT_TRUE(AttributeRule("tier", "").is_met_by(text_value("")));
}

TEST(AttributeRuleTest, a_number_is_equal_where_the_text_writes_it) {
  EXPECT_TRUE(AttributeRule("status", "200").is_met_by(int_value(200)));
  EXPECT_TRUE(AttributeRule("status", "200").is_met_by(double_value(200.0)));
  EXPECT_TRUE(AttributeRule("status", "200").is_met_by(text_value("200")));
  EXPECT_FALSE(AttributeRule("status", "200").is_met_by(int_value(20)));
  EXPECT_FALSE(AttributeRule("status", "200x").is_met_by(int_value(200)));
  EXPECT_TRUE(AttributeRule("share", "-0.5").is_met_by(double_value(-0.5)));
  EXPECT_FALSE(AttributeRule("share", "-0.5").is_met_by(int_value(0)));
  EXPECT_TRUE(AttributeRule("share", "nan").is_met_by(double_value(std::nan(""))));
}

TEST(AttributeRuleTest, a_bool_is_true_or_false_and_no_number) {
  EXPECT_TRUE(AttributeRule("audit", "true").is_met_by(bool_value(true)));
  EXPECT_TRUE(AttributeRule("audit", "false").is_met_by(bool_value(false)));
  EXPECT_FALSE(AttributeRule("audit", "true").is_met_by(bool_value(false)));
  EXPECT_FALSE(AttributeRule("audit", "1").is_met_by(bool_value(true)));
}

model::RecordInput record_of(const model::Site* site, const std::vector<forebay_value>& values,
                             const Extra* extra = nullptr) {
  model::RecordInput record;
  record.site = site;
  record.values = values.data();
  record.value_count = static_cast<uint32_t>(values.size());
  record.extra = extra != nullptr ? &extra->fields : nullptr;
  return record;
}

TEST(AttributeRuleTest, the_value_is_found_by_the_keys_of_the_site) {
  const model::Site* site = make_site({.body = "found", .keys = {"a", "b", "a"}});
  const std::vector<forebay_value> values = {int_value(1), int_value(2), int_value(3)};
  const std::vector<AttributeRule> last = {{"a", "3"}, {"b", "2"}};
  EXPECT_TRUE(SiteConditions(last, site).are_met_by(record_of(site, values)));
  const std::vector<AttributeRule> first = {{"a", "1"}};
  EXPECT_FALSE(SiteConditions(first, site).are_met_by(record_of(site, values)))
      << "of a key that comes twice the last one counts";
  EXPECT_FALSE(SiteConditions(last, site).are_met_by(record_of(site, {int_value(3)})))
      << "fewer values than keys";
}

TEST(AttributeRuleTest, a_body_in_the_values_is_no_attribute) {
  const model::Site* site = make_site({.keys = {"a"}, .body_in_values = true});
  const std::vector<AttributeRule> rules = {{"a", "x"}};
  const SiteConditions conditions(rules, site);
  EXPECT_TRUE(conditions.are_met_by(record_of(site, {text_value("body"), text_value("x")})));
  EXPECT_FALSE(conditions.are_met_by(record_of(site, {text_value("x"), text_value("y")})));
}

TEST(AttributeRuleTest, a_records_own_attributes_come_before_the_sites) {
  const model::Site* site = make_site({.body = "own", .keys = {"a"}});
  Extra extra;
  extra.attribute("a", text_value("one")).attribute("a", text_value("two"));
  const std::vector<forebay_value> values = {text_value("site")};
  const auto is_met = [&](const char* text) {
    const std::vector<AttributeRule> rules = {{"a", text}};
    return SiteConditions(rules, site).are_met_by(record_of(site, values, &extra));
  };
  EXPECT_TRUE(is_met("two"));
  EXPECT_FALSE(is_met("one"));
  EXPECT_FALSE(is_met("site"));
  const std::vector<AttributeRule> rules = {{"a", "two"}};
  EXPECT_TRUE(SiteConditions(rules, nullptr).are_met_by(record_of(nullptr, {}, &extra)))
      << "a record without a site has attributes too";
}

TEST(AttributeRuleTest, all_conditions_must_be_met_and_none_is_met) {
  const model::Site* site = make_site({.body = "all", .keys = {"a", "b"}});
  const std::vector<forebay_value> values = {int_value(1), int_value(2)};
  const std::vector<AttributeRule> both = {{"a", "1"}, {"b", "3"}};
  EXPECT_FALSE(SiteConditions(both, site).are_met_by(record_of(site, values)));
  EXPECT_TRUE(SiteConditions({}, site).are_met_by(record_of(site, values)));
}

TEST(AttributeRuleTest, a_key_may_not_be_empty) {
  EXPECT_FALSE(AttributeRule("", "x").validate().is_ok());
  EXPECT_TRUE(AttributeRule("k", "").validate().is_ok());
}

}  // namespace
}  // namespace forebay::admit
