#include "pipeline/self_metrics.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "model/attribute_set.h"
#include "model/site.h"

namespace forebay::pipeline {
namespace {

using metrics::InstrumentKind;
using Label = std::pair<std::string_view, std::string_view>;

struct Metric {
  std::string_view name;
  std::string_view unit;
  InstrumentKind kind = InstrumentKind::kObservableCounter;
  std::string_view description = {};
};

constexpr InstrumentKind kUpDown = InstrumentKind::kObservableUpDownCounter;
constexpr InstrumentKind kGauge = InstrumentKind::kObservableGauge;

constexpr Metric kRecords{.name = "forebay.ledger.records",
                          .unit = "{record}",
                          .description = "Log records by what became of them."};
constexpr Metric kPoints{.name = "forebay.ledger.points",
                         .unit = "{point}",
                         .description = "Metric points by what became of them."};
constexpr Metric kRouteRecords{.name = "forebay.route.records",
                               .unit = "{record}",
                               .description = "Log records of each route by what became of them."};
constexpr Metric kHeld{.name = "forebay.lane.held",
                       .unit = "{record}",
                       .kind = kUpDown,
                       .description = "Log records that are inside, by place."};
constexpr Metric kFill{.name = "forebay.lane.fill",
                       .unit = "1",
                       .kind = kGauge,
                       .description = "How much of the lane's queue is taken."};
constexpr Metric kTimeToFull{.name = "forebay.lane.time_to_full",
                             .unit = "s",
                             .kind = kGauge,
                             .description = "Until the lane is full, as fast as it fills now."};
constexpr Metric kPressure{.name = "forebay.lane.pressure",
                           .unit = "",
                           .kind = kGauge,
                           .description = "0: normal, 1: pressured, 2: full."};
constexpr Metric kMemory{.name = "forebay.memory.usage",
                         .unit = "By",
                         .kind = kUpDown,
                         .description = "Memory of queues, batches, backlog and series."};
constexpr Metric kBacklog{.name = "forebay.backlog.usage",
                          .unit = "By",
                          .kind = kUpDown,
                          .description = "Memory of batches that wait for a destination."};
constexpr Metric kBreaker{
    .name = "forebay.exporter.breaker.open",
    .unit = "",
    .kind = kGauge,
    .description = "1: the destinations of the route fail, and are asked rarely."};
constexpr Metric kCreated{.name = "otel.sdk.log.created",
                          .unit = "{log_record}",
                          .description = "Log records submitted to enabled loggers."};
constexpr Metric kQueueSize{.name = "otel.sdk.processor.log.queue.size",
                            .unit = "{log_record}",
                            .kind = kUpDown,
                            .description = "Log records in the queue of a lane."};
constexpr Metric kQueueCapacity{.name = "otel.sdk.processor.log.queue.capacity",
                                .unit = "{log_record}",
                                .kind = kUpDown,
                                .description = "Most log records that the queue can hold."};
constexpr std::array<Metric, kSignals> kExported = {
    {{.name = "otel.sdk.exporter.log.exported",
      .unit = "{log_record}",
      .description = "Log records whose export has ended."},
     {.name = "otel.sdk.exporter.metric_data_point.exported",
      .unit = "{data_point}",
      .description = "Metric points whose export has ended."}}};
constexpr Metric kDuration{.name = "otel.sdk.exporter.operation.duration",
                           .unit = "s",
                           .kind = InstrumentKind::kHistogram,
                           .description = "From a batch's first attempt to the end of its export."};

// The ledger's notes, in their order.
constexpr std::array<Metric, account::kNotes> kNoteMetrics = {{
    {.name = "forebay.records.truncated", .unit = "{record}"},
    {.name = "forebay.attributes.unconverted", .unit = "{attribute}"},
    {.name = "forebay.exporter.encoding_fallbacks", .unit = "{fallback}"},
    {.name = "forebay.exporter.retries", .unit = "{attempt}"},
    {.name = "forebay.exporter.splits", .unit = "{batch}"},
    {.name = "forebay.exporter.malformed_responses", .unit = "{response}"},
    {.name = "forebay.exporter.ambiguous_attempts", .unit = "{attempt}"},
    {.name = "forebay.sent.raw", .unit = "By"},
    {.name = "forebay.sent.compressed", .unit = "By"},
    {.name = "forebay.records.represented", .unit = "{record}"},
    {.name = "forebay.exporter.breaker.opens", .unit = "{opening}"},
    {.name = "forebay.records.represented.delivered", .unit = "{record}"},
    {.name = "forebay.records.represented.lost", .unit = "{record}"},
    {.name = "forebay.records.represented.remainders", .unit = "{record}"},
    {.name = "forebay.measurements.invalid", .unit = "{measurement}"},
    {.name = "forebay.measurements.not_started", .unit = "{measurement}"},
    {.name = "forebay.measurements.shutdown", .unit = "{measurement}"},
    {.name = "forebay.measurements.memory", .unit = "{measurement}"},
    {.name = "forebay.callbacks.late", .unit = "{callback}"},
    {.name = "forebay.callbacks.failed", .unit = "{callback}"},
    {.name = "forebay.publications.failed", .unit = "{publication}"},
}};

constexpr std::string_view kLane = "forebay.lane";
constexpr std::string_view kPlace = "forebay.place";
constexpr std::string_view kReason = "forebay.reason";
constexpr std::string_view kRoute = "forebay.route";
constexpr std::string_view kState = "forebay.state";
constexpr std::string_view kComponentName = "otel.component.name";
constexpr std::string_view kComponentType = "otel.component.type";
constexpr std::string_view kErrorType = "error.type";

model::AttributeSetKey set_of(std::initializer_list<Label> labels) {
  std::array<forebay_attribute, 4> attributes{};
  uint32_t count = 0;
  for (const auto& [key, value] : labels) {
    if (value.empty()) continue;
    forebay_attribute& attribute = attributes[count++];
    attribute.key = key.data();
    attribute.key_size = static_cast<uint32_t>(key.size());
    attribute.value.type = FOREBAY_STRING;
    attribute.value.size = static_cast<uint32_t>(value.size());
    attribute.value.as.data = value.data();
  }
  return {attributes.data(), count};
}

model::PointKind kind_of(InstrumentKind kind) noexcept {
  if (kind == kGauge) return model::PointKind::kGauge;
  return kind == InstrumentKind::kHistogram ? model::PointKind::kHistogram : model::PointKind::kSum;
}

const model::Scope& own_scope() {
  static const model::Scope& scope =
      model::SiteRegistry::process().intern_scope("forebay", FOREBAY_VERSION, {});
  return scope;
}

// One collection, written into a sink.
class Report {
 public:
  // `deltas` null: what came together since `start`.
  Report(model::MetricSink& sink, metrics::TemporalityPreference temporality, WallTime start,
         WallTime now, SelfDeltas* deltas)
      : sink_(sink), temporality_(temporality), start_(start), now_(now), deltas_(deltas) {}

