// Options under "metrics.": how metrics are collected, and views.
#include <algorithm>

#include "options_parts.h"

namespace forebay::engine {
namespace {

using metrics::Aggregation;
using metrics::InstrumentKind;
using metrics::TemporalityPreference;

constexpr uint32_t kMostSeries = 1'000'000;

std::optional<std::vector<double>> read_bounds(OptionReader& reader, const std::string& at) {
  if (reader.flag(at + "no_buckets", false)) return std::vector<double>{};
  std::vector<double> bounds;
  for (size_t i = 0;; ++i) {
    const std::string path = at + "buckets[" + std::to_string(i) + "]";
    if (!reader.has(path)) break;
    bounds.push_back(reader.number(path, 0, -1e300, 1e300));
  }
  if (bounds.empty()) return std::nullopt;
  return bounds;
}

std::vector<std::string> read_texts(OptionReader& reader, const std::string& name) {
  std::vector<std::string> texts;
  for (size_t i = 0; reader.has(name + "[" + std::to_string(i) + "]"); ++i) {
    texts.push_back(reader.text(name + "[" + std::to_string(i) + "]", ""));
  }
  return texts;
}

std::optional<InstrumentKind> read_kind(OptionReader& reader, const std::string& path) {
  if (!reader.has(path)) return std::nullopt;
  const std::string name =
      reader.one_of(path, "counter",
                    {"counter", "up_down_counter", "gauge", "histogram", "observable_counter",
                     "observable_up_down_counter", "observable_gauge"});
  for (int kind = 0; kind < 7; ++kind) {
    if (metrics::kind_name(static_cast<InstrumentKind>(kind)) == name) {
      return static_cast<InstrumentKind>(kind);
    }
  }
  return std::nullopt;
}

metrics::View read_view(OptionReader& reader, const std::string& name) {
  const std::string at = name + ".";
  metrics::View view;
  view.instrument = reader.text(at + "instrument", "*");
  view.meter = reader.text(at + "meter", "*");
  view.kind = read_kind(reader, at + "kind");
  view.name = reader.text(at + "name", "");
  view.description = reader.text(at + "description", "");
  const std::string aggregation =
      reader.one_of(at + "aggregation", "default",
                    {"default", "drop", "sum", "last_value", "explicit", "exponential"});
  view.is_dropped = aggregation == "drop";
  if (aggregation == "sum") view.aggregation = Aggregation::kSum;
  if (aggregation == "last_value") view.aggregation = Aggregation::kLastValue;
  if (aggregation == "explicit") view.aggregation = Aggregation::kHistogram;
  if (aggregation == "exponential") view.aggregation = Aggregation::kExponentialHistogram;
  view.bounds = read_bounds(reader, at);
  view.max_buckets =
      static_cast<uint32_t>(reader.whole(at + "max_buckets", metrics::kDefaultMaxBuckets, 2, 1024));
  view.cardinality_limit =
      static_cast<uint32_t>(reader.whole(at + "cardinality_limit", 0, 0, kMostSeries));
  view.drop_attributes = read_texts(reader, at + "drop_attributes");
  std::vector<std::string> kept = read_texts(reader, at + "keep_attributes");
  if (reader.flag(at + "keep_no_attributes", false) || !kept.empty()) {
    view.keep_attributes = std::move(kept);
  }
  if (Status status = view.validate(name); !status) {
    const std::string& message = status.message();
    const size_t colon = message.find(": ");
    reader.fail(message.substr(0, colon), message.substr(colon + 2));
  }
  return view;
}

// The part of the backlog that is for what Forebay reports of itself: two hundredths, and in a
// small one as much as a report or two take, up to a tenth.
double self_share(const pipeline::PipelineOptions& pipeline) {
  constexpr double kReports = 8u << 10;
  uint64_t smallest = pipeline.backlog_max_bytes;
  for (size_t route = 0; route < pipeline.routes.size(); ++route) {
    smallest = std::min(smallest, pipeline::route_backlog(pipeline, route).max_bytes);
  }
  return std::clamp(kReports / static_cast<double>(smallest), 0.02, 0.1);
}

// It comes out of the points' own part, at most half of that. Where they have none, all lanes are
// given parts of what it leaves.
void make_room_for_self(pipeline::PipelineOptions& pipeline) {
  pipeline::MetricsOptions& metrics = *pipeline.metrics;
  if (!metrics.reports_itself()) return;
  double share = self_share(pipeline);
  if (metrics.backlog.share > 0) {
    share = std::min(share, metrics.backlog.share / 2);
    metrics.backlog.share -= share;
  } else {
    double taken = 0;
    for (const pipeline::LaneOptions& lane : pipeline.lanes) taken += lane.backlog.share;
    for (pipeline::LaneOptions& lane : pipeline.lanes) {
      if (taken > 1.0 - share) lane.backlog.share *= (1.0 - share) / taken;
    }
  }
  metrics.self_backlog.share = share;
}

// The points' own part of the backlog. Where the lanes of log records share out all of it among
// themselves, they share out what the points leave: with nothing of their own, and nothing in
// common, no point would ever be sent.
double read_share(OptionReader& reader, std::vector<pipeline::LaneOptions>& lanes) {
  constexpr double kOwn = 0.1;
  double taken = 0.0;
  for (const pipeline::LaneOptions& lane : lanes) taken += lane.backlog.share;
  if (!reader.has("metrics.backlog_share")) {
    for (pipeline::LaneOptions& lane : lanes) {
      if (taken > 1.0 - kOwn) lane.backlog.share *= (1.0 - kOwn) / taken;
    }
    return kOwn;
  }
  const double share = reader.number("metrics.backlog_share", kOwn, 0.0, 1.0);
  if (taken + share > 1.0 + 1e-9) {
    reader.fail("metrics.backlog_share",
                "with the backlog_share of the lanes it sums up to more than 1");
  }
  return share;
}

}  // namespace

void read_metrics(OptionReader& reader, CollectorOptions& options, uint64_t used_bytes) {
  pipeline::MetricsOptions& metrics = options.pipeline.metrics.emplace();
  metrics.interval = reader.seconds("metrics.interval", metrics.interval, 0.01, 86400);
  metrics.callback_timeout =
      reader.seconds("metrics.callback_timeout",
                     std::min(metrics.callback_timeout, metrics.interval), 0.001, 3600);
  metrics.max_batch_points = static_cast<uint32_t>(
      reader.whole("metrics.max_batch_points", metrics.max_batch_points, 1, 1'000'000));
  const std::string temporality =
      reader.one_of("metrics.temporality", "cumulative", {"cumulative", "delta", "lowmemory"});
  metrics::Defaults& defaults = metrics.store.defaults;
  if (temporality == "delta") defaults.temporality = TemporalityPreference::kDelta;
  if (temporality == "lowmemory") defaults.temporality = TemporalityPreference::kLowMemory;
  if (reader.one_of("metrics.histogram", "explicit", {"explicit", "exponential"}) != "explicit") {
    defaults.histogram = Aggregation::kExponentialHistogram;
  }
  defaults.cardinality_limit = static_cast<uint32_t>(
      reader.whole("metrics.cardinality_limit", defaults.cardinality_limit, 1, kMostSeries));
  // What the queues and the backlog leave of the limit, but an eighth of it at most.
  const uint64_t left_bytes = options.memory_limit - std::min(options.memory_limit, used_bytes);
  metrics.store.max_bytes = reader.whole(
      "metrics.max_bytes", std::clamp<uint64_t>(left_bytes, 256u << 10, options.memory_limit / 8),
      64u << 10, uint64_t{1} << 40);
  for (size_t i = 0;; ++i) {
    const std::string name = "metrics.views[" + std::to_string(i) + "]";
    if (!reader.has(name + ".instrument")) break;
    defaults.views.push_back(read_view(reader, name));
  }
  const std::string self =
      reader.one_of("metrics.self_metrics", "auto", {"auto", "always", "never"});
  metrics.self_report = self == "never"    ? pipeline::SelfReport::kNever
                        : self == "always" ? pipeline::SelfReport::kAlways
                                           : pipeline::SelfReport::kBesideOthers;
  metrics.backlog.share = read_share(reader, options.pipeline.lanes);
  make_room_for_self(options.pipeline);
  options.publication.directory = reader.text("metrics.publish_directory", "");
  if (reader.has("metrics.publish_directory") && !options.publication.directory.starts_with('/')) {
    reader.fail("metrics.publish_directory",
                "\"" + options.publication.directory + "\" is not an absolute path");
  }
  options.publication.interval =
      reader.seconds("metrics.publish_interval", options.publication.interval, 0.01, 86400);
  metrics.backlog.max_age = reader.maybe_seconds("metrics.max_age", 0.001, kYear);
}

}  // namespace forebay::engine
