// Instruments of C++, over the real core.
#include "forebay/metrics.h"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "forebay/forebay.h"

namespace {

using forebay::Collector;
using forebay::Status;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

constinit forebay::Counter orders_static{"native.orders",
                                         {.unit = "{order}", .description = "orders taken"}};
const forebay::BoundCounter eu_static = orders_static.bind({{"region", std::string("eu")}});
constexpr double kBuckets[] = {1, 10, 100};
constinit forebay::Histogram latency_static{"native.latency", {.unit = "ms", .buckets = kBuckets}};

Collector metering_collector(forebay::MetricsOptions metrics = {}) {
  metrics.interval = std::chrono::hours{1};
  auto made = Collector::create({.service_name = "native",
                                 .exporter = forebay::MemoryExporter{},
                                 .metrics = std::move(metrics),
                                 .ledger_in_memory = true});
  EXPECT_TRUE(made.is_ok()) << made.message();
  return *made;
}

std::string text_of(const Collector& collector) {
  const auto text = collector.prometheus_text();
  EXPECT_TRUE(text.is_ok()) << text.message();
  return text.is_ok() ? *text : "";
}

// Both laws, after all has been sent.
void expect_balanced(const Collector& collector) {
  EXPECT_TRUE(collector.flush(30s).complete);
  EXPECT_TRUE(collector.audit().balanced);
  EXPECT_EQ(collector.stats().difference(), 0);
  EXPECT_EQ(collector.stats().metrics().difference(), 0);
}

TEST(NativeMetricsTest, static_instruments_count_what_is_early_and_bind_when_a_default_comes) {
  forebay_get_api(FOREBAY_ABI_VERSION)->collector_set_default(nullptr);
  EXPECT_EQ(orders_static.add(1).code(), FOREBAY_REFUSED_NOT_STARTED);
  EXPECT_EQ(eu_static.add(1).code(), FOREBAY_REFUSED_NOT_STARTED);
  const Collector collector = metering_collector();
  collector.set_default();
  EXPECT_EQ(collector.stats().number("notes.measurements_not_started"), 2);
  EXPECT_TRUE(orders_static.add(2, {{"region", "eu"}}).is_accepted());
  EXPECT_TRUE(eu_static.add(5).is_accepted());
  const std::string text = text_of(collector);
  EXPECT_THAT(text, HasSubstr("# HELP native_orders_total orders taken"));
  EXPECT_THAT(text, HasSubstr("region=\"eu\""));
  EXPECT_THAT(text, HasSubstr("} 7\n"));
  expect_balanced(collector);
  EXPECT_EQ(collector.stats().number("metrics.lanes.metrics.delivered"), 1);
  EXPECT_EQ(collector.take_metrics().size(), 2U);  // the other one is about Forebay itself
  collector.shutdown(5s);
  EXPECT_EQ(eu_static.add(1).code(), FOREBAY_REFUSED_SHUTDOWN);
  EXPECT_EQ(collector.stats().number("notes.measurements_shutdown"), 1);
}

TEST(NativeMetricsTest, a_bound_series_goes_over_to_the_next_default) {
  const Collector first = metering_collector();
  first.set_default();
  EXPECT_TRUE(eu_static.add(1).is_accepted());
  const Collector second = metering_collector();
  second.set_default();
  EXPECT_TRUE(eu_static.add(40).is_accepted());
  EXPECT_THAT(text_of(first), HasSubstr("} 1\n"));
  EXPECT_THAT(text_of(second), HasSubstr("} 40\n"));
  expect_balanced(first);
  expect_balanced(second);
}

TEST(NativeMetricsTest, each_kind_records_whole_and_floating_point_values) {
  const Collector collector = metering_collector();
  const auto counter = *collector.counter("c");
  const auto both_ways = *collector.up_down_counter("u");
  const auto gauge = *collector.gauge("g");
  const auto histogram = *collector.histogram("h", {.unit = "s"});
  EXPECT_TRUE(counter.add(2U).is_accepted());
  EXPECT_TRUE(counter.add(0.5).is_accepted());
  EXPECT_TRUE(counter.bind().add(1).is_accepted());
  EXPECT_TRUE(both_ways.add(int16_t{-3}).is_accepted());
  EXPECT_TRUE(both_ways.bind().add(1).is_accepted());
  EXPECT_TRUE(gauge.set(1.5F).is_accepted());
  EXPECT_TRUE(gauge.bind().set(-7).is_accepted());
  EXPECT_TRUE(histogram.record(3).is_accepted());
  EXPECT_TRUE(histogram.bind().record(4.0).is_accepted());
  const std::string text = text_of(collector);
  EXPECT_THAT(text, HasSubstr("c_total 3.5\n"));
  EXPECT_THAT(text, HasSubstr("u -2\n"));
  EXPECT_THAT(text, HasSubstr("g -7\n"));
  EXPECT_THAT(text, HasSubstr("h_seconds_sum 7\n"));
  expect_balanced(collector);
  EXPECT_EQ(collector.stats().metrics().emitted(), 4);  // Forebay's own are internal
}

TEST(NativeMetricsTest, what_is_no_measurement_is_told_and_counted) {
  const Collector collector = metering_collector();
  const auto counter = *collector.counter("c");
  EXPECT_EQ(counter.add(-1).code(), FOREBAY_INVALID_MEASUREMENT);
  EXPECT_EQ(counter.bind().add(-0.5).code(), FOREBAY_INVALID_MEASUREMENT);
  EXPECT_EQ(counter.add(std::numeric_limits<double>::quiet_NaN()).code(),
            FOREBAY_INVALID_MEASUREMENT);
  EXPECT_TRUE(collector.flush(30s).complete);
  EXPECT_EQ(collector.stats().number("notes.measurements_invalid"), 3);
  // Above 2^63 - 1 it has no place in a whole number, and is a double.
  EXPECT_TRUE(collector.gauge("g")->set(uint64_t{1} << 63).is_accepted());
  EXPECT_THAT(text_of(collector), HasSubstr("g 9223372036854775808\n"));
  expect_balanced(collector);
}

TEST(NativeMetricsTest, attributes_tell_series_apart_in_any_order_and_any_number) {
  const Collector collector = metering_collector();
  const auto counter = *collector.counter("c");
  counter.add(1, {{"a", 1}, {"b", "x"}});
  counter.add(2, {{"b", "x"}, {"a", 1}});
  counter.add(4, {{"a", "1"}, {"b", "x"}});  // a text is not a number
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.push_back("key" + std::to_string(i));
  std::vector<forebay::Attribute> many;
  for (const std::string& key : keys) many.push_back({key, 1});
  EXPECT_TRUE(counter.add(8, many).is_accepted());
  EXPECT_TRUE(counter.bind(many).add(8).is_accepted());
  expect_balanced(collector);
  EXPECT_EQ(collector.stats().number("metrics.lanes.metrics.delivered"), 3);
  EXPECT_GT(collector.stats().number("metrics.lanes.forebay.delivered"), 3);
  EXPECT_THAT(text_of(collector), HasSubstr("key99=\"1\"} 16\n"));
}

TEST(NativeMetricsTest, a_timer_records_once_in_the_unit_of_its_histogram) {
  const Collector collector = metering_collector();
  collector.set_default();
  const auto seconds = *collector.histogram("s", {.unit = "s"});
  {
    const auto timer = latency_static.time();
    std::this_thread::sleep_for(2ms);
  }
  {
    auto timer = seconds.time();
    timer.stop({{"status", 200}});
    timer.stop();
  }
  { seconds.time().cancel(); }
  const auto bound = latency_static.bind({{"bound", true}});
  { const auto timer = bound.time(); }
  {
    auto timer = bound.time();
    auto moved = std::move(timer);
    EXPECT_LT(moved.elapsed(), 60e3);
    EXPECT_TRUE(moved.stop().is_accepted());
  }
  const std::string text = text_of(collector);
  EXPECT_THAT(text, HasSubstr("status=\"200\""));
  // Two milliseconds are more than 1, and far from being 0.002.
  EXPECT_THAT(text, HasSubstr("native_latency_milliseconds_bucket{le=\"1.0\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("native_latency_milliseconds_count 1\n"));
  EXPECT_THAT(text, HasSubstr("native_latency_milliseconds_count{bound=\"true\"} 2\n"));
  EXPECT_EQ(collector.flush(30s).complete, true);
  EXPECT_EQ(collector.stats().metrics().emitted(), 3);
  expect_balanced(collector);
}

TEST(NativeMetricsTest, a_bad_name_a_bad_unit_and_bad_buckets_are_refused_by_field) {
  const Collector collector = metering_collector();
  const auto bad_name = collector.counter("two words");
  EXPECT_EQ(bad_name.status().code(), Status::Code::kInvalid);
  EXPECT_THAT(bad_name.message(), HasSubstr("name: 'two words'"));
  EXPECT_THAT(collector.gauge("g", {.unit = "µs"}).message(), HasSubstr("unit: "));
  const double falling[] = {2, 1};
  EXPECT_THAT(collector.histogram("h", {.buckets = falling}).message(), HasSubstr("buckets"));
  EXPECT_THAT(forebay::Counter::named("").message(), HasSubstr("name: "));
  EXPECT_EQ(Collector().counter("c").status().code(), Status::Code::kUnavailable);
  EXPECT_EQ(Collector().prometheus_text().status().code(), Status::Code::kUnavailable);
  EXPECT_TRUE(Collector().take_metrics().empty());
  // Of a static histogram nobody is there to be told: what it would record is counted as lost.
  collector.set_default();
  static constexpr double kFalling[] = {2, 1};
  const forebay::Histogram broken{"native.broken", {.buckets = kFalling}};
  EXPECT_EQ(broken.record(1).code(), FOREBAY_DROPPED_MEMORY);
  EXPECT_EQ(broken.bind().record(1).code(), FOREBAY_DROPPED_MEMORY);
  EXPECT_EQ(collector.stats().number("notes.measurements_memory"), 2);
}

TEST(NativeMetricsTest, observers_are_asked_while_they_live_and_an_exception_costs_only_itself) {
  const Collector collector = metering_collector();
  int64_t depth = 3;
  std::atomic<int> calls{0};
  {
    const auto gauge = collector.observable_gauge("depth", [&](forebay::Observer& observer) {
      ++calls;
      observer.observe(depth, {{"queue", "a"}});
    });
    ASSERT_TRUE(gauge.is_ok()) << gauge.message();
    const auto failing = collector.observable_counter("failing", [](forebay::Observer& observer) {
      observer.observe(7);
      throw std::runtime_error("no");
    });
    const auto both = collector.observable_up_down_counter(
        "both", [](forebay::Observer& observer) { observer.observe(-1.5); });
    EXPECT_TRUE(collector.flush(30s).complete);
    const std::string text = text_of(collector);
    EXPECT_THAT(text, HasSubstr("queue=\"a\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("both -1.5\n"));
    EXPECT_EQ(collector.stats().number("notes.callbacks_failed"), 1);
  }
  const int calls_before = calls.load();
  EXPECT_GE(calls_before, 1);
  EXPECT_TRUE(collector.flush(30s).complete);
  EXPECT_EQ(calls.load(), calls_before);
  EXPECT_EQ(collector.observable_gauge("depth", nullptr).status().code(), Status::Code::kInvalid);
  expect_balanced(collector);
}

TEST(NativeMetricsTest, options_and_views_say_how_metrics_are_collected) {
  forebay::MetricsOptions metrics;
  metrics.temporality = forebay::Temporality::kDelta;
  metrics.self_metrics = false;
  metrics.views = {{.instrument = "latency",
                    .kind = forebay::InstrumentKind::kHistogram,
                    .name = "renamed",
                    .buckets = std::vector<double>{5},
                    .keep_attributes = std::vector<std::string>{"route"}},
                   {.instrument = "noise*", .aggregation = forebay::View::Aggregation::kDrop}};
  const Collector collector = metering_collector(metrics);
  const auto latency = *collector.histogram("latency");
  latency.record(1, {{"route", "/a"}, {"user", 1}});
  latency.record(9, {{"route", "/a"}, {"user", 2}});
  (void)collector.counter("noise.one")->add(1);
  const std::string text = text_of(collector);
  EXPECT_THAT(text, HasSubstr("renamed_bucket{"));
  EXPECT_THAT(text, HasSubstr("le=\"5.0\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("user")));
  EXPECT_THAT(text, Not(HasSubstr("noise")));
  expect_balanced(collector);
  EXPECT_EQ(collector.stats().metrics().delivered(), 1);
  forebay::Options bad{.exporter = forebay::MemoryExporter{}};
  bad.metrics.views = {{.instrument = "*", .name = "one.for.all"}};
  EXPECT_THAT(Collector::create(bad).message(), HasSubstr("metrics.views[0].name"));
}

TEST(NativeMetricsTest, threads_share_static_instruments_without_losing_one) {
  const Collector collector = metering_collector();
  collector.set_default();
  constexpr int kEach = 20'000;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < kEach; ++i) {
        (void)eu_static.add(1);
        (void)orders_static.add(1, {{"region", "us"}});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string text = text_of(collector);
  EXPECT_THAT(text, HasSubstr("region=\"eu\"} 80000\n"));
  EXPECT_THAT(text, HasSubstr("region=\"us\"} 80000\n"));
  expect_balanced(collector);
}

// What does not compile is part of the promise.
template <class T>
concept CanBeAdded = requires(const forebay::Counter& counter, T value) {
  counter.add(value);
};
static_assert(CanBeAdded<int> && CanBeAdded<double> && CanBeAdded<size_t>);
static_assert(!CanBeAdded<bool> && !CanBeAdded<char> && !CanBeAdded<const char*>);
static_assert(forebay::detail::is_instrument_name("a.b/c-d_1", 9));
static_assert(!forebay::detail::is_instrument_name("1a", 2));
static_assert(!forebay::detail::is_instrument_name("", 0));
static_assert(!forebay::detail::is_unit("\xc2\xb5s", 3));

}  // namespace