  void tell(const Health& health);

 private:
  void begin(const Metric& metric);
  [[nodiscard]] bool is_delta() const noexcept {
    return stream_.temporality == model::Temporality::kDelta;
  }
  uint64_t part(ByteView set, std::string_view which, uint64_t total);
  void count(std::initializer_list<Label> labels, uint64_t total);
  void show(std::initializer_list<Label> labels, int64_t value);
  void show_real(std::initializer_list<Label> labels, double value);

  void tell_ledger(const account::Snapshot& ledger);
  void tell_state(Label where, std::string_view name, int64_t value);
  void tell_lanes(const Health& health);
  void tell_exports(const Health& health);
  void tell_exports(const Health::Destination& destination, Signal signal,
                    const std::function<void(const ExportTally::Ended&,
                                             std::initializer_list<Label>)>& visitor) const;
  void tell_duration(const ExportTally::Ended& ended, std::initializer_list<Label> labels);

  model::MetricSink& sink_;
  const metrics::TemporalityPreference temporality_;
  const WallTime start_;
  const WallTime now_;
  SelfDeltas* const deltas_;
  model::MetricStream stream_;
};

void Report::begin(const Metric& metric) {
  stream_.scope = &own_scope();
  stream_.name = metric.name;
  stream_.description = metric.description;
  stream_.unit = metric.unit;
  stream_.kind = kind_of(metric.kind);
  stream_.is_monotonic = metric.kind == InstrumentKind::kObservableCounter;
  stream_.temporality = deltas_ == nullptr ? model::Temporality::kCumulative
                                           : metrics::temporality_of(metric.kind, temporality_);
  sink_.begin_stream(stream_);
}

// Of a number that grows: all of it, or what came since the last time.
uint64_t Report::part(ByteView set, std::string_view which, uint64_t total) {
  if (!is_delta()) return total;
  std::string series(stream_.name);
  series.append(which).append(as_text(set));
  return deltas_->take(series, total);
}

void Report::count(std::initializer_list<Label> labels, uint64_t total) {
  const model::AttributeSetKey set = set_of(labels);
  const uint64_t value = part(set.bytes(), "", total);
  if (is_delta() && value == 0) return;
  model::NumberPoint point;
  point.attributes = set.bytes();
  point.start = is_delta() ? deltas_->since() : start_;
  point.time = now_;
  point.integer = static_cast<int64_t>(value);
  sink_.add(point);
}

void Report::show(std::initializer_list<Label> labels, int64_t value) {
  const model::AttributeSetKey set = set_of(labels);
  model::NumberPoint point;
  point.attributes = set.bytes();
  if (stream_.kind != model::PointKind::kGauge) point.start = start_;
  point.time = now_;
  point.integer = value;
  sink_.add(point);
}

void Report::show_real(std::initializer_list<Label> labels, double value) {
  const model::AttributeSetKey set = set_of(labels);
  model::NumberPoint point;
  point.attributes = set.bytes();
  point.time = now_;
  point.is_integer = false;
  point.real = value;
  sink_.add(point);
}

// One of the names that Snapshot::visit_lane() has. Sums of reasons, and what is held, are told
// otherwise. A state begins with its first record, but for the two that rates are asked of.
void Report::tell_state(Label where, std::string_view name, int64_t value) {
  constexpr std::array<std::string_view, 10> kStates = {
      "emitted",      "internal", "recovered", "delivered",   "sampled_out",
      "rate_limited", "expired",  "unknown",   "handed_over", "superseded"};
  const size_t dot = name.find('.');
  const std::string_view state = name.substr(0, dot);
  const std::string_view reason = dot == std::string_view::npos ? "" : name.substr(dot + 1);
  if (reason.empty() && std::ranges::find(kStates, state) == kStates.end()) return;
  if (value == 0 && state != "emitted" && state != "delivered") return;
  count({where, {kState, state}, {kReason, reason}}, static_cast<uint64_t>(value));
}

void Report::tell_ledger(const account::Snapshot& ledger) {
  const auto tell = [&](const Metric& metric, size_t first, size_t last) {
    begin(metric);
    for (size_t lane = first; lane < last; ++lane) {
      ledger.visit_lane(lane, [&](std::string_view name, int64_t value) {
        tell_state({kLane, ledger.lane_names[lane]}, name, value);
      });
    }
  };
  tell(kRecords, 0, ledger.log_lanes);
  tell(kPoints, ledger.log_lanes, ledger.lanes.size());
  // With one route, its part is the ledger's.
  if (ledger.routes.size() > 1) {
    begin(kRouteRecords);
    for (size_t route = 0; route < ledger.routes.size(); ++route) {
      ledger.visit_route(route, [&](std::string_view name, int64_t value) {
        tell_state({kRoute, ledger.route_names[route]}, name, value);
      });
    }
  }
  for (size_t note = 0; note < account::kNotes; ++note) {
    if (ledger.notes[note] == 0) continue;
    begin(kNoteMetrics[note]);
    count({}, ledger.notes[note]);
  }
}

void Report::tell_lanes(const Health& health) {
  const account::Snapshot& ledger = health.ledger;
  const auto each = [&](const auto& tell) {
    for (size_t i = 0; i < ledger.log_lanes; ++i) tell(i, Label{kLane, ledger.lane_names[i]});
  };
  begin(kHeld);
  each([&](size_t i, Label lane) {
    ledger.visit_lane(i, [&](std::string_view name, int64_t value) {
      if (name.starts_with("in_")) show({lane, {kPlace, name.substr(3)}}, value);
    });
  });
  begin(kFill);
  each([&](size_t i, Label lane) { show_real({lane}, health.lanes[i].fill); });
  begin(kTimeToFull);
  each([&](size_t i, Label lane) {
    if (const auto time = health.lanes[i].time_to_full) {
      show_real({lane}, std::chrono::duration<double>(*time).count());
    }
  });
  begin(kPressure);
  each([&](size_t i, Label lane) { show({lane}, static_cast<int64_t>(health.lanes[i].state)); });

  constexpr Label kType{kComponentType, "batching_log_processor"};
  const auto name_of = [&](size_t i) {
    return std::string(kType.second) + "/" + ledger.lane_names[i];
  };
  begin(kCreated);
  uint64_t created = 0;
  each([&](size_t i, Label) { created += ledger.lanes[i][account::EmitName::kEmitted].total(); });
  count({}, created);
  begin(kQueueSize);
  each([&](size_t i, Label) {
    show({kType, {kComponentName, name_of(i)}}, static_cast<int64_t>(ledger.lanes[i].in_queue()));
  });
  begin(kQueueCapacity);
  each([&](size_t i, Label) {
    show({kType, {kComponentName, name_of(i)}}, health.lanes[i].slots);
  });
}

void Report::tell_exports(const Health::Destination& destination, Signal signal,
                          const std::function<void(const ExportTally::Ended&,
                                                   std::initializer_list<Label>)>& visitor) const {
  const std::string type = std::string(destination.type) +
                           (signal == Signal::kLogs ? "_log_exporter" : "_metric_exporter");
  const std::string name = type + "/" + destination.name;
  for (size_t error = 0; error < kExportErrors.size(); ++error) {
    const ExportTally::Ended ended = destination.exports->ended(signal, error);
    if (ended.items == 0 && ended.batches == 0) continue;
    visitor(ended,
            {{kComponentType, type}, {kComponentName, name}, {kErrorType, kExportErrors[error]}});
  }
}

void Report::tell_duration(const ExportTally::Ended& ended, std::initializer_list<Label> labels) {
  const model::AttributeSetKey set = set_of(labels);
  const std::array<uint64_t, 1> all = {part(set.bytes(), "#", ended.batches)};
  const uint64_t ns = part(set.bytes(), "+", ended.ns);
  if (all[0] == 0) return;
  model::HistogramPoint point;
  point.attributes = set.bytes();
  point.start = is_delta() ? deltas_->since() : start_;
  point.time = now_;
  point.count = all[0];
  point.sum = static_cast<double>(ns) / 1e9;
  point.has_range = false;
  point.bucket_counts = all;
  sink_.add(point);
}

void Report::tell_exports(const Health& health) {
  for (const Signal signal : {Signal::kLogs, Signal::kMetrics}) {
    begin(kExported[static_cast<size_t>(signal)]);
    for (const Health::Destination& destination : health.destinations) {
      tell_exports(destination, signal, [&](const ExportTally::Ended& ended, auto labels) {
        count(labels, ended.items);
      });
    }
  }
  begin(kDuration);
  for (const Signal signal : {Signal::kLogs, Signal::kMetrics}) {
    for (const Health::Destination& destination : health.destinations) {
      tell_exports(destination, signal, [&](const ExportTally::Ended& ended, auto labels) {
        tell_duration(ended, labels);
      });
    }
  }
}

void Report::tell(const Health& health) {
  tell_ledger(health.ledger);
  tell_lanes(health);
  tell_exports(health);
  begin(kMemory);
  show({}, static_cast<int64_t>(health.memory_bytes));
  begin(kBacklog);
  show({}, static_cast<int64_t>(health.backlog_bytes));
  begin(kBreaker);
  for (size_t route = 0; route < health.open_routes.size(); ++route) {
    show({{kRoute, health.ledger.route_names[route]}}, health.open_routes[route] ? 1 : 0);
  }
}

}  // namespace

SelfMetrics::SelfMetrics(std::function<Health()> look, metrics::TemporalityPreference temporality,
                         WallTime start)
    : look_(std::move(look)), temporality_(temporality), start_(start), deltas_(start) {}

void SelfMetrics::collect(WallTime now, model::MetricSink& sink) {
  Report(sink, temporality_, start_, now, &deltas_).tell(look_());
  deltas_.end(now);
}

void SelfMetrics::show(WallTime now, model::MetricSink& sink) const {
  Report(sink, temporality_, start_, now, nullptr).tell(look_());
}

}  // namespace forebay::pipeline
