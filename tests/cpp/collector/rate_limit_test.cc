// Limits and lanes by attribute, from emit to the receiver; and the options of both.
#include <thread>

#include "balanced.h"
#include "received_records.h"

namespace forebay {
namespace {

using RateLimitTest = BalancedTest;

Api::Options limited_lane(double per_second, int64_t burst, const std::string& by) {
  return {{"lanes[0].name", std::string("all")},
          {"lanes[0].rate_limit.per_second", per_second},
          {"lanes[0].rate_limit.burst", burst},
          {"lanes[0].rate_limit.by", by}};
}

TEST_F(RateLimitTest, what_is_suppressed_is_counted_and_told_in_one_summary) {
  forebay_collector* collector = create(limited_lane(0.001, 10, "lane"));
  forebay_logger* logger = api.logger(collector, "flood");
  int accepted = 0;
  for (int i = 0; i < 100; ++i) {
    const int32_t outcome = api.emit(logger, api.site("flood", i % 2 == 0 ? 9 : 13));
    accepted += outcome == FOREBAY_ACCEPTED ? 1 : 0;
    if (outcome != FOREBAY_ACCEPTED) {
      EXPECT_EQ(outcome, FOREBAY_RATE_LIMITED);
    }
  }
  EXPECT_EQ(accepted, 10);
  EXPECT_EQ(api.stat(collector, "rate_limited"), 90);
  EXPECT_TRUE(api.flush(collector, 30));
  std::vector<ReceivedRecord> summaries;
  int64_t told = 0;
  for (const ReceivedRecord& record : received(api.take(collector))) {
    if (record.attribute("forebay.internal").empty()) continue;
    summaries.push_back(record);
    told += std::stoll(record.attribute("forebay.suppressed.count").substr(4));
  }
  EXPECT_EQ(told, 90);
  ASSERT_GE(summaries.size(), 1u);
  EXPECT_LE(summaries.size(), 2u) << "one, or two where an interval ended in between";
  EXPECT_EQ(summaries.back().scope, "forebay");
  EXPECT_EQ(summaries.back().attribute("forebay.internal"), "str:suppressed");
  EXPECT_EQ(summaries.back().attribute("forebay.suppressed.by"), "str:lane");
  EXPECT_EQ(summaries.back().attribute("forebay.suppressed.key"), "str:all");
  EXPECT_EQ(summaries.back().record.severity, 13u) << "the highest of what it tells of";
  EXPECT_NE(summaries.back().record.body.find(" records suppressed"), std::string::npos);
  EXPECT_EQ(api.stat(collector, "represented.delivered"), 10);
  EXPECT_EQ(api.stat(collector, "represented.lost"), 90);
}

TEST_F(RateLimitTest, a_summary_comes_once_an_interval_without_a_flush) {
  Api::Options options = limited_lane(0.001, 1, "lane");
  options.emplace_back("limits.summary_interval", 0.1);
  options.emplace_back("batch.max_delay", 0.01);
  forebay_collector* collector = create(options);
  forebay_logger* logger = api.logger(collector, "interval");
  for (int i = 0; i < 3; ++i) (void)api.emit(logger, api.site("interval"));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  int64_t told = 0;
  while (told < 2 && std::chrono::steady_clock::now() < deadline) {
    for (const ReceivedRecord& record : received(api.take(collector))) {
      const std::string count = record.attribute("forebay.suppressed.count");
      if (!count.empty()) told += std::stoll(count.substr(4));
    }
    std::this_thread::yield();
  }
  EXPECT_EQ(told, 2);
}

TEST_F(RateLimitTest, by_site_each_call_site_has_its_limit_and_its_summary) {
  forebay_collector* collector = create(limited_lane(0.001, 2, "site"));
  forebay_logger* logger = api.logger(collector, "sites");
  std::map<std::string, int> expected;
  for (const char* body : {"first", "second"}) {
    for (int i = 0; i < 7; ++i) (void)api.emit(logger, api.site(body));
    expected[std::string("str:sites: ") + body] = 5;
  }
  EXPECT_TRUE(api.flush(collector, 30));
  std::map<std::string, int> told;
  for (const ReceivedRecord& record : received(api.take(collector))) {
    const std::string count = record.attribute("forebay.suppressed.count");
    if (count.empty()) continue;
    EXPECT_EQ(record.attribute("forebay.suppressed.by"), "str:site");
    told[record.attribute("forebay.suppressed.key")] += std::stoi(count.substr(4));
  }
  EXPECT_EQ(told, expected);
  EXPECT_EQ(api.stat(collector, "rate_limited"), 10);
}

TEST_F(RateLimitTest, sampling_is_decided_before_the_limit) {
  Api::Options options = limited_lane(0.001, 5, "lane");
  options.emplace_back("sampling[0].type", std::string("ratio"));
  options.emplace_back("sampling[0].ratio", 0.1);
  forebay_collector* collector = create(options);
  forebay_logger* logger = api.logger(collector, "both");
  for (int i = 0; i < 100; ++i) (void)api.emit(logger, api.site("both"));
  EXPECT_TRUE(api.flush(collector, 30));
  const Api::Numbers stats = api.stats(collector);
  EXPECT_EQ(stats.at("sampled_out"), 90);
  EXPECT_EQ(stats.at("rate_limited"), 5);
  EXPECT_EQ(stats.at("represented.delivered"), 95) << "what the kept ones stood for is not lost";
  EXPECT_EQ(stats.at("represented.lost"), 5);
  EXPECT_EQ(sum_of_adjusted_counts(received(api.take(collector))), 95);
}

// A record that would have to wait is as if it had not been: it took no token, and no place in a
// burst.
TEST_F(RateLimitTest, who_would_have_to_wait_takes_nothing) {
  constexpr int64_t kAllowed = 50'000;
  Api::Options limit = limited_lane(0.001, kAllowed, "lane");
  Api::Options burst = {{"lanes[0].name", std::string("all")},
                        {"sampling[0].type", std::string("burst")},
                        {"sampling[0].first", kAllowed},
                        {"sampling[0].then_every", int64_t{0}},
                        {"sampling[0].interval", 3600.0}};  // a slow machine must not see two
  for (Api::Options* options : {&limit, &burst}) {
    SCOPED_TRACE((*options)[1].first);
    options->emplace_back("lanes[0].on_full[0]", std::string("block"));
    options->emplace_back("lanes[0].queue_records", int64_t{64});
    forebay_collector* collector = create(*options);
    forebay_logger* logger = api.logger(collector, "waits");
    const forebay_site* site = api.site("waits");
    int64_t accepted = 0;
    int64_t would_wait = 0;
    int32_t outcome = FOREBAY_ACCEPTED;
    while (outcome == FOREBAY_ACCEPTED || outcome == FOREBAY_WOULD_BLOCK) {
      outcome = api.table->emit(logger, site, nullptr, 0, nullptr,
                                FOREBAY_EMIT_REPORT_BLOCK | FOREBAY_EMIT_FLAT);
      accepted += outcome == FOREBAY_ACCEPTED ? 1 : 0;
      would_wait += outcome == FOREBAY_WOULD_BLOCK ? 1 : 0;
    }
    EXPECT_EQ(accepted, kAllowed);
    EXPECT_GT(would_wait, 0) << "the lane was never full";
    EXPECT_EQ(api.stat(collector, "emitted"), kAllowed + 1);
  }
}

TEST_F(RateLimitTest, an_attribute_chooses_the_lane) {
  forebay_collector* collector = create({{"lanes[0].name", std::string("gold")},
                                         {"lanes[0].attribute:tier", std::string("gold")},
                                         {"lanes[0].signal", std::string("logs")},
                                         {"lanes[1].name", std::string("urgent")},
                                         {"lanes[1].min_level", int64_t{17}},
                                         {"lanes[2].name", std::string("rest")}});
  forebay_logger* logger = api.logger(collector, "shop");
  const forebay_site* site = api.site("order", 9, {"tier"});
  const forebay_site* error = api.site("failed", 17, {"tier"});
  for (int i = 0; i < 3; ++i) {
    (void)api.emit(logger, site, {text_value("gold")});
    (void)api.emit(logger, error, {text_value("gold")});
    (void)api.emit(logger, error, {text_value("silver")});
    (void)api.emit(logger, site, {text_value("silver")});
  }
  Extra extra;
  extra.attribute("tier", text_value("gold"));
  (void)api.emit(logger, site, {text_value("silver")}, &extra.fields);
  const Api::Numbers stats = api.stats(collector);
  EXPECT_EQ(stats.at("lanes.gold.emitted"), 7);
  EXPECT_EQ(stats.at("lanes.urgent.emitted"), 3);
  EXPECT_EQ(stats.at("lanes.rest.emitted"), 3);
}

TEST_F(RateLimitTest, bad_options_of_admission_are_refused_with_their_path) {
  const std::string name = "lanes[0].name";
  const std::string type = "sampling[0].type";
  struct Case {
    Api::Options options;
    std::string names;
  };
  const std::vector<Case> cases = {
      {{{name, std::string("a")}, {"lanes[0].signal", std::string("metrics")}},
       "lanes[0].signal: 'metrics' is none of logs"},
      {{{name, std::string("a")}, {"lanes[0].attribute:k", 1.5}},
       "lanes[0].attribute:k: is not a string"},
      {{{name, std::string("a")}, {"lanes[0].rate_limit.per_second", -1.0}},
       "lanes[0].rate_limit.per_second: -1 is not in 0..1e+09"},
      {{{name, std::string("a")}, {"lanes[0].rate_limit.burst", int64_t{1}}},
       "lanes[0].rate_limit.per_second: is missing"},
      {{{name, std::string("a")},
        {"lanes[0].rate_limit.per_second", 1.0},
        {"lanes[0].rate_limit.by", std::string("host")}},
       "lanes[0].rate_limit.by: 'host' is none of lane, logger, site"},
      {{{type, std::string("some")}}, "sampling[0].type: 'some' is none of"},
      {{{type, std::string("ratio")}}, "sampling[0].ratio: is missing"},
      {{{type, std::string("ratio")}, {"sampling[0].ratio", 2.0}},
       "sampling[0].ratio: 2 is not in 0..1"},
      {{{type, std::string("ratio")},
        {"sampling[0].ratio", 0.5},
        {"sampling[0].first", int64_t{1}}},
       "sampling[0].first: there is no such option"},
      {{{type, std::string("trace_ratio")}, {"sampling[0].ratio", 1e-15}},
       "sampling[0].ratio: 1e-15 is not in 2^-40..1"},
      {{{type, std::string("burst")}, {"sampling[0].interval", 0.0}},
       "sampling[0].interval: 0 is not in 0.001..86400"},
      {{{type, std::string("burst")}, {"sampling[0].logger", std::string("a*b")}},
       "sampling[0].logger: 'a*b'"},
      {{{"limits.summary_interval", 0.0}}, "limits.summary_interval: 0 is not in 0.01..3600"},
  };
  for (const Case& bad : cases) {
    std::string error;
    EXPECT_EQ(api.create(bad.options, &error), nullptr) << bad.names;
    EXPECT_EQ(error.substr(0, bad.names.size()), bad.names);
  }
}

}  // namespace
}  // namespace forebay
