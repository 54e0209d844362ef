// What a collection came to, for tests: each point by its stream's name and its attributes, spelled
// out.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "metrics/store.h"
#include "model/attribute_set.h"
#include "model/metric_points.h"

namespace forebay::metrics {

inline std::string spelled(ByteView set) {
  std::string words;
  model::visit_set(set, [&](std::string_view key, const model::ValueView& value) {
    if (!words.empty()) words += ",";
    words += key;
    words += "=";
    if (value.type == FOREBAY_STRING) {
      words += value.bytes;
    } else if (value.type == FOREBAY_DOUBLE) {
      words += std::to_string(value.f64);
    } else {
      words += std::to_string(value.i64);
    }
  });
  return words;
}

struct CollectedPoint {
  model::MetricStream stream;
  WallTime start{};
  WallTime time{};
  bool is_integer = false;
  int64_t integer = 0;
  double real = 0;
  uint64_t count = 0;
  bool has_sum = false;
  double sum = 0, min = 0, max = 0;
  std::vector<uint64_t> buckets;
  int32_t scale = 0;
  uint64_t zero_count = 0;
  int32_t positive_offset = 0, negative_offset = 0;
  std::vector<uint64_t> positive, negative;
};

class Collected final : public model::MetricSink {
 public:
  std::map<std::string, CollectedPoint> points;  // "<stream>{<attributes>}"
  uint64_t streams = 0;
  bool has_twins = false;  // two points of the same attributes

  void begin_stream(const model::MetricStream& stream) override {
    stream_ = stream;
    ++streams;
  }
  void add(const model::NumberPoint& point) override {
    CollectedPoint& one = take(point);
    one.is_integer = point.is_integer;
    one.integer = point.integer;
    one.real = point.real;
  }
  void add(const model::HistogramPoint& point) override {
    CollectedPoint& one = take_distribution(point);
    one.buckets.assign(point.bucket_counts.begin(), point.bucket_counts.end());
  }
  void add(const model::ExponentialHistogramPoint& point) override {
    CollectedPoint& one = take_distribution(point);
    one.scale = point.scale;
    one.zero_count = point.zero_count;
    one.positive_offset = point.positive.offset;
    one.positive.assign(point.positive.counts.begin(), point.positive.counts.end());
    one.negative_offset = point.negative.offset;
    one.negative.assign(point.negative.counts.begin(), point.negative.counts.end());
  }

 private:
  template <typename Point>
  CollectedPoint& take(const Point& point) {
    const std::string key = std::string(stream_.name) + "{" + spelled(point.attributes) + "}";
    has_twins |= points.contains(key);
    CollectedPoint& one = points[key];
    one.stream = stream_;
    one.start = point.start;
    one.time = point.time;
    return one;
  }
  template <typename Point>
  CollectedPoint& take_distribution(const Point& point) {
    CollectedPoint& one = take(point);
    one.count = point.count;
    one.has_sum = point.has_sum;
    one.sum = point.sum;
    one.min = point.min;
    one.max = point.max;
    return one;
  }

  model::MetricStream stream_;
};

// A store with a manual clock, and the shortest way to record and collect.
struct StoreUnderTest {
  explicit StoreUnderTest(StoreOptions options = {})
      : ticks(&clock), store(std::move(options), phase, ticks) {}

  Instrument& make(const std::string& name, InstrumentKind kind = InstrumentKind::kCounter) {
    InstrumentSpec spec;
    spec.name = name;
    spec.kind = kind;
    spec.scope = &scope;
    return store.instrument(spec);
  }
  static model::AttributeSetKey key(const std::string& name, const std::string& value) {
    forebay_attribute attribute{};
    attribute.key = name.data();
    attribute.key_size = static_cast<uint32_t>(name.size());
    attribute.value.type = FOREBAY_STRING;
    attribute.value.as.data = value.data();
    attribute.value.size = static_cast<uint32_t>(value.size());
    return {&attribute, name.empty() ? 0u : 1u};
  }
  template <typename Value>
  bool record(Writer& writer, Series& series, Value value) {
    writer.enter();
    const uint32_t half = series.phase->load(std::memory_order_acquire) - 1;
    const Outcome outcome = metrics::record(series, writer, half, value, ticks.now());
    metrics::count(outcome, writer);
    writer.leave();
    return outcome == Outcome::kTaken;
  }
  // To every stream of the instrument.
  template <typename Value>
  void record(Instrument& instrument, Value value, const std::string& attribute = "",
              const std::string& of = "") {
    if (writer == nullptr) writer = store.writers().lease();
    Outcome worst = Outcome::kTaken;
    writer->enter();
    for (const auto& stream : instrument.streams) {
      Series& series = *stream->find(key(attribute, of));
      const uint32_t half = series.phase->load(std::memory_order_acquire) - 1;
      worst = std::max(worst, metrics::record(series, *writer, half, value, ticks.now()));
    }
    metrics::count(worst, *writer);
    writer->leave();
  }
  Collected collect(Reader reader = Reader::kPeriodic, uint64_t since = 0) {
    const std::lock_guard lock(store.collecting());
    clock.advance(std::chrono::seconds{1});
    (void)store.begin();
    while (!store.is_ready()) {
    }
    Collected collected;
    store.collect(reader, clock.wall_now(), since, collected);
    return collected;
  }

  ManualClock clock;
  TickSource ticks;
  std::atomic<uint32_t> phase{0};
  model::Scope scope{.id = 1, .name = "tests", .version = "", .attributes = {}};
  Store store;
  Writer* writer = nullptr;
};

}  // namespace forebay::metrics
