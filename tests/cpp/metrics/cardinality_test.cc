// What a stream does with more attributes than it has series for, and that nothing is lost by it.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include <string>
#include <thread>
#include <vector>

#include "metrics/collected.h"

namespace forebay::metrics {
namespace {

constexpr const char* kOverflow = "orders{otel.metric.overflow=1}";

StoreOptions limited(uint32_t limit, TemporalityPreference temporality) {
  StoreOptions options;
  options.defaults.cardinality_limit = limit;
  options.defaults.temporality = temporality;
  return options;
}

int64_t sum_of(const Collected& collected) {
  int64_t sum = 0;
  for (const auto& [key, point] : collected.points) sum += point.integer;
  return sum;
}

TEST(CardinalityTest, as_many_sets_as_the_limit_says_never_overflow) {
  StoreUnderTest test(limited(2000, TemporalityPreference::kCumulative));
  Instrument& counter = test.make("orders");
  for (int i = 0; i < 2000; ++i) {
    test.record(counter, int64_t{1}, "customer", std::to_string(i));
  }
  const Collected collected = test.collect();
  EXPECT_EQ(collected.points.size(), 2000U);
  EXPECT_FALSE(collected.points.contains(kOverflow));
}

// SPEC: five thousand sets, a limit of two thousand.
TEST(CardinalityTest, what_is_beyond_the_limit_goes_into_one_overflow_point_and_none_is_lost) {
  for (const auto temporality :
       {TemporalityPreference::kCumulative, TemporalityPreference::kDelta}) {
    StoreUnderTest test(limited(2000, temporality));
    Instrument& counter = test.make("orders");
    for (int i = 0; i < 5000; ++i) {
      test.record(counter, int64_t{i}, "customer", std::to_string(i));
    }
    const Collected collected = test.collect();
    EXPECT_EQ(collected.points.size(), 2001U);
    EXPECT_EQ(sum_of(collected), 4999 * 5000 / 2);
    int64_t beyond = 0;
    for (int i = 2000; i < 5000; ++i) beyond += i;
    EXPECT_EQ(collected.points.at(kOverflow).integer, beyond);
    // Those that were there before go on as they were.
    test.record(counter, int64_t{7}, "customer", "3");
    const bool is_delta = temporality == TemporalityPreference::kDelta;
    EXPECT_EQ(test.collect().points.at("orders{customer=3}").integer, is_delta ? 7 : 10);
  }
}

TEST(CardinalityTest, memory_that_has_come_to_its_bound_is_a_limit_like_any_other) {
  StoreOptions options;
  options.max_bytes = 200 * sizeof(Series);
  StoreUnderTest test(options);
  Instrument& counter = test.make("orders");
  for (int i = 0; i < 1000; ++i) {
    test.record(counter, int64_t{1}, "customer", std::to_string(i));
  }
  const Collected collected = test.collect();
  EXPECT_TRUE(collected.points.contains(kOverflow));
  EXPECT_LE(collected.points.size(), 201U);
  EXPECT_GT(collected.points.size(), 100U);
  EXPECT_EQ(sum_of(collected), 1000);
}

TEST(CardinalityTest, with_deltas_a_series_that_is_idle_makes_room_for_others) {
  StoreUnderTest test(limited(100, TemporalityPreference::kDelta));
  Instrument& counter = test.make("orders");
  int64_t sum = 0;
  uint64_t overflows = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 40; ++i) {
      test.record(counter, int64_t{1}, "customer", std::to_string(round * 40 + i));
    }
    const Collected collected = test.collect();
    EXPECT_FALSE(collected.has_twins);
    sum += sum_of(collected);
    overflows += collected.points.contains(kOverflow) ? 1 : 0;
  }
  EXPECT_EQ(sum, 20 * 40);
  EXPECT_EQ(overflows, 0U);
  EXPECT_LE(test.store.numbers().series, 100U);
}

TEST(CardinalityTest, a_bound_series_stays_also_when_it_is_idle) {
  StoreUnderTest test(limited(10, TemporalityPreference::kDelta));
  Instrument& counter = test.make("orders");
  Stream& stream = *counter.streams[0];
  Series* bound = stream.bind(StoreUnderTest::key("customer", "mine"));
  Writer& writer = *test.store.writers().lease();
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 8; ++i) {
      test.record(counter, int64_t{1}, "customer", std::to_string(round * 8 + i));
    }
    (void)test.collect();
  }
  test.record(writer, *bound, int64_t{5});
  EXPECT_EQ(test.collect().points.at("orders{customer=mine}").integer, 5);
  stream.unbind(*bound);
}

