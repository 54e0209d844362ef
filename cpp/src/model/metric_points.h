// What a collection of metrics comes to: streams of points, as the encoders are given them. Where
// they come from (metrics/) and what they become (encode/) do not know each other.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "model/value.h"

namespace forebay::model {

enum class PointKind : uint8_t { kGauge, kSum, kHistogram, kExponentialHistogram };
enum class Temporality : uint8_t { kDelta = 1, kCumulative = 2 };  // as in OTLP

// The stream that the points after it belong to. Everything lives as long as the collection.
struct MetricStream {
  const Scope* scope = nullptr;
  std::string_view name;
  std::string_view description;
  std::string_view unit;
  PointKind kind = PointKind::kSum;
  Temporality temporality = Temporality::kCumulative;  // no matter for a gauge
  bool is_monotonic = false;                           // of a sum
};

struct NumberPoint {
  ByteView attributes;  // a set (attribute_set.h)
  WallTime start{};     // of a gauge: none
  WallTime time{};
  bool is_integer = true;
  int64_t integer = 0;
  double real = 0;
};

struct HistogramPoint {
  ByteView attributes;
  WallTime start{};
  WallTime time{};
  uint64_t count = 0;
  // Left out where a value was negative: a sum that goes down cannot be told from a restart.
  bool has_sum = true;
  double sum = 0;
  double min = 0;  // of count 0: no matter
  double max = 0;
  std::span<const double> bounds;           // upper ones, each belongs to its bucket
  std::span<const uint64_t> bucket_counts;  // one more
  bool has_range = true;                    // min and max are known
};

struct ExponentialHistogramPoint {
  ByteView attributes;
  WallTime start{};
  WallTime time{};
  uint64_t count = 0;
  bool has_sum = true;
  double sum = 0;
  double min = 0;
  double max = 0;
  int32_t scale = 0;
  uint64_t zero_count = 0;
  struct Buckets {
    int32_t offset = 0;  // index of the first
    std::span<const uint64_t> counts;
  };
  Buckets positive;
  Buckets negative;
};

// Takes a collection. The points of a stream come between its begin_stream() and the next one. A
// sink that throws ends the collection.
class MetricSink {
 public:
  virtual ~MetricSink() = default;
  virtual void begin_stream(const MetricStream& stream) = 0;
  virtual void add(const NumberPoint& point) = 0;
  virtual void add(const HistogramPoint& point) = 0;
  virtual void add(const ExponentialHistogramPoint& point) = 0;
};

}  // namespace forebay::model
