#include "encode/prometheus_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "encode/point_maker.h"

namespace forebay::encode {
namespace {

using model::PointKind;
using namespace std::string_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr auto kText = PrometheusFormat::kText;
constexpr auto kOpenMetrics = PrometheusFormat::kOpenMetrics;

// A text without target_info and scope labels, where a test does not want them.
class Page {
 public:
  explicit Page(PrometheusFormat format = kText, bool has_scope_labels = false,
                const model::Resource& resource = {})
      : text_(resource, {.format = format, .has_scope_labels = has_scope_labels}) {}

  template <typename Point>
  Page& with(const model::MetricStream& stream, const Point& point) {
    text_.begin_stream(stream);
    text_.add(point);
    return *this;
  }
  template <typename Point>
  Page& and_point(const Point& point) {
    text_.add(point);
    return *this;
  }
  std::string finish() {
    ByteBuffer out;
    text_.finish(out);
    return std::string(as_text(out.view()));
  }
  // "name: sentence"
  [[nodiscard]] std::vector<std::string> left_out() const {
    std::vector<std::string> all;
    for (const auto& one : text_.left_out()) all.push_back(one.name + ": " + one.sentence);
    return all;
  }

 private:
  PrometheusText text_;
};

model::NumberPoint one() { return integer_point({}, 1); }

std::string labels_of(const Set& set) {
  const std::string text =
      Page().with(stream("m", PointKind::kGauge), integer_point(set.view(), 1)).finish();
  const size_t begin = text.find("\nm") + 2;
  return text.substr(begin, text.rfind(' ') - begin);
}

std::string value_of(const model::NumberPoint& point) {
  const std::string text = Page().with(stream("m", PointKind::kGauge), point).finish();
  const size_t begin = text.rfind(' ') + 1;
  return text.substr(begin, text.size() - begin - 1);
}

TEST(PrometheusTextTest, a_counter_has_total_and_in_openmetrics_its_start) {
  const Set set({{"http.route", owned_text("/x")}, {"ok", integer(1, FOREBAY_BOOL)}});
  const auto requests = counter("http.requests", "{request}");
  EXPECT_EQ(
      Page().with(requests, integer_point(set.view(), 7)).and_point(real_point({}, 0.5)).finish(),
      "# HELP http_requests_total what it is\n"
      "# TYPE http_requests_total counter\n"
      "http_requests_total{http_route=\"/x\",ok=\"true\"} 7\n"
      "http_requests_total 0.5\n");
  EXPECT_EQ(Page(kOpenMetrics).with(requests, integer_point(set.view(), 7)).finish(),
            "# TYPE http_requests counter\n"
            "# HELP http_requests what it is\n"
            "http_requests_total{http_route=\"/x\",ok=\"true\"} 7\n"
            "http_requests_created{http_route=\"/x\",ok=\"true\"} 1800000000.000000001\n"
            "# EOF\n");
}

TEST(PrometheusTextTest, gauges_and_sums_that_may_fall_are_gauges) {
  EXPECT_EQ(Page(kOpenMetrics)
                .with(stream("queue.size", PointKind::kSum, "By"), integer_point({}, -3))
                .with(stream("fill", PointKind::kGauge, "1"), real_point({}, 0.25))
                .finish(),
            "# TYPE queue_size_bytes gauge\n"
            "# UNIT queue_size_bytes bytes\n"
            "# HELP queue_size_bytes what it is\n"
            "queue_size_bytes -3\n"
            "# TYPE fill_ratio gauge\n"
            "# UNIT fill_ratio ratio\n"
            "# HELP fill_ratio what it is\n"
            "fill_ratio 0.25\n"
            "# EOF\n");
}

TEST(PrometheusTextTest, the_buckets_of_a_histogram_add_up) {
  const std::vector<double> bounds = {0, 0.005, 1, 250, 1e6};
  const std::vector<uint64_t> counts = {1, 0, 2, 3, 0, 4};
  const Set set({{"le", owned_text("x")}, {"route", owned_text("/")}});
  model::HistogramPoint point = histogram_point(set.view(), 10, 12.5, bounds, counts);
  const auto duration = stream("duration", PointKind::kHistogram, "s");
  EXPECT_EQ(Page().with(duration, point).finish(),
            "# HELP duration_seconds what it is\n"
            "# TYPE duration_seconds histogram\n"
            "duration_seconds_bucket{exported_le=\"x\",route=\"/\",le=\"0.0\"} 1\n"
            "duration_seconds_bucket{exported_le=\"x\",route=\"/\",le=\"0.005\"} 1\n"
            "duration_seconds_bucket{exported_le=\"x\",route=\"/\",le=\"1.0\"} 3\n"
            "duration_seconds_bucket{exported_le=\"x\",route=\"/\",le=\"250.0\"} 6\n"
            "duration_seconds_bucket{exported_le=\"x\",route=\"/\",le=\"1e+06\"} 6\n"
            "duration_seconds_bucket{exported_le=\"x\",route=\"/\",le=\"+Inf\"} 10\n"
            "duration_seconds_sum{exported_le=\"x\",route=\"/\"} 12.5\n"
            "duration_seconds_count{exported_le=\"x\",route=\"/\"} 10\n");

  point.has_sum = false;
  point.attributes = {};
  const std::string text = Page().with(duration, point).finish();
  EXPECT_THAT(text, AllOf(Not(HasSubstr("_sum")), HasSubstr("\nduration_seconds_count 10\n")));
  const std::string open = Page(kOpenMetrics).with(duration, point).finish();
  EXPECT_THAT(open, AllOf(Not(HasSubstr("_sum")), Not(HasSubstr("_count")),
                          HasSubstr("\nduration_seconds_bucket{le=\"+Inf\"} 10\n"
                                    "duration_seconds_created 1800000000.000000001\n# EOF\n")));
}

TEST(PrometheusTextTest, a_histogram_with_negative_bounds_has_no_sum) {
  const std::vector<double> bounds = {-1, 0};
  const std::vector<uint64_t> counts = {0, 0, 2};
  model::HistogramPoint point = histogram_point({}, 2, 3, bounds, counts);
  EXPECT_THAT(Page().with(stream("h", PointKind::kHistogram), point).finish(),
              AllOf(HasSubstr("{le=\"-1.0\"} 0\n"), Not(HasSubstr("_sum"))));
}

TEST(PrometheusTextTest, one_line_holds_infinity_also_where_it_is_a_bound) {
  const std::vector<double> bounds = {1, std::numeric_limits<double>::infinity()};
  const std::vector<uint64_t> counts = {1, 2, 0};
  model::HistogramPoint point = histogram_point({}, 3, 3, bounds, counts);
  EXPECT_THAT(Page().with(stream("h", PointKind::kHistogram), point).finish(),
              HasSubstr("h_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 3\nh_sum 3\n"));
}

TEST(PrometheusTextTest, an_exponential_histogram_has_count_and_sum_but_no_buckets) {
  const std::vector<uint64_t> counts = {1, 2};
  model::ExponentialHistogramPoint point{.attributes = {},
                                         .start = kStart,
                                         .time = kNow,
                                         .count = 3,
                                         .sum = 4.5,
                                         .min = 1,
                                         .max = 2,
                                         .scale = 3,
                                         .zero_count = 0,
                                         .positive = {5, counts},
                                         .negative = {}};
  const auto wait = stream("wait", PointKind::kExponentialHistogram, "s");
  EXPECT_EQ(Page().with(wait, point).finish(),
            "# HELP wait_seconds what it is\n"
            "# TYPE wait_seconds histogram\n"
            "wait_seconds_bucket{le=\"+Inf\"} 3\n"
            "wait_seconds_sum 4.5\n"
            "wait_seconds_count 3\n"
            "# forebay: the buckets of wait_seconds are left out: text has none that are "
            "exponential\n");
  Page open(kOpenMetrics);
  EXPECT_THAT(open.with(wait, point).finish(), Not(HasSubstr("forebay"))) << "no comments there";
  EXPECT_THAT(open.left_out(), ElementsAre(HasSubstr(": the buckets of wait_seconds")));
}

TEST(PrometheusTextTest, points_have_the_labels_of_their_scope) {
  const Set set({{"a", integer(1)}});
  EXPECT_THAT(
      Page(kText, true).with(counter("c"), integer_point(set.view(), 1)).and_point(one()).finish(),
      AllOf(HasSubstr("c_total{a=\"1\",otel_scope_name=\"app\",otel_scope_team=\"blue\","
                      "otel_scope_version=\"1.2\"} 1\n"),
            HasSubstr("c_total{otel_scope_name=\"app\",otel_scope_team=\"blue\","
                      "otel_scope_version=\"1.2\"} 1\n")));
  const model::Scope bare{
      .id = 1,
      .name = "x",
      .version = "",
      .attributes = {{"name", owned_text("n")}, {"schema.url", owned_text("s")}}};
  auto sum = counter("c");
  sum.scope = &bare;
  EXPECT_THAT(Page(kText, true).with(sum, one()).finish(),
              HasSubstr("c_total{otel_scope_name=\"x\"} 1\n"));
}

TEST(PrometheusTextTest, an_attribute_named_like_a_scope_label_is_joined_with_it) {
  const Set set({{"otel.scope.name", owned_text("mine")}});
  EXPECT_THAT(Page(kText, true).with(counter("c"), integer_point(set.view(), 1)).finish(),
              HasSubstr("otel_scope_name=\"mine;app\""));
}

TEST(PrometheusTextTest, the_resource_is_shown_once_and_first) {
  const model::Resource resource{
      {{"service.name", owned_text("shop \"1\"")}, {"host.id", integer(5)}}};
  EXPECT_EQ(Page(kText, false, resource).with(stream("g", PointKind::kGauge), one()).finish(),
            "# HELP target_info Target metadata\n"
            "# TYPE target_info gauge\n"
            "target_info{host_id=\"5\",service_name=\"shop \\\"1\\\"\"} 1\n"
            "# HELP g what it is\n"
            "# TYPE g gauge\n"
            "g 1\n");
  EXPECT_EQ(Page(kOpenMetrics, false, resource).finish(),
            "# TYPE target info\n"
            "# HELP target Target metadata\n"
            "target_info{host_id=\"5\",service_name=\"shop \\\"1\\\"\"} 1\n"
            "# EOF\n");
  ByteBuffer out;
  PrometheusText(resource, {.format = kText, .has_target_info = false}).finish(out);
  EXPECT_TRUE(out.empty());
}

TEST(PrometheusTextTest, keys_become_label_names_and_those_that_collide_are_joined_by_key) {
  EXPECT_EQ(labels_of({}), "");
  EXPECT_EQ(labels_of({{"a.b", owned_text("1")}}), "{a_b=\"1\"}");
  EXPECT_EQ(labels_of({{"a_b", owned_text("3")},
                       {"a.b", owned_text("2")},
                       {"a-b", owned_text("1")},
                       {"z", owned_text("4")}}),
            "{a_b=\"1;2;3\",z=\"4\"}");
  EXPECT_EQ(labels_of({{"9", owned_text("n")},
                       {"_x", owned_text("u")},
                       {"__y", owned_text("v")},
                       {"", owned_text("e")}}),
            "{key_=\"e\",key_9=\"n\",key_y=\"v\",key_x=\"u\"}");
  EXPECT_EQ(labels_of({{"a", owned_text("")}, {"b", owned_text("2")}}), "{b=\"2\"}")
      << "the same as none";
  EXPECT_EQ(labels_of({{"le", owned_text("kept")}}), "{le=\"kept\"}") << "no bound, of a gauge";
}

TEST(PrometheusTextTest, label_values_are_escaped_and_utf8) {
  EXPECT_EQ(labels_of({{"k", owned_text("a\\b\"c\nd")}}), "{k=\"a\\\\b\\\"c\\nd\"}");
  EXPECT_EQ(labels_of({{"k", owned_text("\xFF\xC3\xA9")}}), "{k=\"\xEF\xBF\xBD\xC3\xA9\"}");
  EXPECT_EQ(labels_of({{"k", owned_text(std::string_view("\t\0", 2))}}), "{k=\"\t\0\"}"s);
}

TEST(PrometheusTextTest, numbers_are_the_shortest_that_read_back) {
  EXPECT_EQ(value_of(integer_point({}, INT64_MAX)), "9223372036854775807");
  EXPECT_EQ(value_of(integer_point({}, INT64_MIN)), "-9223372036854775808");
  EXPECT_EQ(value_of(real_point({}, 0.1)), "0.1");
  EXPECT_EQ(value_of(real_point({}, 3)), "3");
  EXPECT_EQ(value_of(real_point({}, 5e-324)), "5e-324");
  EXPECT_EQ(value_of(real_point({}, -1.7976931348623157e308)), "-1.7976931348623157e+308");
  EXPECT_EQ(value_of(real_point({}, NAN)), "NaN");
  EXPECT_EQ(value_of(real_point({}, INFINITY)), "+Inf");
  EXPECT_EQ(value_of(real_point({}, -INFINITY)), "-Inf");
}

TEST(PrometheusTextTest, help_is_escaped_and_an_empty_one_is_left_out) {
  auto described = stream("g", PointKind::kGauge);
  described.description = "a \\ \"b\"\nc\xFF";
  EXPECT_THAT(Page().with(described, one()).finish(),
              HasSubstr("# HELP g a \\\\ \"b\"\\nc\xEF\xBF\xBD\n"));
  EXPECT_THAT(Page(kOpenMetrics).with(described, one()).finish(),
              HasSubstr("# HELP g a \\\\ \\\"b\\\"\\nc\xEF\xBF\xBD\n"));
  described.description = "";
  EXPECT_EQ(Page().with(described, one()).finish(), "# TYPE g gauge\ng 1\n");
}

TEST(PrometheusTextTest, streams_of_one_name_and_type_are_one_family) {
  const model::Scope other{.id = 2, .name = "other", .version = "", .attributes = {}};
  auto second = counter("a_b");
  second.scope = &other;
  second.description = "another text";
  auto first = counter("a.b");
  first.description = "";
  Page page(kText, true);
  EXPECT_EQ(
      page.with(first, one())
          .with(stream("between", PointKind::kGauge), one())
          .with(second, integer_point({}, 2))
          .finish(),
      "# HELP a_b_total another text\n"
      "# TYPE a_b_total counter\n"
      "a_b_total{otel_scope_name=\"app\",otel_scope_team=\"blue\",otel_scope_version=\"1.2\"} "
      "1\n"
      "a_b_total{otel_scope_name=\"other\"} 2\n"
      "# HELP between what it is\n"
      "# TYPE between gauge\n"
      "between{otel_scope_name=\"app\",otel_scope_team=\"blue\",otel_scope_version=\"1.2\"} "
      "1\n");
  EXPECT_THAT(page.left_out(), IsEmpty());
}

TEST(PrometheusTextTest, of_two_types_of_one_name_the_first_holds) {
  Page page;
  EXPECT_EQ(page.with(stream("a.b", PointKind::kGauge), one())
                .with(stream("a\nb", PointKind::kHistogram),
                      model::HistogramPoint{{}, kStart, kNow, 0, true, 0, 0, 0, {}, {}})
                .finish(),
            "# HELP a_b what it is\n"
            "# TYPE a_b gauge\n"
            "a_b 1\n"
            "# forebay: \"a\\nb\" is left out: a_b belongs to the gauge a_b\n");
  EXPECT_THAT(page.left_out(), ElementsAre(HasSubstr("a\\nb")));
}

TEST(PrometheusTextTest, a_name_that_is_another_familys_sample_is_left_out) {
  const model::HistogramPoint none{{}, kStart, kNow, 0, true, 0, 0, 0, {}, {}};
  EXPECT_THAT(
      Page()
          .with(stream("h", PointKind::kHistogram), none)
          .with(stream("h_count", PointKind::kGauge), one())
          .finish(),
      HasSubstr("# forebay: \"h_count\" is left out: h_count belongs to the histogram h\n"));
  const auto both = [](PrometheusFormat format) {
    Page page(format);
    page.with(counter("c"), one()).with(stream("c", PointKind::kGauge), one()).finish();
    return page.left_out().size();
  };
  EXPECT_EQ(both(kText), 0u) << "c_total and c";
  EXPECT_EQ(both(kOpenMetrics), 1u) << "both are c";
  const model::Resource resource{{{"a", owned_text("b")}}};
  EXPECT_THAT(Page(kText, false, resource)
                  .with(stream("target_info", PointKind::kGauge), integer_point({}, 7))
                  .finish(),
              AllOf(HasSubstr("is left out"), Not(HasSubstr("} 7"))));
}

TEST(PrometheusTextTest, of_points_with_equal_labels_the_first_holds) {
  const Set number({{"k", integer(1)}});
  const Set word({{"k", owned_text("1")}});
  const Set dotted({{"a.b", owned_text("x")}});
  const Set lined({{"a_b", owned_text("x")}});
  Page page;
  EXPECT_EQ(page.with(counter("c"), integer_point(number.view(), 10))
                .and_point(integer_point(lined.view(), 20))
                .and_point(integer_point(word.view(), 30))
                .and_point(integer_point(dotted.view(), 40))
                .and_point(integer_point({}, 50))
                .finish(),
            "# HELP c_total what it is\n"
            "# TYPE c_total counter\n"
            "c_total{k=\"1\"} 10\n"
            "c_total{a_b=\"x\"} 20\n"
            "c_total 50\n"
            "# forebay: 2 points of c_total are left out: their labels are those of an earlier "
            "one\n");

  const model::HistogramPoint point{number.view(), kStart, kNow, 3, true, 4, 0, 0, {}, {}};
  model::HistogramPoint again = point;
  again.attributes = word.view();
  again.count = 9;
  EXPECT_THAT(Page().with(stream("h", PointKind::kHistogram), point).and_point(again).finish(),
              AllOf(HasSubstr("h_count{k=\"1\"} 3\n# forebay: 1 points"), Not(HasSubstr(" 9\n"))));

  // Two streams of one name.
  EXPECT_THAT(Page()
                  .with(counter("a.b"), integer_point(word.view(), 1))
                  .with(counter("a_b"), integer_point(word.view(), 2))
                  .finish(),
              AllOf(HasSubstr("a_b_total{k=\"1\"} 1\n"), Not(HasSubstr("} 2"))));
}

TEST(PrometheusTextTest, openmetrics_leaves_out_what_no_counter_can_be) {
  Page page(kOpenMetrics);
  EXPECT_THAT(
      page.with(counter("c"), integer_point({}, -1)).and_point(real_point({}, NAN)).finish(),
      "# EOF\n");
  EXPECT_THAT(page.left_out(), ElementsAre(HasSubstr("c: 2 points of c ")));
}

TEST(PrometheusTextTest, deltas_and_names_that_cannot_be_written_are_left_out) {
  auto delta = counter("d");
  delta.temporality = model::Temporality::kDelta;
  EXPECT_EQ(Page().with(delta, one()).with(counter("\xE6\xB8\xA9"), one()).finish(),
            "# forebay: \"d\" is left out: it counts in deltas\n"
            "# forebay: \"\xE6\xB8\xA9\" is left out: nothing in its name can be written\n");
}

TEST(PrometheusTextTest, a_stream_without_points_leaves_no_trace) {
  ByteBuffer out;
  PrometheusText text({}, {.format = kOpenMetrics});
  text.begin_stream(counter("c"));
  text.finish(out);
  EXPECT_EQ(as_text(out.view()), "# EOF\n");
}

TEST(PrometheusTextTest, each_format_names_its_content_type) {
  EXPECT_EQ(prometheus_content_type(kText), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(prometheus_content_type(kOpenMetrics),
            "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

}  // namespace
}  // namespace forebay::encode
