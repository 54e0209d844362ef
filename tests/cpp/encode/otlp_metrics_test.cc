#include "encode/otlp_metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "encode/metrics_inbox.h"
#include "encode/point_maker.h"

namespace forebay::encode {
namespace {

using model::PointKind;
using model::Temporality;

// The one point of that, as it comes out.
template <typename Point>
wire::DataPoint encoded(PointKind kind, const Point& point) {
  Inbox inbox;
  MetricEncoder encoder(test_resource(), kManyPoints, kManyBytes, inbox.sink());
  encoder.begin_stream(stream("m", kind));
  encoder.add(point);
  encoder.finish();
  return inbox.all.at(0).message.points().at(0);
}

TEST(MetricEncoderTest, a_sum_carries_its_stream_its_scope_and_its_resource) {
  Inbox inbox;
  MetricEncoder encoder(test_resource(), kManyPoints, kManyBytes, inbox.sink());
  const Set route({{"route", owned_text("/items")}, {"status", integer(200)}});
  encoder.begin_stream(counter("requests", "{request}"));
  encoder.add(integer_point(route.view(), 42));
  encoder.add(real_point({}, -0.5));
  encoder.finish();

  ASSERT_EQ(inbox.all.size(), 1u);
  const Sent& sent = inbox.all[0];
  EXPECT_EQ(sent.points, 2u);
  EXPECT_TRUE(sent.is_cumulative);
  EXPECT_EQ(sent.time, kNow);
  EXPECT_EQ(sent.message.resource, (wire::Attributes{{"service.name", "str:shop"}}));
  ASSERT_EQ(sent.message.scopes.size(), 1u);
  const wire::ScopeMessage& scope = sent.message.scopes[0];
  EXPECT_EQ(scope.name, "app");
  EXPECT_EQ(scope.version, "1.2");
  EXPECT_EQ(scope.attributes, (wire::Attributes{{"team", "str:blue"}}));
  ASSERT_EQ(scope.metrics.size(), 1u);
  const wire::MetricMessage& metric = scope.metrics[0];
  EXPECT_EQ(metric.name, "requests");
  EXPECT_EQ(metric.description, "what it is");
  EXPECT_EQ(metric.unit, "{request}");
  EXPECT_EQ(metric.kind, "sum");
  EXPECT_EQ(metric.temporality, 2u);
  EXPECT_TRUE(metric.is_monotonic);
  ASSERT_EQ(metric.points.size(), 2u);
  EXPECT_EQ(metric.points[0].start, 1'800'000'000'000'000'001u);
  EXPECT_EQ(metric.points[0].time, 1'800'000'060'500'000'000u);
  EXPECT_EQ(metric.points[0].integer, 42);
  EXPECT_FALSE(metric.points[0].real.has_value());
  EXPECT_EQ(metric.points[0].attributes,
            (wire::Attributes{{"route", "str:/items"}, {"status", "int:200"}}));
  EXPECT_EQ(metric.points[1].real, -0.5);
  EXPECT_FALSE(metric.points[1].integer.has_value());
  EXPECT_TRUE(metric.points[1].attributes.empty());
}

TEST(MetricEncoderTest, a_value_of_zero_and_the_largest_ones_are_written) {
  EXPECT_EQ(encoded(PointKind::kSum, integer_point({}, 0)).integer, 0);
  EXPECT_EQ(encoded(PointKind::kSum, integer_point({}, INT64_MIN)).integer, INT64_MIN);
  EXPECT_EQ(encoded(PointKind::kSum, integer_point({}, INT64_MAX)).integer, INT64_MAX);
  const auto zero = encoded(PointKind::kSum, real_point({}, -0.0)).real;
  ASSERT_TRUE(zero.has_value());
  EXPECT_TRUE(std::signbit(*zero));
  const double smallest = std::numeric_limits<double>::denorm_min();
  EXPECT_EQ(encoded(PointKind::kGauge, real_point({}, smallest)).real, smallest);
  EXPECT_TRUE(std::isnan(*encoded(PointKind::kGauge, real_point({}, NAN)).real));
}

TEST(MetricEncoderTest, a_gauge_has_neither_start_time_nor_temporality) {
  Inbox inbox;
  MetricEncoder encoder(test_resource(), kManyPoints, kManyBytes, inbox.sink());
  auto level = stream("level", PointKind::kGauge);
  level.temporality = Temporality::kDelta;  // no matter
  encoder.begin_stream(level);
  encoder.add({.attributes = {}, .time = kNow, .integer = 1});
  encoder.finish();
  EXPECT_TRUE(inbox.all.at(0).is_cumulative);
  const wire::MetricMessage& metric = inbox.all[0].message.scopes.at(0).metrics.at(0);
  EXPECT_EQ(metric.kind, "gauge");
  EXPECT_EQ(metric.points.at(0).start, 0u);
}

TEST(MetricEncoderTest, a_histogram_carries_its_buckets) {
  const std::vector<double> bounds = {0, 5, 10};
  const std::vector<uint64_t> counts = {1, 0, UINT64_MAX, 3};
  const Set set({{"k", real(1.5)}});
  model::HistogramPoint point{.attributes = set.view(),
                              .start = kStart,
                              .time = kNow,
                              .count = 7,
                              .sum = 12.25,
                              .min = -1,
                              .max = 11,
                              .bounds = bounds,
                              .bucket_counts = counts};
  auto read = encoded(PointKind::kHistogram, point);
  EXPECT_EQ(read.count, 7u);
  EXPECT_EQ(read.sum, 12.25);
  EXPECT_EQ(read.min, -1);
  EXPECT_EQ(read.max, 11);
  EXPECT_EQ(read.bounds, bounds);
  EXPECT_EQ(read.bucket_counts, counts);
  EXPECT_EQ(read.attributes, (wire::Attributes{{"k", "double:1.5"}}));

  point.has_sum = false;
  EXPECT_FALSE(encoded(PointKind::kHistogram, point).sum.has_value());

  const std::vector<uint64_t> one = {0};
  model::HistogramPoint nothing;
  nothing.time = kNow;
  nothing.min = nothing.max = 1;
  nothing.bucket_counts = one;
  read = encoded(PointKind::kHistogram, nothing);
  EXPECT_EQ(read.count, 0u);
  EXPECT_EQ(read.sum, 0) << "a sum of zero is not the same as none";
  EXPECT_FALSE(read.min.has_value() || read.max.has_value());
  EXPECT_EQ(read.bucket_counts, one);
  EXPECT_TRUE(read.bounds.empty());
}

TEST(MetricEncoderTest, an_exponential_histogram_carries_scale_and_offsets_of_either_sign) {
  const std::vector<uint64_t> positive = {0, 1, 127, 128, UINT64_MAX};
  const std::vector<uint64_t> negative = {3};
  const Set set({{"k", integer(-1)}});
  model::ExponentialHistogramPoint point{.attributes = set.view(),
                                         .start = kStart,
                                         .time = kNow,
                                         .count = 9,
                                         .has_sum = false,
                                         .min = -4,
                                         .max = 1e300,
                                         .scale = -10,
                                         .zero_count = 2,
                                         .positive = {-2147483647 - 1, positive},
                                         .negative = {2147483647, negative}};
  auto read = encoded(PointKind::kExponentialHistogram, point);
  EXPECT_EQ(read.attributes, (wire::Attributes{{"k", "int:-1"}}));
  EXPECT_EQ(read.count, 9u);
  EXPECT_FALSE(read.sum.has_value());
  EXPECT_EQ(read.scale, -10);
  EXPECT_EQ(read.zero_count, 2u);
  EXPECT_EQ(read.positive, (wire::Buckets{-2147483648, positive}));
  EXPECT_EQ(read.negative, (wire::Buckets{2147483647, negative}));
  EXPECT_EQ(read.min, -4);
  EXPECT_EQ(read.max, 1e300);

  point.scale = 20;
  point.positive = {0, positive};
  point.negative = {};
  point.has_sum = true;
  read = encoded(PointKind::kExponentialHistogram, point);
  EXPECT_EQ(read.scale, 20);
  EXPECT_EQ(read.sum, 0);
  EXPECT_EQ(read.positive, (wire::Buckets{0, positive}));
  EXPECT_TRUE(read.negative.counts.empty());
}

TEST(MetricEncoderTest, every_type_of_attribute_becomes_its_any_value) {
  const Set set({{"no", integer(0, FOREBAY_BOOL)},
                 {"int", integer(INT64_MIN)},
                 {"real", real(0.25)},
                 {"empty", owned_text("")},
                 {"bytes", owned(FOREBAY_BYTES, "\xff\x01")},
                 {"list", owned(FOREBAY_ANYVALUE, "\x2A\x04\x0A\x02\x18\x07")},
                 {"torn", owned(FOREBAY_ANYVALUE, "\x2A\x7F")},
                 {"nested", owned(FOREBAY_ANYVALUE, "\x0A\x01\xFF")}});
  EXPECT_EQ(encoded(PointKind::kGauge, integer_point(set.view(), 1)).attributes,
            (wire::Attributes{{"no", "bool:0"},
                              {"int", "int:-9223372036854775808"},
                              {"real", "double:0.25"},
                              {"empty", "str:"},
                              {"bytes", "bytes:\xff\x01"},
                              {"list", "[int:7]"},
                              {"torn", "str:invalid AnyValue"},
                              {"nested", "str:" + std::string(wire::kMark)}}));
}

TEST(MetricEncoderTest, what_is_not_utf8_is_repaired_and_keys_stay_unique) {
  const Set set({{"k\xC3", owned_text("first")},
                 {"k\xFF", owned_text("last")},
                 {"ok", owned_text("a\x80z")}});
  Inbox inbox;
  MetricEncoder encoder(test_resource(), kManyPoints, kManyBytes, inbox.sink());
  model::MetricStream odd = counter("n\xFF", "u\xFF");
  odd.description = "d\xFF";
  encoder.begin_stream(odd);
  encoder.add(integer_point(set.view(), 1));
  encoder.finish();
  const std::string mark(wire::kMark);
  const wire::MetricMessage& metric = inbox.all.at(0).message.scopes.at(0).metrics.at(0);
  EXPECT_EQ(metric.name, "n" + mark);
  EXPECT_EQ(metric.description, "d" + mark);
  EXPECT_EQ(metric.unit, "u" + mark);
  EXPECT_EQ(metric.points.at(0).attributes,
            (wire::Attributes{{"k" + mark, "str:last"}, {"ok", "str:a" + mark + "z"}}));
}

TEST(MetricEncoderTest, points_of_any_length_keep_their_lengths) {
  Inbox inbox;
  MetricEncoder encoder(test_resource(), kManyPoints, kManyBytes, inbox.sink());
  encoder.begin_stream(counter("m"));
  const std::vector<size_t> sizes = {0, 90, 100, 110, 16'300, 16'384, 1, 3'000'000, 2, 120};
  for (const size_t size : sizes) {
    const Set set({{"k", owned_text(std::string(size, 'x'))}});
    encoder.add(integer_point(set.view(), static_cast<int64_t>(size)));
  }
  encoder.finish();
  const auto points = inbox.all.at(0).message.points();
  ASSERT_EQ(points.size(), sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_EQ(points[i].integer, static_cast<int64_t>(sizes[i]));
    EXPECT_EQ(points[i].attributes.at("k"), "str:" + std::string(sizes[i], 'x'));
  }
}

TEST(MetricEncoderTest, streams_of_one_scope_in_a_row_share_a_scope_message) {
  const model::Scope other{.id = 2, .name = "other", .version = "", .attributes = {}};
  Inbox inbox;
  MetricEncoder encoder(test_resource(), kManyPoints, kManyBytes, inbox.sink());
  const auto one = [&](model::MetricStream stream, const model::Scope* scope) {
    stream.scope = scope;
    encoder.begin_stream(stream);
    encoder.add(integer_point({}, 1));
  };
  one(counter("a"), &test_scope());
  one(counter("b"), &test_scope());
  one(counter("c"), &other);
  one(counter("d"), nullptr);
  one(counter("e"), &test_scope());
  encoder.begin_stream(counter("nothing"));
  encoder.finish();
  std::string seen;
  for (const wire::ScopeMessage& scope : inbox.all.at(0).message.scopes) {
    seen += scope.name + scope.version + "[";
    for (const wire::MetricMessage& metric : scope.metrics) seen += metric.name;
    seen += "]";
  }
  EXPECT_EQ(seen, "app1.2[ab]other[c][d]app1.2[e]");
}

TEST(MetricEncoderTest, the_next_collection_starts_anew_with_a_scope_at_the_same_address) {
  Inbox inbox;
  MetricEncoder encoder(test_resource(), kManyPoints, kManyBytes, inbox.sink());
  model::Scope scope{.id = 1, .name = "before", .version = "", .attributes = {}};
  auto sum = counter("m");
  sum.scope = &scope;
  encoder.begin_stream(sum);
  encoder.add(integer_point({}, 1));
  encoder.finish();
  scope.name = "after";
  encoder.begin_stream(sum);
  encoder.add(integer_point({}, 2));
  encoder.finish();
  ASSERT_EQ(inbox.all.size(), 2u);
  EXPECT_EQ(inbox.all[1].message.scopes.at(0).name, "after");
  EXPECT_EQ(inbox.all[1].points, 1u);
}

}  // namespace
}  // namespace forebay::encode
