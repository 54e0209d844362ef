// Options that are refused, and records that are too much.
#include "balanced.h"
#include "otlp_records.h"

namespace forebay {
namespace {

using LimitsTest = BalancedTest;

TEST_F(LimitsTest, a_bad_option_is_refused_with_its_name) {
  struct Case {
    Api::Options options;
    std::string names;
  };
  const std::string lane = "lanes[0].name";
  const std::vector<Case> cases = {
      {{{"lanes[0].name", std::string("a")}, {"lanes[0].queue_records", int64_t{7}}},
       "lanes[0].queue_records: 7"},
      {{{"lanes[0].name", std::string("a")}, {"lanes[0].on_full[0]", std::string("wait")}},
       "lanes[0].on_full[0]: 'wait'"},
      {{{lane, std::string("a.b")}}, "lanes[0].name: 'a.b'"},
      {{{lane, std::string("a")}, {"lanes[1].name", std::string("a")}}, "lanes[1].name: 'a'"},
      {{{lane, std::string("a")}, {"lanes[0].backlog_share", 1.5}}, "lanes[0].backlog_share: 1.5"},
      {{{"batch.max_records", int64_t{0}}}, "batch.max_records: 0"},
      {{{"batch.max_delay", -1.0}}, "batch.max_delay: -1"},
      {{{"max_record_bytes", int64_t{10}}}, "max_record_bytes: 10"},
      {{{"backlog.max_bytes", std::string("big")}}, "backlog.max_bytes: 'big'"},
      {{{"retry.initial", 5.0}, {"retry.max", 1.0}}, "retry.max"},
      {{{"exporter.type", std::string("carrier pigeon")}}, "exporter.type: 'carrier pigeon'"},
      {{{"exporter.type", std::string("file")}}, "exporter.directory"},
      {{{"exporter.endpoint", std::string("ftp://127.0.0.1")}}, "exporter.endpoint: 'ftp"},
      {{{"exporter.logs_endpoint", std::string("ftp://h")}}, "exporter.logs_endpoint: 'ftp"},
      {{{"exporter.metrics_endpoint", std::string("h:1")}}, "exporter.metrics_endpoint: 'h:1'"},
      {{{"exporter.metrics_endpoint", std::string("http://h/push")}},
       "exporter.logs_endpoint: is not given"},
      {{{"memory_limit", int64_t{1} << 20}, {"backlog.max_bytes", int64_t{2} << 20}},
       "memory_limit"},
      {{{"no_such_thing", true}}, "no_such_thing"},
      {{{"batch.max_records", int64_t{1}}, {"batch.max_records", int64_t{2}}},
       "batch.max_records: is given twice"},
  };
  for (const Case& bad : cases) {
    std::string error;
    int32_t status = FOREBAY_OK;
    EXPECT_EQ(api.create(bad.options, &error, &status), nullptr) << bad.names;
    EXPECT_EQ(status, FOREBAY_INVALID_ARGUMENT) << bad.names;
    EXPECT_EQ(error.substr(0, bad.names.size()), bad.names);
  }
}

TEST_F(LimitsTest, a_message_of_10_MB_is_cut_to_max_record_bytes_and_counted) {
  forebay_collector* collector = create({{"max_record_bytes", int64_t{100'000}}});
  forebay_logger* logger = api.logger(collector, "limits.message");
  const std::string message(10'000'000, 'm');
  forebay_extra extra = no_extra();
  extra.body = text_value(message);
  EXPECT_EQ(api.emit(logger, api.site("unused"), {}, &extra), FOREBAY_ACCEPTED);
  EXPECT_TRUE(api.flush(collector, 30));
  EXPECT_EQ(api.stat(collector, "notes.truncated_records"), 1);
  const auto records = records_in(api.take(collector));
  ASSERT_EQ(records.size(), 1u);
  EXPECT_GT(records[0].body.size(), 90'000u);
  EXPECT_LE(records[0].body.size(), 100'000u);
  EXPECT_EQ(records[0].attributes.at("forebay.truncated"), "bool:1");
}

TEST_F(LimitsTest, a_message_of_10_MB_is_cut_to_a_quarter_of_a_small_lane) {
  forebay_collector* collector =
      create({{"lanes[0].name", std::string("small")}, {"lanes[0].queue_records", int64_t{64}}});
  forebay_logger* logger = api.logger(collector, "limits.small");
  const std::string message(10'000'000, 'm');
  forebay_extra extra = no_extra();
  extra.body = text_value(message);
  EXPECT_EQ(api.emit(logger, api.site("unused"), {}, &extra), FOREBAY_ACCEPTED);
  EXPECT_TRUE(api.flush(collector, 30));
  const auto records = records_in(api.take(collector));
  ASSERT_EQ(records.size(), 1u);
  EXPECT_GT(records[0].body.size(), 1500u);
  EXPECT_LE(records[0].body.size(), 2048u);
}

TEST_F(LimitsTest, attributes_beyond_the_65535th_are_left_out_and_counted) {
  forebay_collector* collector =
      create({{"max_record_bytes", int64_t{4} << 20}, {"memory_limit", int64_t{256} << 20}});
  forebay_logger* logger = api.logger(collector, "limits.attributes");
  std::deque<std::string> keys;
  Extra extra;
  for (int i = 0; i < 70'000; ++i)
    extra.attribute(keys.emplace_back(std::to_string(i)), int_value(i));
  EXPECT_EQ(api.emit(logger, api.site("many"), {}, &extra.fields), FOREBAY_ACCEPTED);
  EXPECT_TRUE(api.flush(collector, 30));
  const auto records = records_in(api.take(collector));
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].dropped_attributes, 70'000u - 65'535u);
  EXPECT_EQ(records[0].attributes.at("65534"), "int:65534");
  EXPECT_FALSE(records[0].attributes.contains("65535"));
  EXPECT_EQ(api.stat(collector, "notes.truncated_records"), 1);
}

TEST_F(LimitsTest, values_beyond_the_sites_keys_harm_nobody) {
  forebay_collector* collector = create();
  forebay_logger* logger = api.logger(collector, "limits.values");
  const forebay_site* site = api.site("values", 9, {"a"});
  EXPECT_EQ(api.emit(logger, site, {int_value(1), int_value(2), int_value(3)}), FOREBAY_ACCEPTED);
  EXPECT_EQ(api.emit(logger, site, {}), FOREBAY_ACCEPTED);
  EXPECT_EQ(api.emit(logger, nullptr, {}), FOREBAY_ACCEPTED);
  EXPECT_TRUE(api.flush(collector, 30));
  const auto records = records_in(api.take(collector));
  ASSERT_EQ(records.size(), 3u);
}

}  // namespace
}  // namespace forebay
