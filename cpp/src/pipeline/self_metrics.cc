#include "pipeline/self_metrics.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "model/attribute_set.h"
#include "model/site.h"
#include "pipeline/self_metric_names.h"

namespace forebay::pipeline {
namespace {

using metrics::InstrumentKind;
// One without a text and without a number is left out.
struct Label {
  std::string_view key;
  std::string_view text;
  int64_t number = 0;
};

model::AttributeSetKey set_of(std::initializer_list<Label> labels) {
  std::array<forebay_attribute, 5> attributes{};
  uint32_t count = 0;
  for (const Label& label : labels) {
    if (label.text.empty() && label.number == 0) continue;
    attributes[count++] =
        model::attribute_of(label.key, label.text.empty() ? model::integer_cell(label.number)
                                                          : model::text_cell(label.text));
  }
  return {attributes.data(), count};
}

model::PointKind kind_of(InstrumentKind kind) noexcept {
  if (kind == self::kGauge) return model::PointKind::kGauge;
  return kind == InstrumentKind::kHistogram ? model::PointKind::kHistogram : model::PointKind::kSum;
}

// One collection, written into a sink.
class Report {
 public:
  // `deltas` null: what came together since `start`.
  Report(model::MetricSink& sink, const model::Scope& scope,
         metrics::TemporalityPreference temporality, WallTime start, WallTime now,
         SelfDeltas* deltas)
      : sink_(sink), temporality_(temporality), start_(start), now_(now), deltas_(deltas) {
    stream_.scope = &scope;
  }

  void tell(const Health& health);

 private:
  void begin(const self::Metric& metric);
  [[nodiscard]] bool is_delta() const noexcept {
    return stream_.temporality == model::Temporality::kDelta;
  }
  [[nodiscard]] WallTime begin_of_counts() const noexcept {
    return is_delta() ? deltas_->since() : start_;
  }
  [[nodiscard]] std::string series(ByteView set, std::string_view which) const;
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
  void tell_collections(const CollectionTally& collections);
  void tell_duration(uint64_t times, uint64_t total_ns, std::initializer_list<Label> labels);

