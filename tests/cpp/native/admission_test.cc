// Sampling, rate limits and lanes by attribute, as options of forebay::Collector.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "forebay/forebay.h"

namespace {

using forebay::Collector;
using forebay::Options;
using forebay::Sampling;
using namespace std::chrono_literals;

Options with_memory() {
  Options options;
  options.service_name = "native";
  options.exporter = forebay::MemoryExporter{};
  options.ledger_in_memory = true;
  return options;
}

TEST(AdmissionTest, every_option_of_admission_is_known_to_the_core) {
  Options options = with_memory();
  options.lanes = {
      {.name = "gold",
       .attributes = {{"tier", "gold"}},
       .rate_limit =
           forebay::RateLimit{.per_second = 10, .burst = 20, .by = forebay::LimitedBy::kSite}},
      {.name = "rest"}};
  Sampling debug = Sampling::ratio(0.1);
  debug.max_severity = forebay::Severity::kDebug;
  debug.logger = "noisy.*";
  debug.attributes = {{"route", "/health"}};
  options.sampling = {debug, Sampling::trace_ratio(0.25), Sampling::burst(10, 100, 1s)};
  options.summary_interval = 5s;
  auto made = Collector::create(options);
  EXPECT_TRUE(made.is_ok()) << made.message();
}

TEST(AdmissionTest, a_bad_option_is_named_by_its_path) {
  Options options = with_memory();
  options.sampling = {Sampling::ratio(1.5)};
  auto made = Collector::create(options);
  ASSERT_FALSE(made.is_ok());
  EXPECT_EQ(made.message(), "sampling[0].ratio: 1.5 is not in 0..1");
  options.sampling.clear();
  options.lanes = {{.name = "a", .rate_limit = forebay::RateLimit{.per_second = -1}}};
  made = Collector::create(options);
  ASSERT_FALSE(made.is_ok());
  EXPECT_EQ(made.message(), "lanes[0].rate_limit.per_second: -1 is not in 0..1e+09");
}

TEST(AdmissionTest, what_a_rule_lets_go_is_told_to_the_caller_and_counted) {
  Options options = with_memory();
  options.lanes = {
      {.name = "all", .rate_limit = forebay::RateLimit{.per_second = 0.001, .burst = 1}}};
  options.sampling = {Sampling::ratio(0.5)};
  auto made = Collector::create(options);
  ASSERT_TRUE(made.is_ok()) << made.message();
  const Collector collector = *made;
  const forebay::Logger log = collector.logger("native.rules");
  EXPECT_EQ(log.emit({.body = "kept"}).name(), "accepted");
  EXPECT_EQ(log.emit({.body = "not kept"}).name(), "sampled_out");
  EXPECT_EQ(log.emit({.body = "kept, and too much"}).name(), "rate_limited");
  EXPECT_TRUE(collector.flush(30s).complete);
  const forebay::Stats stats = collector.stats();
  EXPECT_EQ(stats.sampled_out(), 1);
  EXPECT_EQ(stats.rate_limited(), 1);
  EXPECT_EQ(stats.number("represented.delivered"), 2);
  EXPECT_EQ(stats.number("represented.lost"), 1);
  EXPECT_TRUE(collector.audit().balanced);
}

}  // namespace
