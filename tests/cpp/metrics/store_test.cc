#include "metrics/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "metrics/collected.h"

namespace forebay::metrics {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kMostInteger = std::numeric_limits<int64_t>::max();

StoreOptions with(TemporalityPreference temporality) {
  StoreOptions options;
  options.defaults.temporality = temporality;
  return options;
}

TEST(StoreTest, a_counter_adds_up_by_attributes_in_whatever_order_they_come) {
  StoreUnderTest test;
  Instrument& counter = test.make("orders");
  const auto attributes = [](const char* first, const char* second) {
    std::array<forebay_attribute, 2> both{};
    for (const auto& [at, key] : {std::pair{0, first}, std::pair{1, second}}) {
      both[static_cast<size_t>(at)].key = key;
      both[static_cast<size_t>(at)].key_size = 1;
      both[static_cast<size_t>(at)].value.type = FOREBAY_INT64;
      both[static_cast<size_t>(at)].value.as.i64 = *key == 'a' ? 1 : 2;
    }
    return both;
  };
  Stream& stream = *counter.streams[0];
  Writer& writer = *test.store.writers().lease();
  const auto one = attributes("a", "b");
  const auto other = attributes("b", "a");
  Series& series = *stream.find({one.data(), 2});
  EXPECT_EQ(stream.find({other.data(), 2}), &series);
  test.record(writer, series, int64_t{5});
  test.record(writer, series, int64_t{7});
  const Collected collected = test.collect();
  ASSERT_EQ(collected.points.size(), 1U);
  const CollectedPoint& point = collected.points.at("orders{a=1,b=2}");
  EXPECT_TRUE(point.is_integer);
  EXPECT_EQ(point.integer, 12);
  EXPECT_TRUE(point.stream.is_monotonic);
  EXPECT_EQ(point.stream.temporality, model::Temporality::kCumulative);
}

TEST(StoreTest, whole_numbers_stay_exact_until_a_floating_point_number_comes) {
  StoreUnderTest test;
  Instrument& counter = test.make("bytes");
  test.record(counter, int64_t{9'007'199'254'740'993});  // 2^53 + 1
  EXPECT_EQ(test.collect().points.at("bytes{}").integer, 9'007'199'254'740'993);
  test.record(counter, 0.5);
  const CollectedPoint point = test.collect().points.at("bytes{}");
  EXPECT_FALSE(point.is_integer);
  EXPECT_EQ(point.real, static_cast<double>(9'007'199'254'740'993) + 0.5);
}

TEST(StoreTest, what_is_no_measurement_is_left_out_and_counted) {
  StoreUnderTest test;
  Instrument& counter = test.make("counter");
  Instrument& both_ways = test.make("both", InstrumentKind::kUpDownCounter);
  Instrument& histogram = test.make("histogram", InstrumentKind::kHistogram);
  for (const double value : {kInfinity, -kInfinity, std::nan("")}) {
    test.record(counter, value);
    test.record(both_ways, value);
    test.record(histogram, value);
  }
  test.record(counter, -1.0);
  test.record(counter, int64_t{-1});
  EXPECT_TRUE(test.collect().points.empty());
  EXPECT_EQ(test.store.numbers().invalid, 11U);
  test.record(both_ways, int64_t{-3});
  test.record(both_ways, -0.5);
  EXPECT_EQ(test.collect().points.at("both{}").real, -3.5);
}

TEST(StoreTest, a_sum_that_would_wrap_is_held_at_its_bound_and_counted) {
  StoreUnderTest test;
  Instrument& counter = test.make("counter");
  test.record(counter, kMostInteger);
  test.record(counter, int64_t{1});  // within one interval: left out
  EXPECT_EQ(test.store.numbers().invalid, 1U);
  EXPECT_EQ(test.collect().points.at("counter{}").integer, kMostInteger);
  test.record(counter, int64_t{5});  // over two: clamped
  EXPECT_EQ(test.collect().points.at("counter{}").integer, kMostInteger);
  EXPECT_EQ(test.store.numbers().clamped, 1U);
}

TEST(StoreTest, a_histogram_has_buckets_whose_upper_bounds_belong_to_them) {
  StoreUnderTest test;
  InstrumentSpec spec;
  spec.name = "latency";
  spec.kind = InstrumentKind::kHistogram;
  spec.scope = &test.scope;
  spec.advised_bounds = {1, 10};
  Instrument& histogram = test.store.instrument(spec);
  for (const double value : {0.0, 1.0, 1.5, 10.0, 10.5}) test.record(histogram, value);
  test.record(histogram, int64_t{7});
  const CollectedPoint point = test.collect().points.at("latency{}");
  EXPECT_EQ(point.buckets, (std::vector<uint64_t>{2, 3, 1}));
  EXPECT_EQ(point.count, 6U);
  EXPECT_TRUE(point.has_sum);
  EXPECT_EQ(point.sum, 30.0);
  EXPECT_EQ(point.min, 0.0);
  EXPECT_EQ(point.max, 10.5);
}

TEST(StoreTest, a_value_below_zero_is_none_of_a_histogram_s) {
  StoreUnderTest test;
  Instrument& histogram = test.make("latency", InstrumentKind::kHistogram);
  for (const double value : {10.0, -1.0, 20.0}) test.record(histogram, value);
  test.record(histogram, int64_t{-1});
  const CollectedPoint point = test.collect().points.at("latency{}");
  EXPECT_EQ(point.count, 2U);
  EXPECT_TRUE(point.has_sum);
  EXPECT_EQ(point.sum, 30.0);
  EXPECT_EQ(test.store.numbers().invalid, 2U);
}

TEST(StoreTest, a_gauge_has_the_value_that_was_set_last_whichever_type_it_is_of) {
  StoreUnderTest test;
  Instrument& gauge = test.make("temperature", InstrumentKind::kGauge);
  test.record(gauge, 20.5);
  test.clock.advance(std::chrono::nanoseconds{1});
  test.record(gauge, int64_t{-7});
  EXPECT_EQ(test.collect().points.at("temperature{}").real, -7.0);
  test.clock.advance(std::chrono::nanoseconds{1});
  test.record(gauge, 0.25);
  EXPECT_EQ(test.collect().points.at("temperature{}").real, 0.25);
  EXPECT_EQ(test.collect().points.at("temperature{}").real, 0.25);
}

TEST(StoreTest, cumulative_points_begin_at_the_first_measurement_and_stay) {
  StoreUnderTest test;
  Instrument& counter = test.make("counter");
  test.clock.advance(std::chrono::seconds{5});
  const WallTime first = test.clock.wall_now();
  test.record(counter, int64_t{1});
  const CollectedPoint one = test.collect().points.at("counter{}");
  const CollectedPoint two = test.collect().points.at("counter{}");
  EXPECT_EQ(one.start, first);
  EXPECT_EQ(two.start, first);
  EXPECT_EQ(two.integer, 1);
  EXPECT_GT(two.time, one.time);
}

TEST(StoreTest, deltas_begin_where_the_collection_before_ended_and_add_up) {
  StoreUnderTest test(with(TemporalityPreference::kDelta));
  Instrument& counter = test.make("counter");
  Instrument& histogram = test.make("histogram", InstrumentKind::kHistogram);
  test.record(counter, int64_t{3});
  test.record(histogram, 100.0);
  const Collected first = test.collect();
  EXPECT_EQ(first.points.at("counter{}").integer, 3);
  EXPECT_TRUE(test.collect().points.empty());  // nothing was measured
  const WallTime before = test.clock.wall_now();
  test.record(counter, int64_t{4});
  test.record(histogram, 2.0);
  const Collected third = test.collect();
  EXPECT_EQ(third.points.at("counter{}").integer, 4);
  EXPECT_EQ(third.points.at("counter{}").start, before);
  EXPECT_EQ(third.points.at("histogram{}").start, before);
  EXPECT_EQ(third.points.at("histogram{}").max, 2.0);
  EXPECT_EQ(third.points.at("histogram{}").count, 1U);
  EXPECT_EQ(third.points.at("counter{}").stream.temporality, model::Temporality::kDelta);
  // Another reader sees what came together, and takes nothing.
  test.record(counter, int64_t{10});
  EXPECT_EQ(test.collect(Reader::kCumulative).points.at("counter{}").integer, 17);
  EXPECT_EQ(test.collect(Reader::kCumulative).points.at("histogram{}").count, 2U);
  EXPECT_EQ(test.collect().points.at("counter{}").integer, 10);
}

TEST(StoreTest, the_temporality_of_a_kind_is_what_the_preference_says) {
  using enum InstrumentKind;
  using enum TemporalityPreference;
  const auto is_delta = [](InstrumentKind kind, TemporalityPreference preference) {
    return temporality_of(kind, preference) == model::Temporality::kDelta;
  };
  for (const InstrumentKind kind : {kCounter, kHistogram}) {
    EXPECT_FALSE(is_delta(kind, kCumulative));
    EXPECT_TRUE(is_delta(kind, TemporalityPreference::kDelta));
    EXPECT_TRUE(is_delta(kind, kLowMemory));
  }
  EXPECT_TRUE(is_delta(kObservableCounter, TemporalityPreference::kDelta));
  EXPECT_FALSE(is_delta(kObservableCounter, kLowMemory));
  for (const InstrumentKind kind : {kUpDownCounter, kObservableUpDownCounter}) {
    EXPECT_FALSE(is_delta(kind, TemporalityPreference::kDelta));
    EXPECT_FALSE(is_delta(kind, kLowMemory));
  }
}

TEST(StoreTest, the_same_name_is_the_same_instrument_and_another_kind_is_one_of_its_own) {
  StoreUnderTest test;
  Instrument& counter = test.make("Requests");
  EXPECT_EQ(&test.make("requests"), &counter);
  EXPECT_FALSE(counter.is_conflicting);
  Instrument& other = test.make("requests", InstrumentKind::kHistogram);
  EXPECT_NE(&other, &counter);
  EXPECT_TRUE(other.is_conflicting);
  EXPECT_EQ(&test.make("REQUESTS", InstrumentKind::kHistogram), &other);
  test.record(counter, int64_t{1});
  test.record(other, 2.0);
  EXPECT_EQ(test.collect().streams, 2U);
}

TEST(StoreTest, after_the_end_nothing_is_recorded_and_one_collection_gets_what_was) {
  StoreUnderTest test;
  Instrument& counter = test.make("counter");
  test.record(counter, int64_t{1});
  (void)test.collect();
  test.record(counter, int64_t{2});
  {
    const std::lock_guard lock(test.store.collecting());
    (void)test.store.begin();  // a collection that never came to its end
  }
  test.record(counter, int64_t{4});
  test.store.close();
  EXPECT_EQ(test.phase.load(), 0U);
  EXPECT_EQ(test.collect().points.at("counter{}").integer, 7);
}

TEST(StoreTest, the_end_waits_for_who_began_to_measure_while_a_collection_was_under_way) {
  StoreUnderTest test;
  Instrument& counter = test.make("counter");
  Writer& writer = *test.store.writers().lease();
  const std::lock_guard lock(test.store.collecting());
  EXPECT_TRUE(test.store.begin());
  writer.enter();
  const uint32_t half = test.phase.load() - 1;
  EXPECT_TRUE(test.store.is_ready());  // it writes to the other half
  test.store.close();
  EXPECT_FALSE(test.store.is_ready());  // which the last collection takes, too
  EXPECT_EQ(
      record(*counter.streams[0]->find(StoreUnderTest::key("", "")), writer, half, int64_t{3}, 1),
      Outcome::kTaken);
  writer.leave();
  EXPECT_TRUE(test.store.is_ready());
  Collected collected;
  test.store.collect(Reader::kPeriodic, test.clock.wall_now(), 0, collected);
  EXPECT_EQ(collected.points.at("counter{}").integer, 3);
}

TEST(StoreTest, who_collects_beside_another_sees_also_what_came_after_the_other_began) {
  StoreUnderTest test;
  Instrument& counter = test.make("counter");
  test.record(counter, int64_t{1});
  const std::lock_guard lock(test.store.collecting());
  EXPECT_TRUE(test.store.begin());  // the one that is slow
  test.record(counter, int64_t{2});
  EXPECT_FALSE(test.store.begin());
  EXPECT_TRUE(test.store.is_ready());
  test.store.fold();
  EXPECT_TRUE(test.store.begin());
  EXPECT_TRUE(test.store.is_ready());
  Collected collected;
  test.store.collect(Reader::kCumulative, test.clock.wall_now(), 0, collected);
  EXPECT_EQ(collected.points.at("counter{}").integer, 3);
  // The slow one goes on where it was.
  test.record(counter, int64_t{4});
  Collected late;
  test.store.collect(Reader::kPeriodic, test.clock.wall_now(), 0, late);
  EXPECT_EQ(late.points.at("counter{}").integer, 3);
}

TEST(StoreTest, an_instrument_that_is_named_badly_is_refused_with_what_is_wrong) {
  InstrumentSpec spec;
  for (const char* name : {"", "1st", "with space", "ä"}) {
    spec.name = name;
    EXPECT_FALSE(spec.validate().is_ok()) << name;
  }
  spec.name = std::string(256, 'a');
  EXPECT_FALSE(spec.validate().is_ok());
  spec.name = "http.server/active_requests-2";
  EXPECT_TRUE(spec.validate().is_ok());
  spec.unit = std::string(64, 'a');
  EXPECT_THAT(spec.validate().message(), ::testing::HasSubstr("unit"));
  spec.unit = "";
  spec.advised_bounds = {1, 1};
  EXPECT_THAT(spec.validate().message(), ::testing::HasSubstr("buckets[1]"));
}

// -- observable instruments ----------------------------------------------------------------------

TEST(StoreTest, of_an_observable_instrument_only_what_was_observed_this_time_is_reported) {
  StoreUnderTest test;
  Instrument& gauge = test.make("depth", InstrumentKind::kObservableGauge);
  Stream& stream = *gauge.streams[0];
  const auto observe = [&](const char* queue, Measure value, uint64_t since) {
    stream.observe(StoreUnderTest::key("queue", queue), value, test.ticks.now(), since);
  };
  const uint64_t first = test.ticks.now();
  observe("a", Measure::of(int64_t{3}), first);
  observe("b", Measure::of(0.5), first);
  EXPECT_EQ(test.collect(Reader::kPeriodic, first).points.size(), 2U);
  const uint64_t second = test.ticks.now();
  observe("a", Measure::of(int64_t{4}), second);
  const Collected collected = test.collect(Reader::kPeriodic, second);
  ASSERT_EQ(collected.points.size(), 1U);
  EXPECT_EQ(collected.points.at("depth{queue=a}").integer, 4);
}

TEST(StoreTest, an_observed_counter_reports_differences_where_deltas_are_wanted) {
  StoreUnderTest test(with(TemporalityPreference::kDelta));
  Instrument& counter = test.make("cpu", InstrumentKind::kObservableCounter);
  Stream& stream = *counter.streams[0];
  std::vector<int64_t> deltas;
  for (const int64_t value : {10, 25, 25, 4}) {  // at last it began anew
    const uint64_t since = test.ticks.now();
    stream.observe(StoreUnderTest::key("", ""), Measure::of(value), since, since);
    deltas.push_back(test.collect(Reader::kPeriodic, since).points.at("cpu{}").integer);
  }
  EXPECT_EQ(deltas, (std::vector<int64_t>{10, 15, 0, 4}));
}

// -- views ---------------------------------------------------------------------------------------

}  // namespace
}  // namespace forebay::metrics
