// What views make of instruments.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metrics/collected.h"

namespace forebay::metrics {
namespace {

TEST(ViewTest, it_renames_drops_and_regroups_and_several_hold_at_once) {
  StoreOptions options;
  View renamed;
  renamed.instrument = "requests";
  renamed.name = "http.requests";
  renamed.keep_attributes = std::vector<std::string>{};
  View by_route;
  by_route.instrument = "req*";
  by_route.drop_attributes = {"user"};
  View none;
  none.instrument = "noise.?";
  none.is_dropped = true;
  View exponential;
  exponential.kind = InstrumentKind::kHistogram;
  exponential.aggregation = Aggregation::kExponentialHistogram;
  options.defaults.views = {renamed, by_route, none, exponential};
  StoreUnderTest test(options);
  Instrument& requests = test.make("requests");
  test.record(requests, int64_t{1}, "user", "ann");
  test.record(requests, int64_t{2}, "route", "/x");
  test.record(test.make("noise.1"), int64_t{1});
  test.record(test.make("latency", InstrumentKind::kHistogram), 3.0);
  const Collected collected = test.collect();
  EXPECT_TRUE(test.make("noise.1").streams.empty());
  // The key of the test keeps everything: filters are the caller's (model::AttributeSetKey).
  EXPECT_FALSE(requests.streams[0]->options().keeps("user"));
  EXPECT_FALSE(requests.streams[0]->options().keeps("route"));
  EXPECT_FALSE(requests.streams[1]->options().keeps("user"));
  EXPECT_TRUE(requests.streams[1]->options().keeps("route"));
  EXPECT_EQ(requests.streams[0]->options().name, "http.requests");
  EXPECT_EQ(collected.points.at("latency{}").stream.kind, model::PointKind::kExponentialHistogram);
  EXPECT_EQ(collected.points.at("latency{}").positive, std::vector<uint64_t>{1});
}

TEST(ViewTest, an_up_down_counter_as_a_histogram_with_values_below_zero_has_no_sum) {
  StoreOptions options;
  View view;
  view.aggregation = Aggregation::kHistogram;
  options.defaults.views = {view};
  StoreUnderTest test(options);
  Instrument& offset = test.make("offset", InstrumentKind::kUpDownCounter);
  test.record(offset, -1.0);
  EXPECT_FALSE(test.collect().points.at("offset{}").has_sum);
  test.record(offset, 1.0);
  const CollectedPoint point = test.collect().points.at("offset{}");
  EXPECT_FALSE(point.has_sum);
  EXPECT_EQ(point.count, 2U);
}

TEST(ViewTest, bounds_make_explicit_buckets_of_a_histogram_and_of_nothing_else) {
  StoreOptions options;
  options.defaults.histogram = Aggregation::kExponentialHistogram;
  View view;
  view.bounds = {1, 2};
  options.defaults.views = {view};
  StoreUnderTest test(options);
  test.record(test.make("latency", InstrumentKind::kHistogram), 1.5);
  test.record(test.make("orders"), int64_t{7});
  const Collected collected = test.collect();
  EXPECT_EQ(collected.points.at("latency{}").buckets, (std::vector<uint64_t>{0, 1, 0}));
  EXPECT_EQ(collected.points.at("orders{}").integer, 7);
}

TEST(ViewTest, an_aggregation_that_an_instrument_cannot_have_leaves_it_its_own_and_is_told) {
  StoreOptions options;
  View view;
  view.aggregation = Aggregation::kLastValue;
  options.defaults.views = {view};
  StoreUnderTest test(options);
  ::testing::internal::CaptureStderr();
  for (int round = 0; round < 2; ++round) {
    StoreUnderTest another(options);
    for (const char* name : {"orders", "sales"}) another.record(another.make(name), int64_t{1});
  }
  test.record(test.make("orders"), int64_t{7});
  test.record(test.make("orders"), int64_t{2});
  const std::string why = "' asks for an aggregation that it cannot have; it keeps its own\n";
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "forebay: a view of counter 'orders" + why + "forebay: a view of counter 'sales" + why);
  EXPECT_EQ(test.collect().points.at("orders{}").integer, 9);
}

TEST(ViewTest, a_bad_one_is_refused_with_its_field) {
  View view;
  view.name = "new name";
  EXPECT_THAT(view.validate("views[2]").message(), ::testing::StartsWith("views[2].name"));
  view.name = "one";
  EXPECT_THAT(view.validate("views[2]").message(), ::testing::HasSubstr("every instrument"));
  view = {};
  view.bounds = {2, 1};
  EXPECT_THAT(view.validate("views[0]").message(), ::testing::HasSubstr("views[0].buckets[1]"));
  view.bounds = {1, 2};
  view.aggregation = Aggregation::kSum;
  EXPECT_THAT(view.validate("views[0]").message(), ::testing::HasSubstr("not 'explicit'"));
  view = {};
  view.max_buckets = 1;
  EXPECT_THAT(view.validate("views[0]").message(), ::testing::HasSubstr("2..1024"));
}

}  // namespace
}  // namespace forebay::metrics
