// How metric points look on a console.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <string>
#include <vector>

#include "ship/console_text.h"
#include "ship/metric_bytes.h"

namespace forebay::ship {
namespace {

using namespace testing;

class ConsoleMetricsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
  static std::string pretty(const Message& metric, const std::string& scope = {}) {
    PrettyText text(false);
    ByteBuffer output;
    const Status status =
        for_each_metric_point(as_bytes(metric_request({metric}, scope)),
                              [&](const MetricPointView& point) { text.append(point, output); });
    EXPECT_TRUE(status.is_ok()) << status.message();
    return std::string(as_text(output.view()));
  }
  static std::string json(const Message& metric) {
    ByteBuffer output;
    const Status status = for_each_metric_point(
        as_bytes(metric_request({metric})),
        [&](const MetricPointView& point) { append_json_line(point, output); });
    EXPECT_TRUE(status.is_ok()) << status.message();
    return std::string(as_text(output.view()));
  }
  // What comes behind the time and the word METRIC.
  static std::string shown(const Message& metric) {
    const std::string line = pretty(metric);
    const std::string before = "08:00:00.123 METRIC ";
    EXPECT_EQ(line.find(before), 0u) << line;
    return line.substr(before.size(), line.size() - before.size() - 1);
  }
};

TEST_F(ConsoleMetricsTest, a_number_is_its_series_and_its_value_with_the_unit) {
  EXPECT_EQ(pretty(metric(DataField::kSum, "orders", {int_point(12, "eu")}), "checkout.api"),
            "08:00:00.123 METRIC checkout.api  orders{region=eu} 12 {order}\n");
  EXPECT_EQ(shown(metric(DataField::kGauge, "depth", {double_point(-0.5)})), "depth -0.5 {order}");
  EXPECT_EQ(shown(metric(DataField::kSum, "n", {int_point(INT64_MIN)}, kCumulative, "")),
            "n -9223372036854775808");
  EXPECT_EQ(shown(metric(DataField::kSum, "n", {int_point(1)}, kCumulative, "1")), "n 1");
}

TEST_F(ConsoleMetricsTest, a_delta_says_that_it_is_no_total) {
  EXPECT_EQ(shown(metric(DataField::kSum, "n", {int_point(3)}, kDelta)), "n 3 {order} delta");
  EXPECT_EQ(shown(metric(DataField::kHistogram, "h", {histogram_point()}, kDelta, "s")),
            "h count=3 sum=0.75 min=0.125 max=0.375 s delta");
}

TEST_F(ConsoleMetricsTest, distributions_are_count_sum_min_and_max_as_far_as_they_are_there) {
  EXPECT_EQ(shown(metric(DataField::kHistogram, "h", {histogram_point("eu")}, kCumulative, "s")),
            "h{region=eu} count=3 sum=0.75 min=0.125 max=0.375 s");
  EXPECT_EQ(shown(metric(DataField::kExponential, "e", {exponential_point("eu")}, kCumulative, "")),
            "e{region=eu} count=4 sum=10.5");
  EXPECT_EQ(shown(metric(DataField::kSummary, "s", {summary_point("eu")}, kCumulative, "")),
            "s{region=eu} count=5 sum=11");
  Message with_both = exponential_point();
  with_both.number(12, -1).number(13, 8).number(14, 0.25);
  EXPECT_EQ(shown(metric(DataField::kExponential, "e", {with_both}, kCumulative, "")),
            "e count=4 sum=10.5 min=-1 max=8");
  Message empty;
  empty.fixed64(3, kPointTime);
  EXPECT_EQ(shown(metric(DataField::kHistogram, "h", {empty}, kCumulative, "")), "h count=0");
}

TEST_F(ConsoleMetricsTest, a_point_without_a_value_says_so) {
  Message no_value;
  no_value.fixed64(3, kPointTime).varint(8, 1);
  EXPECT_EQ(shown(metric(DataField::kGauge, "g", {no_value}, 0, "")), "g -");
  EXPECT_EQ(json(metric(DataField::kGauge, "g", {no_value}, 0, "")).find("\"value\""),
            std::string::npos);
  Message flagged = histogram_point();
  flagged.varint(10, 1);
  EXPECT_EQ(shown(metric(DataField::kHistogram, "h", {flagged}, kCumulative, "")), "h -");
}

TEST_F(ConsoleMetricsTest, numbers_that_are_none_are_shown_as_words) {
  const auto gauge = [](double value) {
    return metric(DataField::kGauge, "g", {double_point(value)}, 0, "");
  };
  EXPECT_EQ(shown(gauge(std::nan(""))), "g NaN");
  EXPECT_EQ(shown(gauge(-std::numeric_limits<double>::infinity())), "g -Infinity");
  EXPECT_NE(json(gauge(std::nan(""))).find("\"value\":\"NaN\""), std::string::npos);
}

TEST_F(ConsoleMetricsTest, nothing_in_a_point_breaks_the_line_or_reads_as_another_attribute) {
  Message point = int_point(1, "eu,to=us}");
  point.message(7, key_value("k\n", any_text("\x1b[2J")));
  point.message(7, key_value("status", Message().varint(3, 200)));
  const std::string line = shown(metric(DataField::kSum, "a\x1b[2Jb\n", {point}));
  EXPECT_EQ(line, "a\\x1b[2Jb\\n{region=\"eu,to=us}\",k\\n=\\x1b[2J,status=200} 1 {order}");
}

TEST_F(ConsoleMetricsTest, json_is_a_flat_object_a_point) {
  EXPECT_EQ(json(metric(DataField::kSum, "orders", {int_point(12, "eu")}, kDelta)),
            "{\"time\":\"2027-01-15T08:00:00.123456Z\",\"metric\":\"orders\",\"kind\":\"sum\","
            "\"meter\":\"checkout.meter\",\"unit\":\"{order}\",\"temporality\":\"delta\","
            "\"monotonic\":true,\"value\":12,\"attributes\":{\"region\":\"eu\"}}\n");
  EXPECT_EQ(json(metric(DataField::kHistogram, "h", {histogram_point()}, kCumulative, "s")),
            "{\"time\":\"2027-01-15T08:00:00.123456Z\",\"metric\":\"h\",\"kind\":\"histogram\","
            "\"meter\":\"checkout.meter\",\"unit\":\"s\",\"temporality\":\"cumulative\","
            "\"count\":3,\"sum\":0.75,\"min\":0.125,\"max\":0.375}\n");
  EXPECT_NE(json(metric(DataField::kExponential, "e", {exponential_point()}))
                .find("\"kind\":\"exponential_histogram\""),
            std::string::npos);
}

TEST_F(ConsoleMetricsTest, what_is_on_the_wire_behind_the_points_holds_for_them_too) {
  // The name behind the data, the temporality behind the points, the scope behind its metrics, and
  // of two kinds of data the last.
  Message data;
  data.message(1, int_point(5)).varint(2, kDelta);
  Message late;
  late.message(5, Message().message(1, int_point(4))).message(7, data).text(1, "late");
  Message scope_metrics;
  scope_metrics.message(2, late).message(1, Message().text(1, "scope"));
  const std::string request = Message().message(1, Message().message(2, scope_metrics)).bytes();
  std::vector<std::string> seen;
  EXPECT_TRUE(for_each_metric_point(as_bytes(request), [&](const MetricPointView& point) {
                seen.push_back(std::string(point.scope_name) + " " + std::string(point.name));
                EXPECT_EQ(point.temporality, Temporality::kDelta);
                EXPECT_EQ(std::get<int64_t>(point.number), 5);
              }).is_ok());
  EXPECT_EQ(seen, std::vector<std::string>{"scope late"});
}

TEST_F(ConsoleMetricsTest, one_points_numbers_are_not_shown_with_the_next) {
  EXPECT_EQ(pretty(metric(DataField::kHistogram, "h",
                          {histogram_point("eu"), Message().fixed64(3, kPointTime)}, 0, "")),
            "08:00:00.123 METRIC h{region=eu} count=3 sum=0.75 min=0.125 max=0.375\n"
            "08:00:00.123 METRIC h count=0\n");
}

TEST_F(ConsoleMetricsTest, no_cut_or_flipped_byte_does_more_harm_than_an_error) {
  const std::string bytes =
      metric_request({metric(DataField::kSum, "a", {int_point(1, "x")}),
                      metric(DataField::kExponential, "b", {exponential_point("y")})});
  const auto walk = [](const std::string& request) {
    PrettyText text(true);
    ByteBuffer output;
    return for_each_metric_point(as_bytes(request), [&](const MetricPointView& point) {
      text.append(point, output);
      append_json_line(point, output);
    });
  };
  EXPECT_TRUE(walk(bytes).is_ok());
  for (size_t i = 1; i < bytes.size(); ++i) {
    EXPECT_EQ(walk(bytes.substr(0, i)).code(), StatusCode::kCorrupt) << i;
    for (const char mask : {'\x01', '\x80', '\xff'}) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(flipped[i] ^ mask);
      (void)walk(flipped);
    }
  }
}

}  // namespace
}  // namespace forebay::ship
