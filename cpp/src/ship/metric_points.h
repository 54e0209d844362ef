// The points in an ExportMetricsServiceRequest, one after another, as views into its bytes.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace forebay::ship {

enum class PointKind : uint8_t { kGauge, kSum, kHistogram, kExponential, kSummary };
enum class Temporality : uint8_t {
  kUnspecified = 0,
  kDelta = 1,
  kCumulative = 2
};  // as on the wire

// Buckets, quantiles and exemplars are left out: it is for showing a point in a line.
struct MetricPointView {
  std::string_view scope_name;
  std::string_view name;
  std::string_view unit;
  PointKind kind = PointKind::kGauge;
  Temporality temporality = Temporality::kUnspecified;
  bool is_monotonic = false;
  uint64_t time_unix_nano = 0;
  std::vector<ByteView> attributes;  // KeyValues
  bool has_no_value = false;         // it says so, or is a number without one
  // Of a gauge and a sum.
  std::variant<std::monostate, int64_t, double> number;
  // Of the others. A summary has no min and max.
  uint64_t count = 0;
  std::optional<double> sum;
  std::optional<double> min;
  std::optional<double> max;
};

// Calls `visit` for each. kCorrupt where the bytes are no such message; points before that place
// have been visited then. The view holds only during the call.
Status for_each_metric_point(ByteView request,
                             const std::function<void(const MetricPointView&)>& visit);

}  // namespace forebay::ship