  model::MetricSink& sink_;
  const metrics::TemporalityPreference temporality_;
  const WallTime start_;
  const WallTime now_;
  SelfDeltas* const deltas_;
  model::MetricStream stream_;
};

void Report::begin(const self::Metric& metric) {
  stream_.name = metric.name;
  stream_.description = metric.description;
  stream_.unit = metric.unit;
  stream_.kind = kind_of(metric.kind);
  stream_.is_monotonic = metric.kind == InstrumentKind::kObservableCounter;
  stream_.temporality = deltas_ == nullptr ? model::Temporality::kCumulative
                                           : metrics::temporality_of(metric.kind, temporality_);
  sink_.begin_stream(stream_);
}

std::string Report::series(ByteView set, std::string_view which) const {
  std::string series(stream_.name);
  return series.append(which).append(as_text(set));
}

void Report::count(std::initializer_list<Label> labels, uint64_t total) {
  const model::AttributeSetKey set = set_of(labels);
  uint64_t* const before = is_delta() ? &deltas_->before(series(set.bytes(), "")) : nullptr;
  const uint64_t value = total - (before != nullptr ? *before : 0);
  if (before != nullptr && value == 0) return;
  model::NumberPoint point;
  point.attributes = set.bytes();
  point.start = begin_of_counts();
  point.time = now_;
  point.integer = static_cast<int64_t>(value);
  sink_.add(point);
  // Where the sink had no memory, it comes with the next report.
  if (before != nullptr) *before = total;
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
  count({where, {self::kState, state}, {self::kReason, reason}}, static_cast<uint64_t>(value));
}

void Report::tell_ledger(const account::Snapshot& ledger) {
  const auto tell = [&](const self::Metric& metric, size_t first, size_t last) {
    begin(metric);
    for (size_t lane = first; lane < last; ++lane) {
      ledger.visit_lane(lane, [&](std::string_view name, int64_t value) {
        tell_state({self::kLane, ledger.lane_names[lane]}, name, value);
      });
    }
  };
  tell(self::kRecords, 0, ledger.log_lanes);
  tell(self::kPoints, ledger.log_lanes, ledger.lanes.size());
  // With one route, its part is the ledger's.
  if (ledger.routes.size() > 1) {
    begin(self::kRouteRecords);
    for (size_t route = 0; route < ledger.routes.size(); ++route) {
      ledger.visit_route(route, [&](std::string_view name, int64_t value) {
        tell_state({self::kRoute, ledger.route_names[route]}, name, value);
      });
    }
  }
  for (size_t note = 0; note < account::kNotes; ++note) {
    if (ledger.notes[note] == 0) continue;
    begin(self::kNoteMetrics[note]);
    count({}, ledger.notes[note]);
  }
}

void Report::tell_lanes(const Health& health) {
  const account::Snapshot& ledger = health.ledger;
  const auto each = [&](const auto& tell) {
    for (size_t i = 0; i < ledger.log_lanes; ++i) tell(i, Label{self::kLane, ledger.lane_names[i]});
  };
  begin(self::kHeld);
  each([&](size_t i, Label lane) {
    ledger.visit_lane(i, [&](std::string_view name, int64_t value) {
      if (name.starts_with("in_")) show({lane, {self::kPlace, name.substr(3)}}, value);
    });
  });
  begin(self::kFill);
  each([&](size_t i, Label lane) { show_real({lane}, health.lanes[i].fill); });
  begin(self::kTimeToFull);
  each([&](size_t i, Label lane) {
    if (const auto time = health.lanes[i].time_to_full) {
      show_real({lane}, std::chrono::duration<double>(*time).count());
    }
  });
  begin(self::kPressure);
  each([&](size_t i, Label lane) { show({lane}, static_cast<int64_t>(health.lanes[i].state)); });

  constexpr Label kType{self::kComponentType, "batching_log_processor"};
  const auto name_of = [&](size_t i) {
    return std::string(kType.text) + "/" + ledger.lane_names[i];
  };
  begin(self::kCreated);
  uint64_t created = 0;
  each([&](size_t i, Label) { created += ledger.lanes[i][account::EmitName::kEmitted].total(); });
  count({}, created);
  begin(self::kQueueSize);
  each([&](size_t i, Label) {
    show({kType, {self::kComponentName, name_of(i)}},
         static_cast<int64_t>(ledger.lanes[i].in_queue()));
  });
  begin(self::kQueueCapacity);
  each([&](size_t i, Label) {
    show({kType, {self::kComponentName, name_of(i)}}, health.lanes[i].slots);
  });
}

void Report::tell_exports(const Health::Destination& destination, Signal signal,
                          const std::function<void(const ExportTally::Ended&,
                                                   std::initializer_list<Label>)>& visitor) const {
  const std::string type = std::string(destination.type) +
                           (signal == Signal::kLogs ? "_log_exporter" : "_metric_exporter");
  const std::string name = type + "/" + destination.name;
  const ship::Server& server = *destination.servers[static_cast<size_t>(signal)];
  for (size_t error = 0; error < kExportErrors.size(); ++error) {
    const ExportTally::Ended ended = destination.exports->ended(signal, error);
    if (ended.items == 0 && ended.batches == 0) continue;
    visitor(ended, {{self::kComponentType, type},
                    {self::kComponentName, name},
                    {self::kErrorType, kExportErrors[error]},
                    {self::kServerAddress, server.address},
                    {self::kServerPort, {}, server.port}});
  }
}

// A histogram without buckets.
void Report::tell_duration(uint64_t times, uint64_t total_ns, std::initializer_list<Label> labels) {
  const model::AttributeSetKey set = set_of(labels);
  std::array<uint64_t, 2> none{};
  uint64_t& times_before = is_delta() ? deltas_->before(series(set.bytes(), "#")) : none[0];
  uint64_t& ns_before = is_delta() ? deltas_->before(series(set.bytes(), "+")) : none[1];
  const std::array<uint64_t, 1> all = {times - times_before};
  if (all[0] == 0) return;
  model::HistogramPoint point;
  point.attributes = set.bytes();
  point.start = begin_of_counts();
  point.time = now_;
  point.count = all[0];
  point.sum = static_cast<double>(total_ns - ns_before) / 1e9;
  point.has_range = false;
  point.bucket_counts = all;
  sink_.add(point);
  times_before = times;
  ns_before = total_ns;
}

void Report::tell_collections(const CollectionTally& collections) {
  begin(self::kCollection);
  for (size_t error = 0; error < kCollectionErrors.size(); ++error) {
    const CollectionTally::Ended ended = collections.ended(error);
    tell_duration(ended.collections, ended.ns,
                  {{self::kComponentType, "periodic_metric_reader"},
                   {self::kComponentName, "periodic_metric_reader/metrics"},
                   {self::kErrorType, kCollectionErrors[error]}});
  }
}

void Report::tell_exports(const Health& health) {
  for (const Signal signal : {Signal::kLogs, Signal::kMetrics}) {
    begin(self::kExported[static_cast<size_t>(signal)]);
    for (const Health::Destination& destination : health.destinations) {
      tell_exports(destination, signal, [&](const ExportTally::Ended& ended, auto labels) {
        count(labels, ended.items);
      });
    }
  }
  begin(self::kDuration);
  for (const Signal signal : {Signal::kLogs, Signal::kMetrics}) {
    for (const Health::Destination& destination : health.destinations) {
      tell_exports(destination, signal, [&](const ExportTally::Ended& ended, auto labels) {
        tell_duration(ended.batches, ended.ns, labels);
      });
    }
  }
}

void Report::tell(const Health& health) {
  tell_ledger(health.ledger);
  tell_lanes(health);
  tell_exports(health);
  tell_collections(*health.collections);
  begin(self::kMemory);
  show({}, static_cast<int64_t>(health.memory_bytes));
  begin(self::kBacklog);
  show({}, static_cast<int64_t>(health.backlog_bytes));
  begin(self::kBreaker);
  for (size_t route = 0; route < health.open_routes.size(); ++route) {
    show({{self::kRoute, health.ledger.route_names[route]}}, health.open_routes[route] ? 1 : 0);
  }
}

}  // namespace

SelfMetrics::SelfMetrics(std::function<Health()> look, metrics::TemporalityPreference temporality,
                         WallTime start)
    : look_(std::move(look)),
      scope_(model::SiteRegistry::process().intern_scope("forebay", FOREBAY_VERSION, {})),
      temporality_(temporality),
      start_(start),
      deltas_(start) {}

void SelfMetrics::collect(WallTime now, model::MetricSink& sink) {
  Report(sink, scope_, temporality_, start_, now, &deltas_).tell(look_());
  deltas_.end(now);
}

void SelfMetrics::show(WallTime now, model::MetricSink& sink) const {
  Report(sink, scope_, temporality_, start_, now, nullptr).tell(look_());
}

}  // namespace forebay::pipeline
