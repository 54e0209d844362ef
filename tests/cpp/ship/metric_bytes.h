// Builds ExportMetricsServiceRequests by hand, with field numbers taken from metrics.proto.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "ship/otlp_bytes.h"

namespace forebay::ship::testing {

inline constexpr uint64_t kPointTime = 1'800'000'000'123'456'789;
inline constexpr uint64_t kDelta = 1;
inline constexpr uint64_t kCumulative = 2;

// NumberDataPoints. An empty region: no attribute.
inline Message region_of(Message point, uint32_t field, const std::string& region) {
  if (!region.empty()) point.message(field, key_value("region", any_text(region)));
  return point;
}
inline Message int_point(int64_t value, const std::string& region = {}) {
  Message point;
  point.fixed64(2, kPointTime - 60'000'000'000).fixed64(3, kPointTime);
  point.fixed64(6, static_cast<uint64_t>(value));
  return region_of(std::move(point), 7, region);
}
inline Message double_point(double value, const std::string& region = {}) {
  return region_of(Message().fixed64(3, kPointTime).number(4, value), 7, region);
}
inline std::string packed64(const std::vector<uint64_t>& values) {
  std::string bytes;
  for (const uint64_t value : values) {
    for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i));
  }
  return bytes;
}
// HistogramDataPoint: two buckets around 0.2, three values.
inline Message histogram_point(const std::string& region = {}) {
  Message point;
  point.fixed64(3, kPointTime).fixed64(4, 3).number(5, 0.75).text(6, packed64({1, 2}));
  point.text(7, packed64({std::bit_cast<uint64_t>(0.2)})).number(11, 0.125).number(12, 0.375);
  return region_of(std::move(point), 9, region);
}
// ExponentialHistogramDataPoint; scale -2, offset -3 (both zigzag).
inline Message exponential_point(const std::string& region = {}) {
  Message point;
  point.fixed64(3, kPointTime).fixed64(4, 4).number(5, 10.5).varint(6, 3).fixed64(7, 1);
  point.message(8, Message().varint(1, 5).text(2, std::string("\x01\x02", 2)));
  return region_of(std::move(point), 1, region);
}
// SummaryDataPoint; the median is 2.
inline Message summary_point(const std::string& region = {}) {
  Message point;
  point.fixed64(3, kPointTime).fixed64(4, 5).number(5, 11);
  point.message(6, Message().number(1, 0.5).number(2, 2));
  return region_of(std::move(point), 7, region);
}

// The number of the field in Metric that holds the points.
enum class DataField : uint32_t {
  kGauge = 5,
  kSum = 7,
  kHistogram = 9,
  kExponential = 10,
  kSummary = 11
};

// With a description, a unit and metadata around the points, and behind them what the kind has.
inline Message metric(DataField field, const std::string& name, const std::vector<Message>& points,
                      uint64_t temporality = kCumulative, const std::string& unit = "{order}") {
  Message data;
  for (const Message& point : points) data.message(1, point);
  if (field != DataField::kGauge && field != DataField::kSummary) data.varint(2, temporality);
  if (field == DataField::kSum) data.varint(3, 1);
  Message made;
  made.text(1, name).text(2, "about " + name).text(3, unit);
  made.message(static_cast<uint32_t>(field), data);
  return made.message(12, key_value("meta", any_text("data")));
}

// One resource (service.name), one scope, and in it these metrics.
inline std::string metric_request(const std::vector<Message>& metrics,
                                  const std::string& scope = "checkout.meter") {
  Message scope_metrics;
  scope_metrics.message(1, Message().text(1, scope).text(2, "1.2"));
  for (const Message& each : metrics) scope_metrics.message(2, each);
  scope_metrics.text(3, "scope.schema");
  Message resource;
  resource.message(1, key_value("service.name", any_text("checkout")));
  return Message()
      .message(1, Message().message(1, resource).message(2, scope_metrics).text(3, "schema"))
      .bytes();
}

inline EncodedBatch metric_batch(std::string id, const std::string& request, uint64_t points,
                                 Codec codec = Codec::kZstd) {
  EncodedBatch batch;
  batch.id = std::move(id);
  batch.signal = Signal::kMetrics;
  batch.codec = codec;
  batch.counts[SeverityClass::kUnspecified] = points;
  batch.raw_bytes = request.size();
  batch.body = in_codec(request, codec);
  return batch;
}

// So many points of one counter, with the values 0, 1, 2 and so on.
inline EncodedBatch counter_batch(std::string id, size_t points, Codec codec = Codec::kZstd) {
  std::vector<Message> made;
  for (size_t i = 0; i < points; ++i) {
    made.push_back(int_point(static_cast<int64_t>(i), "r" + std::to_string(i)));
  }
  return metric_batch(std::move(id), metric_request({metric(DataField::kSum, "orders", made)}),
                      points, codec);
}

}  // namespace forebay::ship::testing
