#include "encode/otlp_metrics.h"

#include <algorithm>
#include <utility>

#include "encode/field_writer.h"
#include "encode/resource_fields.h"

namespace forebay::encode {
namespace {

// Field numbers are those of opentelemetry/proto/metrics/v1 and .../collector/metrics/v1.
constexpr uint8_t kResourceMetrics = tag(1, WireType::kBytes);  // of the request
constexpr uint8_t kResource = tag(1, WireType::kBytes);         // of ResourceMetrics
constexpr uint8_t kScopeMetrics = tag(2, WireType::kBytes);
constexpr uint8_t kScope = tag(1, WireType::kBytes);  // of ScopeMetrics
constexpr uint8_t kMetrics = tag(2, WireType::kBytes);

// The most that each level adds around its content: two tags with lengths, temporality and
// is_monotonic.
constexpr size_t kMaxLevelOverhead = 2 * (1 + kMaxVarintBytes) + 4;

constexpr uint8_t data_field(model::PointKind kind) noexcept {
  switch (kind) {
    case model::PointKind::kGauge:
      return tag(5, WireType::kBytes);
    case model::PointKind::kHistogram:
      return tag(9, WireType::kBytes);
    case model::PointKind::kExponentialHistogram:
      return tag(10, WireType::kBytes);
    case model::PointKind::kSum:
      break;
  }
  return tag(7, WireType::kBytes);
}

// What a Sum has after its points: aggregation_temporality and is_monotonic. A histogram has the
// former, a gauge neither.
size_t traits_size(model::PointKind kind, bool is_monotonic) noexcept {
  if (kind == model::PointKind::kGauge) return 0;
  return kind == model::PointKind::kSum && is_monotonic ? 4 : 2;
}

uint8_t* put_traits(uint8_t* p, model::PointKind kind, model::Temporality temporality,
                    bool is_monotonic) noexcept {
  if (kind == model::PointKind::kGauge) return p;
  *p++ = tag(2, WireType::kVarint);
  *p++ = static_cast<uint8_t>(temporality);
  if (kind == model::PointKind::kSum && is_monotonic) {
    *p++ = tag(3, WireType::kVarint);
    *p++ = 1;
  }
  return p;
}

uint8_t* put_bytes(uint8_t* p, ByteView bytes) noexcept {
  if (!bytes.empty()) std::memcpy(p, bytes.data(), bytes.size());
  return p + bytes.size();
}

}  // namespace

void MetricEncoder::Open::clear() noexcept {
  parts.clear();
  metrics.clear();
  scopes.clear();
  heads.clear();
  points.clear();
  count = 0;
  time = {};
  has_stream = false;
}

MetricEncoder::MetricEncoder(const model::Resource& resource, uint32_t max_points,
                             uint64_t max_bytes, RequestSink sink)
    : max_points_(max_points), max_bytes_(max_bytes), sink_(std::move(sink)) {
  append_resource_fields(resource, attributes_, resource_);
}

void MetricEncoder::begin_stream(const model::MetricStream& stream) {
  cumulative_.has_stream = delta_.has_stream = false;
  const bool is_delta =
      stream.kind != model::PointKind::kGauge && stream.temporality == model::Temporality::kDelta;
  current_ = is_delta ? &delta_ : &cumulative_;
  if (stream.scope != stream_.scope) {
    scope_.clear();
    stream_.scope = nullptr;  // in case that the next line throws
    if (stream.scope != nullptr) append_scope_fields(*stream.scope, attributes_, scope_);
  }
  stream_ = stream;
  head_.clear();
  Room room(head_, 3 * kMaxValueOverhead + stream.name.size() + stream.description.size() +
                       stream.unit.size());
  uint8_t* p = room.start();
  if (!stream.name.empty()) p = put_text(room, p, tag(1, WireType::kBytes), stream.name);
  if (!stream.description.empty()) {
    p = put_text(room, p, tag(2, WireType::kBytes), stream.description);
  }
  if (!stream.unit.empty()) p = put_text(room, p, tag(3, WireType::kBytes), stream.unit);
  room.commit(p);
}

template <typename Point>
void MetricEncoder::take(const Point& point) {
  Open& open = *current_;
  const size_t before = open.points.size();
  writer_.append(point, open.points);
  if (open.count != 0 && (open.count >= max_points_ || bound_bytes(open) > max_bytes_)) {
    hand_out(open, before);
  }
  if (!open.has_stream) open_metric(open);
  open.metrics.back().points_end = open.points.size();
  ++open.count;
  open.time = std::max(open.time, point.time);
}

void MetricEncoder::add(const model::NumberPoint& point) { take(point); }
void MetricEncoder::add(const model::HistogramPoint& point) { take(point); }
void MetricEncoder::add(const model::ExponentialHistogramPoint& point) { take(point); }

void MetricEncoder::open_metric(Open& open) {
  if (open.parts.empty() || open.parts.back().scope != stream_.scope) {
    open.scopes.append(scope_.view());
    open.parts.push_back({stream_.scope, open.scopes.size(), open.metrics.size()});
  }
  open.heads.append(head_.view());
  open.metrics.push_back({open.heads.size(), open.points.size(), stream_.kind, stream_.temporality,
                          stream_.is_monotonic});
  open.parts.back().metrics_end = open.metrics.size();
  open.has_stream = true;
}

// An upper bound of the request's size once the current stream is in it.
uint64_t MetricEncoder::bound_bytes(const Open& open) const noexcept {
  uint64_t bytes = kMaxLevelOverhead + resource_.size() + open.scopes.size() + open.heads.size() +
                   open.points.size();
  bytes += kMaxLevelOverhead * (open.parts.size() + open.metrics.size());
  if (!open.has_stream) bytes += 2 * kMaxLevelOverhead + scope_.size() + head_.size();
  return bytes;
}

// Hands out what is open up to `points_end`; a point behind it is the first of the next request.
void MetricEncoder::hand_out(Open& open, size_t points_end) {
  MetricRequest request;
  assemble(open, request.body);
  request.points = open.count;
  request.is_cumulative = &open == &cumulative_;
  request.time = open.time;

  const size_t left = open.points.size() - points_end;
  if (left != 0) std::memmove(open.points.data(), open.points.data() + points_end, left);
  open.clear();
  open.points.advance(left);
  sink_(std::move(request));
}

void MetricEncoder::assemble(const Open& open, ByteBuffer& out) const {
  const auto data_size = [&](size_t i) {
    const Metric& metric = open.metrics[i];
    const size_t begin = i == 0 ? 0 : open.metrics[i - 1].points_end;
    return metric.points_end - begin + traits_size(metric.kind, metric.is_monotonic);
  };
  const auto metric_size = [&](size_t i) {
    const size_t begin = i == 0 ? 0 : open.metrics[i - 1].head_end;
    return open.metrics[i].head_end - begin + field_size(data_size(i));
  };
  std::vector<size_t> part_sizes;
  part_sizes.reserve(open.parts.size());
  size_t all = field_size(resource_.size());
  size_t scope_begin = 0;
  size_t i = 0;
  for (const ScopePart& part : open.parts) {
    size_t size = field_size(part.scope_end - scope_begin);
    for (; i != part.metrics_end; ++i) size += field_size(metric_size(i));
    scope_begin = part.scope_end;
    part_sizes.push_back(size);
    all += field_size(size);
  }

  uint8_t* const begin = out.reserve(field_size(all));
  uint8_t* p = begin;
  *p++ = kResourceMetrics;
  p = put_varint(p, all);
  p = put_field(p, kResource, resource_.view());
  const uint8_t* scope = open.scopes.data();
  const uint8_t* head = open.heads.data();
  const uint8_t* point = open.points.data();
  i = 0;
  for (size_t k = 0; k != open.parts.size(); ++k) {
    const ScopePart& part = open.parts[k];
    *p++ = kScopeMetrics;
    p = put_varint(p, part_sizes[k]);
    const uint8_t* const scope_end = open.scopes.data() + part.scope_end;
    p = put_field(p, kScope, {scope, scope_end});
    scope = scope_end;
    for (; i != part.metrics_end; ++i) {
      const Metric& metric = open.metrics[i];
      *p++ = kMetrics;
      p = put_varint(p, metric_size(i));
      p = put_bytes(p, {head, open.heads.data() + metric.head_end});
      *p++ = data_field(metric.kind);
      p = put_varint(p, data_size(i));
      p = put_bytes(p, {point, open.points.data() + metric.points_end});
      p = put_traits(p, metric.kind, metric.temporality, metric.is_monotonic);
      head = open.heads.data() + metric.head_end;
      point = open.points.data() + metric.points_end;
    }
  }
  out.advance(static_cast<size_t>(p - begin));
}

void MetricEncoder::finish() {
  if (cumulative_.count != 0) hand_out(cumulative_, cumulative_.points.size());
  if (delta_.count != 0) hand_out(delta_, delta_.points.size());
  clear();
}

uint64_t MetricEncoder::clear() noexcept {
  const uint64_t points = uint64_t{cumulative_.count} + delta_.count;
  cumulative_.clear();
  delta_.clear();
  // A scope at the same address may be another one in the next collection.
  stream_ = {};
  scope_.clear();
  head_.clear();
  current_ = &cumulative_;
  return points;
}

}  // namespace forebay::encode
