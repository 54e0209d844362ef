// OTLP/JSON of metrics, against the text that the specification's rules give.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "ship/json_of.h"
#include "ship/metric_bytes.h"
#include "ship/otlp_json.h"

namespace forebay::ship {
namespace {

using namespace testing;

std::string json(const std::string& message) { return json_of(message, Signal::kMetrics); }
// A MetricsData with this one metric, and what is inside its brackets as JSON.
std::string metric_json(const Message& metric) {
  const std::string all =
      json(Message().message(1, Message().message(2, Message().message(2, metric))).bytes());
  const std::string before = "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[";
  const std::string after = "]}]}]}";
  EXPECT_EQ(all.substr(0, before.size()), before);
  return all.substr(before.size(), all.size() - before.size() - after.size());
}
// A gauge's one point.
std::string point_json(const Message& point) {
  const std::string all = metric_json(Message().message(5, Message().message(1, point)));
  const std::string before = "{\"gauge\":{\"dataPoints\":[";
  const std::string after = "]}}";
  EXPECT_EQ(all.substr(0, before.size()), before);
  return all.substr(before.size(), all.size() - before.size() - after.size());
}

TEST(OtlpJsonMetricsTest, resource_scope_and_metric_have_all_that_they_say) {
  EXPECT_EQ(json(metric_request({metric(DataField::kSum, "orders", {int_point(12, "eu")})})),
            "{\"resourceMetrics\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\","
            "\"value\":{\"stringValue\":\"checkout\"}}]},\"scopeMetrics\":[{\"scope\":{"
            "\"name\":\"checkout.meter\",\"version\":\"1.2\"},\"metrics\":[{\"name\":\"orders\","
            "\"description\":\"about orders\",\"unit\":\"{order}\",\"sum\":{\"dataPoints\":["
            "{\"attributes\":[{\"key\":\"region\",\"value\":{\"stringValue\":\"eu\"}}],"
            "\"startTimeUnixNano\":\"1799999940123456789\",\"timeUnixNano\":"
            "\"1800000000123456789\",\"asInt\":\"12\"}],\"aggregationTemporality\":2,"
            "\"isMonotonic\":true},\"metadata\":[{\"key\":\"meta\",\"value\":{\"stringValue\":"
            "\"data\"}}]}],\"schemaUrl\":\"scope.schema\"}],\"schemaUrl\":\"schema\"}]}");
}

TEST(OtlpJsonMetricsTest, whole_numbers_are_strings_and_others_numbers_or_their_names) {
  const auto whole = [](int64_t value) {
    return point_json(Message().fixed64(6, static_cast<uint64_t>(value)));
  };
  EXPECT_EQ(whole(INT64_MIN), "{\"asInt\":\"-9223372036854775808\"}");
  EXPECT_EQ(whole(-1), "{\"asInt\":\"-1\"}");
  EXPECT_EQ(whole(0), "{\"asInt\":\"0\"}") << "a oneof shows what is chosen, also where it is zero";
  const auto real = [](double value) { return point_json(Message().number(4, value)); };
  EXPECT_EQ(real(0), "{\"asDouble\":0}");
  EXPECT_EQ(real(12.5), "{\"asDouble\":12.5}");
  EXPECT_EQ(real(std::nan("")), "{\"asDouble\":\"NaN\"}");
  EXPECT_EQ(real(std::numeric_limits<double>::infinity()), "{\"asDouble\":\"Infinity\"}");
  EXPECT_EQ(real(-std::numeric_limits<double>::infinity()), "{\"asDouble\":\"-Infinity\"}");
  EXPECT_EQ(point_json(Message().number(4, 1).fixed64(6, 2)), "{\"asInt\":\"2\"}") << "the last";
}

TEST(OtlpJsonMetricsTest, an_exemplar_has_its_ids_in_hex) {
  Message exemplar;
  exemplar.fixed64(2, 7).number(3, 0.5).text(4, "\x01\x02\x03\x04\x05\x06\x07\xff");
  exemplar.text(5, std::string(16, '\xab')).message(7, key_value("k", any_text("v")));
  EXPECT_EQ(point_json(Message().message(5, exemplar)),
            "{\"exemplars\":[{\"filteredAttributes\":[{\"key\":\"k\",\"value\":{\"stringValue\":"
            "\"v\"}}],\"timeUnixNano\":\"7\",\"asDouble\":0.5,\"spanId\":\"01020304050607ff\","
            "\"traceId\":\"abababababababababababababababab\"}]}");
}

TEST(OtlpJsonMetricsTest, optional_numbers_are_shown_where_they_are_there_also_as_zero) {
  const auto of = [](const Message& point) {
    const std::string all = metric_json(Message().message(9, Message().message(1, point)));
    const size_t begin = all.find('[') + 1;
    return all.substr(begin, all.find(']', begin) - begin);
  };
  EXPECT_EQ(of(Message().number(5, 0).number(11, 0).number(12, 0)),
            "{\"sum\":0,\"min\":0,\"max\":0}");
  EXPECT_EQ(of(Message().fixed64(4, 0)), "{}") << "a count has no presence";
}

TEST(OtlpJsonMetricsTest, bucket_counts_are_strings_packed_or_one_by_one) {
  const auto counts = [](const Message& point) {
    const std::string all = metric_json(Message().message(9, Message().message(1, point)));
    const size_t begin = all.find("\"bucketCounts\":");
    return all.substr(begin, all.find(']', begin) + 1 - begin);
  };
  const std::string expected = "\"bucketCounts\":[\"0\",\"3\",\"18446744073709551615\"]";
  EXPECT_EQ(counts(Message().text(6, packed64({0, 3, UINT64_MAX}))), expected);
  EXPECT_EQ(counts(Message().fixed64(6, 0).fixed64(6, 3).fixed64(6, UINT64_MAX)), expected);
  EXPECT_EQ(counts(Message().text(6, packed64({0})).text(6, packed64({3, UINT64_MAX}))), expected);
}

TEST(OtlpJsonMetricsTest, an_exponential_point_s_scale_and_offsets_are_signed_numbers) {
  Message point = exponential_point();
  point.message(9, Message().varint(1, UINT32_MAX).text(2, "\x07")).number(14, 0.25);
  const std::string all =
      metric_json(metric(DataField::kExponential, "e", {point}, kCumulative, ""));
  EXPECT_NE(all.find("\"count\":\"4\",\"sum\":10.5,\"scale\":-2,\"zeroCount\":\"1\",\"positive\":{"
                     "\"offset\":-3,\"bucketCounts\":[\"1\",\"2\"]},\"negative\":{\"offset\":"
                     "-2147483648,\"bucketCounts\":[\"7\"]},\"zeroThreshold\":0.25"),
            std::string::npos)
      << all;
}

TEST(OtlpJsonMetricsTest, a_summary_has_its_quantiles_and_no_temporality) {
  EXPECT_EQ(
      metric_json(metric(DataField::kSummary, "s", {summary_point()}, kCumulative, "")),
      "{\"name\":\"s\",\"description\":\"about s\",\"summary\":{\"dataPoints\":[{"
      "\"timeUnixNano\":\"1800000000123456789\",\"count\":\"5\",\"sum\":11,"
      "\"quantileValues\":[{\"quantile\":0.5,\"value\":2}]}]},\"metadata\":[{\"key\":\"meta\","
      "\"value\":{\"stringValue\":\"data\"}}]}");
}

TEST(OtlpJsonMetricsTest, bytes_that_are_no_message_are_an_error) {
  const std::string good =
      metric_request({metric(DataField::kHistogram, "h", {histogram_point()})});
  for (size_t cut = 1; cut < good.size(); ++cut) {
    EXPECT_EQ(json(good.substr(0, cut)), "ERROR") << cut;
  }
  Message odd;  // packed fixed64 of 12 bytes
  odd.text(6, std::string(12, '\0'));
  EXPECT_EQ(json(metric_request({metric(DataField::kHistogram, "h", {odd})})), "ERROR");
}

}  // namespace
}  // namespace forebay::ship
