#include "ship/metric_points.h"

#include <array>
#include <utility>

#include "ship/wire_reader.h"

namespace forebay::ship {
namespace {

using Visit = std::function<void(const MetricPointView&)>;

// Where the kinds of metric differ in their field numbers. Source: opentelemetry-proto
// metrics.proto. 0: there is no such field.
struct KindShape {
  uint32_t field;  // of Metric
  PointKind kind;
  uint32_t attributes;  // of the point, as the next ones
  uint32_t flags;
  uint32_t min;
  uint32_t max;
};
constexpr std::array<KindShape, 5> kKinds = {{
    {5, PointKind::kGauge, 7, 8, 0, 0},
    {7, PointKind::kSum, 7, 8, 0, 0},
    {9, PointKind::kHistogram, 9, 10, 11, 12},
    {10, PointKind::kExponential, 1, 10, 12, 13},
    {11, PointKind::kSummary, 7, 8, 0, 0},
}};
constexpr uint64_t kNoRecordedValue = 1;  // DataPointFlags

const KindShape* kind_of(const WireField& field) noexcept {
  if (field.type != WireType::kBytes) return nullptr;
  for (const KindShape& kind : kKinds) {
    if (kind.field == field.number) return &kind;
  }
  return nullptr;
}

// Field 3 is the time in all kinds. A number has its value in 4 or 6, the last on the wire; the
// others have their count in 4 and their sum in 5.
void read_number_field(const WireField& field, MetricPointView& point) noexcept {
  if (field.type != WireType::kFixed64) return;
  if (field.number == 4) point.number = field.as_double();
  if (field.number == 6) point.number = static_cast<int64_t>(field.value);
}
void read_distribution_field(const KindShape& shape, const WireField& field,
                             MetricPointView& point) noexcept {
  if (field.type != WireType::kFixed64) return;
  if (field.number == 4) point.count = field.value;
  if (field.number == 5) point.sum = field.as_double();
  if (field.number == shape.min) point.min = field.as_double();
  if (field.number == shape.max) point.max = field.as_double();
}

bool read_point(const KindShape& shape, ByteView bytes, MetricPointView& point) {
  const bool is_number = shape.kind == PointKind::kGauge || shape.kind == PointKind::kSum;
  WireReader reader(bytes);
  WireField field;
  while (reader.next(field)) {
    if (field.number == shape.attributes && field.type == WireType::kBytes) {
      point.attributes.push_back(field.bytes);
    } else if (field.number == shape.flags && field.type == WireType::kVarint) {
      point.has_no_value = (field.value & kNoRecordedValue) != 0;
    } else if (field.number == 3 && field.type == WireType::kFixed64) {
      point.time_unix_nano = field.value;
    } else if (is_number) {
      read_number_field(field, point);
    } else {
      read_distribution_field(shape, field, point);
    }
  }
  if (is_number && point.number.index() == 0) point.has_no_value = true;
  return !reader.corrupt();
}

// What stands behind the points holds for them too: each message is read for its own fields first.
bool read_metric(ByteView metric, MetricPointView& point, const Visit& visit) {
  MetricPointView blank;
  blank.scope_name = point.scope_name;
  const KindShape* shape = nullptr;
  ByteView data;
  WireReader names(metric);
  WireField field;
  while (names.next(field)) {
    if (field.number == 1) blank.name = as_text(field.bytes);
    if (field.number == 3) blank.unit = as_text(field.bytes);
    if (const KindShape* found = kind_of(field)) {
      shape = found;
      data = field.bytes;
    }
  }
  if (names.corrupt()) return false;
  if (shape == nullptr) return true;
  blank.kind = shape->kind;
  const bool has_temporality =
      shape->kind != PointKind::kGauge && shape->kind != PointKind::kSummary;
  WireReader about(data);
  while (about.next(field)) {
    if (field.type != WireType::kVarint) continue;
    if (field.number == 2 && has_temporality && field.value <= 2) {
      blank.temporality = static_cast<Temporality>(field.value);
    }
    if (field.number == 3 && shape->kind == PointKind::kSum) blank.is_monotonic = field.value != 0;
  }
  WireReader points(data);
  while (points.next(field)) {
    if (field.number != 1 || field.type != WireType::kBytes) continue;
    // The vector of attributes keeps its memory.
    std::vector<ByteView> attributes = std::move(point.attributes);
    attributes.clear();
    point = blank;
    point.attributes = std::move(attributes);
    if (!read_point(*shape, field.bytes, point)) return false;
    visit(point);
  }
  return !about.corrupt();
}

bool read_scope(ByteView scope_metrics, MetricPointView& point, const Visit& visit) {
  std::string_view scope_name;
  WireReader names(scope_metrics);
  WireField field;
  while (names.next(field)) {
    if (field.number != 1) continue;
    WireReader scope(field.bytes);
    WireField inner;
    while (scope.next(inner)) {
      if (inner.number == 1) scope_name = as_text(inner.bytes);
    }
    if (scope.corrupt()) return false;
  }
  WireReader metrics(scope_metrics);
  while (metrics.next(field)) {
    if (field.number != 2) continue;
    point.scope_name = scope_name;
    if (!read_metric(field.bytes, point, visit)) return false;
  }
  return !names.corrupt();
}

}  // namespace

Status for_each_metric_point(ByteView request, const Visit& visit) {
  Status corrupt = Status::corrupt("not an ExportMetricsServiceRequest");
  MetricPointView point;
  WireReader resources(request);
  WireField resource_metrics;
  while (resources.next(resource_metrics)) {
    if (resource_metrics.number != 1) continue;
    WireReader scopes(resource_metrics.bytes);
    WireField scope_metrics;
    while (scopes.next(scope_metrics)) {
      if (scope_metrics.number == 2 && !read_scope(scope_metrics.bytes, point, visit)) {
        return corrupt;
      }
    }
    if (scopes.corrupt()) return corrupt;
  }
  return resources.corrupt() ? corrupt : Status::ok();
}

}  // namespace forebay::ship
