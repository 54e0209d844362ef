#include "encode/otlp_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <new>
#include <string>

#include "base/random.h"
#include "encode/metrics_reader.h"
#include "encode/point_maker.h"

namespace forebay::encode {
namespace {

using model::PointKind;
using model::Temporality;
using testing::ElementsAre;

constexpr uint32_t kManyPoints = 1'000'000;
constexpr uint64_t kManyBytes = 1 << 30;
constexpr std::string_view kMark = "\xEF\xBF\xBD";

struct Sent {
  wire::MetricsMessage message;
  uint32_t points;
  bool is_cumulative;
  WallTime time;
  size_t bytes;
};

// Takes requests apart as they come.
class Inbox {
 public:
  std::vector<Sent> all;
  MetricEncoder::RequestSink sink() {
    return [this](MetricRequest&& request) {
      all.push_back({wire::metrics_request(request.body.view()), request.points,
                     request.is_cumulative, request.time, request.body.size()});
      EXPECT_EQ(all.back().message.points().size(), request.points);
    };
  }
};

const model::Resource& test_resource() {
  static const model::Resource resource{{{"service.name", text("shop")}}};
  return resource;
}

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
  const Set route({{"route", text("/items")}, {"status", integer(200)}});
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
                 {"empty", text("")},
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
                              {"nested", "str:" + std::string(kMark)}}));
}

