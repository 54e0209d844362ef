// How MetricEncoder cuts a collection into requests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <string>

#include "base/random.h"
#include "encode/metrics_inbox.h"

namespace forebay::encode {
namespace {

using model::PointKind;
using model::Temporality;
using testing::ElementsAre;

TEST(MetricRequestsTest, delta_and_cumulative_points_go_into_two_requests_however_they_alternate) {
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

TEST(MetricRequestsTest, a_stream_of_many_points_is_cut_and_described_again) {
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

TEST(MetricRequestsTest, no_request_is_larger_than_allowed_but_for_a_single_point) {
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
      const Set set({{"k", owned_text(std::string(size, 'x'))}});
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

TEST(MetricRequestsTest, limits_of_zero_make_a_request_of_each_point) {
  for (const auto& [points, bytes] : {std::pair{0u, kManyBytes}, std::pair{kManyPoints, 0ul}}) {
    Inbox inbox;
    MetricEncoder encoder(test_resource(), points, bytes, inbox.sink());
    encoder.begin_stream(counter("a"));
    for (int i = 0; i < 3; ++i) encoder.add(integer_point({}, i));
    encoder.finish();
    EXPECT_EQ(inbox.all.size(), 3u);
  }
}

TEST(MetricRequestsTest, a_collection_without_points_makes_no_request) {
  Inbox inbox;
  MetricEncoder encoder(test_resource(), kManyPoints, kManyBytes, inbox.sink());
  encoder.finish();
  encoder.begin_stream(counter("a"));
  encoder.finish();
  EXPECT_TRUE(inbox.all.empty());
}

TEST(MetricRequestsTest, every_point_is_handed_out_or_counted_by_clear_where_the_sink_throws) {
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
