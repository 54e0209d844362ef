// OTLP metrics, written by our own protobuf writer. Verified in the tests against the official
// schema.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "encode/attribute_list.h"
#include "encode/metric_point_writer.h"
#include "model/metric_points.h"
#include "model/value.h"

namespace forebay::encode {

// A finished ExportMetricsServiceRequest.
struct MetricRequest {
  ByteBuffer body;
  uint32_t points = 0;
  // Whether a newer request may stand for this one. A gauge has no temporality: of it, too, the
  // newest point is what matters.
  bool is_cumulative = true;
  WallTime time{};  // of the newest point
};

// Encodes collections, each into as few requests as the limits allow: one is open for cumulative
// points and one for deltas, because what becomes of a request that waits differs (cumulative ones
// are replaced by newer ones), so none holds both. A stream whose points do not fit is cut: its
// name and all that describes it comes again in the next request.
//
// Streams of one scope that follow each other share a ScopeMetrics. Points have no exemplars and no
// flags; an exponential histogram's zero_threshold is left out, as it is zero.
//
// Throws only std::bad_alloc, and what the sink throws. Then clear() is all that may be called;
// with it the encoder is as new. Which points are where is certain at any time: those of the
// requests that the sink was called with are its own (also where it threw), and clear() says how
// many more were taken; a point whose add() threw is in neither.
//
// Not thread-safe. The texts of a stream are read in begin_stream() alone; scopes are told apart by
// their addresses until finish().
class MetricEncoder final : public model::MetricSink {
 public:
  using RequestSink = std::function<void(MetricRequest&& request)>;

  // `max_points` and `max_bytes` hold for each request (before compression); a single point that is
  // larger makes a request of its own. Zero of either: one point a request.
  MetricEncoder(const model::Resource& resource, uint32_t max_points, uint64_t max_bytes,
                RequestSink sink);

  void begin_stream(const model::MetricStream& stream) override;
  void add(const model::NumberPoint& point) override;
  void add(const model::HistogramPoint& point) override;
  void add(const model::ExponentialHistogramPoint& point) override;

  // The end of a collection: hands out what is open, the cumulative points first.
  void finish();

  // Forgets what is open, and says how many points that were.
  uint64_t clear() noexcept;

 private:
  // A Metric message. Its points lie between the end of the one before and its own.
  struct Metric {
    size_t head_end;    // in heads
    size_t points_end;  // in points
    model::PointKind kind;
    model::Temporality temporality;
    bool is_monotonic;
  };
  // A ScopeMetrics message: the metrics from the end of the one before.
  struct ScopePart {
    const model::Scope* scope;
    size_t scope_end;  // in scopes
    size_t metrics_end;
  };
  // The parts of a request that is open. Their lengths, which come before them, are known when it
  // is finished: then all is copied once, into a buffer of just that size.
  struct Open {
    std::vector<ScopePart> parts;
    std::vector<Metric> metrics;
    ByteBuffer scopes;  // the fields of each InstrumentationScope
    ByteBuffer heads;   // name, description and unit of each metric
    ByteBuffer points;  // data_points fields
    uint32_t count = 0;
    WallTime time{};
    bool has_stream = false;  // the last metric is the current stream

    void clear() noexcept;
  };

  template <typename Point>
  void take(const Point& point);
  void open_metric(Open& open);
  [[nodiscard]] uint64_t bound_bytes(const Open& open) const noexcept;
  void hand_out(Open& open, size_t points_end);
  void assemble(const Open& open, ByteBuffer& out) const;

  const uint32_t max_points_;
  const uint64_t max_bytes_;
  const RequestSink sink_;
  MetricPointWriter writer_;
  AttributeList attributes_;
  ByteBuffer resource_;
  model::MetricStream stream_;
  ByteBuffer scope_;  // of the current stream, and its head
  ByteBuffer head_;
  Open cumulative_;
  Open delta_;
  Open* current_ = &cumulative_;
};

}  // namespace forebay::encode