TEST(MetricEncoderTest, what_is_not_utf8_is_repaired_and_keys_stay_unique) {
  const Set set({{"k\xC3", text("first")}, {"k\xFF", text("last")}, {"ok", text("a\x80z")}});
  Inbox inbox;
  MetricEncoder encoder(test_resource(), kManyPoints, kManyBytes, inbox.sink());
  model::MetricStream odd = counter("n\xFF", "u\xFF");
  odd.description = "d\xFF";
  encoder.begin_stream(odd);
  encoder.add(integer_point(set.view(), 1));
  encoder.finish();
  const std::string mark(kMark);
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
    const Set set({{"k", text(std::string(size, 'x'))}});
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

TEST(MetricEncoderTest, delta_and_cumulative_points_go_into_two_requests_however_they_alternate) {
  Inbox inbox;
  MetricEncoder encoder(test_resource(), kManyPoints, kManyBytes, inbox.sink());
  for (int i = 0; i < 20; ++i) {
    const std::string name = "s" + std::to_string(i);
    model::MetricStream sum = counter(name);
    if (i % 2 == 1) sum.temporality = Temporality::kDelta;
    encoder.begin_stream(sum);
    encoder.add(integer_point({}, i));
  }
  encoder.begin_stream(stream("g", PointKind::kGauge));
  encoder.add(integer_point({}, 100));
  encoder.finish();
  ASSERT_EQ(inbox.all.size(), 2u);
  EXPECT_TRUE(inbox.all[0].is_cumulative);
  EXPECT_EQ(inbox.all[0].points, 11u);
  EXPECT_FALSE(inbox.all[1].is_cumulative);
  EXPECT_EQ(inbox.all[1].points, 10u);
  for (const Sent& sent : inbox.all) {
    ASSERT_EQ(sent.message.scopes.size(), 1u);
    for (const wire::MetricMessage& metric : sent.message.scopes[0].metrics) {
      if (metric.kind == "gauge") continue;
      EXPECT_EQ(metric.temporality, sent.is_cumulative ? 2u : 1u);
    }
  }
}

TEST(MetricEncoderTest, a_stream_of_many_points_is_cut_and_described_again) {
  Inbox inbox;
  MetricEncoder encoder(test_resource(), 4, kManyBytes, inbox.sink());
  encoder.begin_stream(counter("a", "s"));
  for (int i = 0; i < 3; ++i) encoder.add(integer_point({}, i));
  encoder.begin_stream(counter("b", "By"));
  for (int i = 3; i < 12; ++i) encoder.add(integer_point({}, i));
  encoder.finish();
  std::vector<uint32_t> sizes;
  std::string seen;
  for (const Sent& sent : inbox.all) {
    sizes.push_back(sent.points);
    for (const wire::MetricMessage& metric : sent.message.scopes.at(0).metrics) {
      seen += metric.name + metric.unit + ":";
      for (const wire::DataPoint& point : metric.points) {
        seen += std::to_string(*point.integer) + " ";
      }
    }
    seen += "| ";
  }
  EXPECT_THAT(sizes, ElementsAre(4u, 4u, 4u));
  EXPECT_EQ(seen, "as:0 1 2 bBy:3 | bBy:4 5 6 7 | bBy:8 9 10 11 | ");
}

TEST(MetricEncoderTest, no_request_is_larger_than_allowed_but_for_a_single_point) {
  constexpr uint64_t kMaxBytes = 2000;
  Inbox inbox;
  MetricEncoder encoder(test_resource(), kManyPoints, kMaxBytes, inbox.sink());
  const uint64_t seed = Random::from_system().next();
  SCOPED_TRACE(seed);
  Random random(seed);
  uint64_t added = 0;
  for (int stream = 0; stream < 40; ++stream) {
    const std::string name(random.below(60) + 1, 'n');
    encoder.begin_stream(counter(name));
    for (uint64_t points = random.below(30); points-- != 0; ++added) {
      const size_t size = random.below(20) == 0 ? 2500 : random.below(200);
      const Set set({{"k", text(std::string(size, 'x'))}});
      encoder.add(integer_point(set.view(), static_cast<int64_t>(added)));
    }
  }
  encoder.finish();
  int64_t next = 0;
  uint64_t bytes = 0;
  for (const Sent& sent : inbox.all) {
    EXPECT_TRUE(sent.points == 1 || sent.bytes <= kMaxBytes) << sent.bytes;
    bytes += sent.bytes;
    for (const wire::DataPoint& point : sent.message.points()) EXPECT_EQ(point.integer, next++);
  }
  EXPECT_EQ(static_cast<uint64_t>(next), added) << "each point once, in order";
  EXPECT_LT(inbox.all.size(), 3 * bytes / kMaxBytes + 2) << "requests are filled";
}

TEST(MetricEncoderTest, limits_of_zero_make_a_request_of_each_point) {
  for (const auto& [points, bytes] : {std::pair{0u, kManyBytes}, std::pair{kManyPoints, 0ul}}) {
    Inbox inbox;
    MetricEncoder encoder(test_resource(), points, bytes, inbox.sink());
    encoder.begin_stream(counter("a"));
    for (int i = 0; i < 3; ++i) encoder.add(integer_point({}, i));
    encoder.finish();
    EXPECT_EQ(inbox.all.size(), 3u);
  }
}

TEST(MetricEncoderTest, a_collection_without_points_makes_no_request) {
  Inbox inbox;
  MetricEncoder encoder(test_resource(), kManyPoints, kManyBytes, inbox.sink());
  encoder.finish();
  encoder.begin_stream(counter("a"));
  encoder.finish();
  EXPECT_TRUE(inbox.all.empty());
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

TEST(MetricEncoderTest, every_point_is_handed_out_or_counted_by_clear_where_the_sink_throws) {
  uint64_t handed_out = 0;
  bool fails = true;
  MetricEncoder encoder(test_resource(), 3, kManyBytes, [&](MetricRequest&& request) {
    handed_out += request.points;
    if (fails && handed_out > 3) throw std::bad_alloc();
  });
  auto delta = counter("d");
  delta.temporality = Temporality::kDelta;
  encoder.begin_stream(delta);
  encoder.add(integer_point({}, 1));
  encoder.begin_stream(counter("c"));
  uint64_t taken = 1;
  EXPECT_THROW(
      for (int i = 0; i < 100; ++i) {
        encoder.add(integer_point({}, i));
        ++taken;
      },
      std::bad_alloc);
  EXPECT_EQ(taken, 7u);
  EXPECT_EQ(handed_out, 6u);
  EXPECT_EQ(encoder.clear(), 1u) << "the delta; the point whose add() threw is in neither";

  fails = false;
  handed_out = 0;
  encoder.begin_stream(counter("c"));
  encoder.add(integer_point({}, 1));
  encoder.finish();
  EXPECT_EQ(handed_out, 1u);
  EXPECT_EQ(encoder.clear(), 0u);
}

}  // namespace
}  // namespace forebay::encode