// It was looked up before it was taken out, and measured after; the end comes before the next
// collection. Both ways round, since either half may be the one that is written to.
TEST(CardinalityTest, what_a_series_measures_after_it_made_room_is_in_the_last_collection) {
  for (const int more : {0, 1}) {
    StoreUnderTest test(limited(2, TemporalityPreference::kDelta));
    Instrument& counter = test.make("orders");
    Stream& stream = *counter.streams[0];
    for (int i = 0; i < more; ++i) (void)test.collect();
    test.record(counter, int64_t{1}, "customer", "a");
    test.record(counter, int64_t{1}, "customer", "b");
    (void)test.collect();
    Writer& writer = *test.store.writers().lease();
    {
      const std::lock_guard lock(test.store.collecting());
      EXPECT_TRUE(test.store.begin());
      writer.enter();
      Series& known = *stream.find(StoreUnderTest::key("customer", "a"));
      ASSERT_TRUE(test.store.is_ready());
      Collected collected;
      test.store.collect(Reader::kPeriodic, test.clock.wall_now(), 0, collected);
      EXPECT_EQ(test.store.numbers().series, 0U);
      EXPECT_EQ(record(known, writer, test.phase.load() - 1, int64_t{5}, 1), Outcome::kTaken);
      writer.leave();
    }
    test.store.close();
    EXPECT_EQ(test.collect().points.at("orders{customer=a}").integer, 5);
  }
}

// The heart of it: whatever threads and collections do at the same time, each measurement is in
// exactly one delta.
TEST(CardinalityTest, threads_and_collections_at_once_lose_and_double_nothing) {
  for (const auto temporality :
       {TemporalityPreference::kCumulative, TemporalityPreference::kDelta}) {
    StoreUnderTest test(limited(30, temporality));
    Instrument& counter = test.make("orders");
    Instrument& histogram = test.make("sizes", InstrumentKind::kHistogram);
    constexpr int kThreads = 12;  // more than a series has owned cells for
    constexpr int kRounds = 4'000;
    std::atomic<int> running{kThreads};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        Writer& writer = *test.store.writers().lease();
        Series* bound = counter.streams[0]->bind(StoreUnderTest::key("customer", "bound"));
        for (int i = 0; i < kRounds; ++i) {
          const std::string name = std::to_string((i * 7 + t) % 60);
          const auto key = StoreUnderTest::key("customer", name);
          writer.enter();
          const uint32_t half = test.phase.load(std::memory_order_acquire) - 1;
          record(*counter.streams[0]->find(key), writer, half, int64_t{1}, 1);
          record(*histogram.streams[0]->find(key), writer, half, double(i % 100), 1);
          writer.leave();
          test.record(writer, *bound, int64_t{1});
        }
        counter.streams[0]->unbind(*bound);
        test.store.writers().give_back(&writer);
        --running;
      });
    }
    int64_t counted = 0;
    uint64_t recorded = 0;
    double values = 0;
    const bool is_delta = temporality == TemporalityPreference::kDelta;
    bool was_last = false;
    while (!was_last) {
      was_last = running == 0;
      const Collected collected = test.collect();
      EXPECT_FALSE(collected.has_twins);
      if (!is_delta) counted = 0, recorded = 0, values = 0;
      for (const auto& [name, point] : collected.points) {
        counted += point.integer;
        recorded += point.count;
        values += point.sum;
        uint64_t in_buckets = 0;
        for (const uint64_t count : point.buckets) in_buckets += count;
        EXPECT_EQ(in_buckets, point.count);
      }
      std::this_thread::yield();
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(counted, int64_t{2} * kThreads * kRounds);
    EXPECT_EQ(recorded, uint64_t{kThreads} * kRounds);
    EXPECT_EQ(values, double{kThreads} * kRounds * 49.5);
  }
}

TEST(CardinalityTest, an_exponential_histogram_of_many_threads_is_that_of_one) {
  StoreOptions options = limited(10, TemporalityPreference::kDelta);
  options.defaults.histogram = Aggregation::kExponentialHistogram;
  StoreUnderTest test(options);
  Instrument& histogram = test.make("sizes", InstrumentKind::kHistogram);
  constexpr int kThreads = 12;
  constexpr int kRounds = 2'000;
  std::atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Writer& writer = *test.store.writers().lease();
      Series& series = *histogram.streams[0]->bind(StoreUnderTest::key("", ""));
      for (int i = 0; i < kRounds; ++i) {
        test.record(writer, series, (i % 3) * std::exp2((i + t) % 40));
      }
      test.store.writers().give_back(&writer);
      --running;
    });
  }
  uint64_t count = 0;
  bool was_last = false;
  while (!was_last) {
    was_last = running == 0;
    for (const auto& [name, point] : test.collect().points) {
      count += point.count;
      uint64_t sum = point.zero_count;
      for (const uint64_t n : point.positive) sum += n;
      EXPECT_EQ(sum, point.count);
    }
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, uint64_t{kThreads} * kRounds);
}

}  // namespace
}  // namespace forebay::metrics
