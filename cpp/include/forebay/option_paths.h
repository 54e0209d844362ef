// Options spelled out path by path, as the C ABI takes them.
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "forebay/c_api.h"
#include "forebay/options.h"
#include "forebay/value.h"

namespace forebay {
inline namespace v1 {
namespace detail {

// Owns the paths; borrows the strings of the Options that it was made from.
class OptionPaths {
 public:
  explicit OptionPaths(const Options& options) {
    text("service_name", options.service_name);
    for (const auto& [key, value] : options.resource) {
      std::visit([&, path = "resource:" + key](const auto& v) { add(path, Value(v)); }, value);
    }
    if (options.routes.empty()) {
      put(options.exporter, "exporter.");
      if (options.console) add("exporter.console", name_of(*options.console));
    }
    for (size_t i = 0; i < options.routes.size(); ++i) {
      put(options.routes[i], "routes[" + std::to_string(i) + "].");
      if (i != 0 || !options.console) continue;
      for (size_t e = 0; e < options.routes[0].exporters.size(); ++e) {
        if (std::holds_alternative<ConsoleExporter>(options.routes[0].exporters[e])) continue;
        add("routes[0].exporters[" + std::to_string(e) + "].console", name_of(*options.console));
      }
    }
    for (size_t i = 0; i < options.lanes.size(); ++i) {
      put(options.lanes[i], "lanes[" + std::to_string(i) + "].");
    }
    maybe("batch.max_records", options.batch.max_records);
    maybe("batch.max_bytes", options.batch.max_bytes);
    maybe("batch.max_delay", options.batch.max_delay);
    maybe("backlog.max_bytes", options.backlog.max_bytes);
    if (options.backlog.order == BacklogOrder::kNewestFirst) add("backlog.order", "newest_first");
    maybe("backlog.stale_share", options.backlog.stale_share);
    maybe("retry.initial", options.retry.initial);
    maybe("retry.max", options.retry.max);
    maybe("retry.max_elapsed", options.retry.max_elapsed);
    maybe("breaker.failures", options.breaker.failures);
    maybe("breaker.open_initial", options.breaker.open_initial);
    maybe("breaker.open_max", options.breaker.open_max);
    for (size_t i = 0; i < options.sampling.size(); ++i) {
      put(options.sampling[i], "sampling[" + std::to_string(i) + "].");
    }
    maybe("limits.summary_interval", options.summary_interval);
    if (options.flight_recorder) {
      add("recorder.level", static_cast<int64_t>(options.flight_recorder->level));
      add("recorder.trigger", static_cast<int64_t>(options.flight_recorder->trigger));
      maybe("recorder.records", options.flight_recorder->records);
      maybe("recorder.window", options.flight_recorder->window);
    }
    put(options.metrics);
    maybe("memory_limit", options.memory_limit);
    maybe("max_record_bytes", options.max_record_bytes);
    text("run_directory", options.run_directory);
    if (options.ledger_in_memory) add("ledger_in_memory", true);
    for (size_t i = 0; i < options.redact.size(); ++i) {
      add("redact[" + std::to_string(i) + "]", Value(options.redact[i]));
    }
    if (!options.redact_defaults) add("redact_defaults", false);
    if (options.disabled) add("disabled", true);
  }

  [[nodiscard]] const forebay_option* data() const noexcept { return options_.data(); }
  [[nodiscard]] size_t size() const noexcept { return options_.size(); }

 private:
  void add(std::string path, const Value& value) {
    const std::string& kept = paths_.emplace_back(std::move(path));
    // A number that has no place in 64 signed bits is out of every range; the core says so.
    std::array<char, kMaxDigits>& digits = digits_.emplace_back();
    options_.push_back({kept.data(), clamped(kept.size()), 0, spelled(value.raw(), digits)});
  }
  void text(std::string path, const std::string& value) {
    if (!value.empty()) add(std::move(path), value);
  }
  template <class T>
  void maybe(std::string path, const std::optional<T>& value) {
    if (!value) return;
    if constexpr (std::is_same_v<T, Nanoseconds>) {
      add(std::move(path), std::chrono::duration<double>(*value).count());
    } else {
      add(std::move(path), Value(*value));
    }
  }
  void maybe(std::string path, const std::optional<Compression>& value) {
    if (!value) return;
    add(std::move(path), *value == Compression::kZstd   ? "zstd"
                         : *value == Compression::kGzip ? "gzip"
                                                        : "none");
  }

  void put(const Exporter& exporter, const std::string& at) {
    std::visit([&](const auto& each) { put(each, at); }, exporter);
  }
  void put(const OtlpHttpExporter& exporter, const std::string& at) {
    add(at + "type", "otlp_http");
    text(at + "endpoint", exporter.endpoint);
    text(at + "logs_endpoint", exporter.logs_endpoint);
    text(at + "metrics_endpoint", exporter.metrics_endpoint);
    for (const auto& [name, value] : exporter.headers) add(at + "headers:" + name, value);
    maybe(at + "timeout", exporter.timeout);
    maybe(at + "compression", exporter.compression);
    maybe(at + "compression_level", exporter.compression_level);
    maybe(at + "max_in_flight", exporter.max_in_flight);
    text(at + "ca_file", exporter.ca_file);
    text(at + "client_certificate", exporter.client_certificate);
    text(at + "client_key", exporter.client_key);
    if (!exporter.verify) add(at + "verify", false);
  }
  void put(const FileExporter& exporter, const std::string& at) {
    add(at + "type", "file");
    text(at + "directory", exporter.directory);
    if (exporter.format) {
      add(at + "format", *exporter.format == FileFormat::kOtlp ? "otlp" : "jsonl");
    }
    maybe(at + "max_file_bytes", exporter.max_file_bytes);
    maybe(at + "max_total_bytes", exporter.max_total_bytes);
    maybe(at + "max_age", exporter.max_age);
  }
  static const char* name_of(ConsoleFormat format) noexcept {
    return format == ConsoleFormat::kPretty ? "pretty"
           : format == ConsoleFormat::kJson ? "json"
                                            : "auto";
  }
  void put(const ConsoleExporter& exporter, const std::string& at) {
    add(at + "type", "console");
    add(at + "format", name_of(exporter.format));
  }
  void put(const MemoryExporter& exporter, const std::string& at) {
    add(at + "type", "memory");
    maybe(at + "max_bytes", exporter.max_bytes);
  }
  void put(const NullExporter& exporter, const std::string& at) {
    add(at + "type", "null");
    maybe(at + "compression", exporter.compression);
  }
  void put(const Route& route, const std::string& at) {
    add(at + "name", route.name);
    if (route.order == RouteOrder::kRoundRobin) add(at + "order", "round_robin");
    for (size_t e = 0; e < route.exporters.size(); ++e) {
      put(route.exporters[e], at + "exporters[" + std::to_string(e) + "].");
    }
    if (route.on_backlog_full) {
      add(at + "on_backlog_full",
          *route.on_backlog_full == OnBacklogFull::kEvictOldest ? "evict_oldest" : "hold");
    }
    maybe(at + "backlog_share", route.backlog_share);
  }
  void put(const Lane& lane, const std::string& at) {
    add(at + "name", lane.name);
    if (lane.min_severity) {
      add(at + "min_level", static_cast<uint32_t>(*lane.min_severity));
    }
    text(at + "logger", lane.logger);
    for (const auto& [key, value] : lane.attributes) add(at + "attribute:" + key, value);
    if (lane.rate_limit) {
      add(at + "rate_limit.per_second", lane.rate_limit->per_second);
      maybe(at + "rate_limit.burst", lane.rate_limit->burst);
      add(at + "rate_limit.by", lane.rate_limit->by == LimitedBy::kLogger ? "logger"
                                : lane.rate_limit->by == LimitedBy::kSite ? "site"
                                                                          : "lane");
    }
    maybe(at + "queue_records", lane.queue_records);
    maybe(at + "queue_bytes", lane.queue_bytes);
    for (size_t i = 0; i < lane.on_full.size(); ++i) {
      put(lane.on_full[i], at + "on_full[" + std::to_string(i) + "]");
    }
    if (lane.early_drop) {
      add(at + "early_drop.start", lane.early_drop->start.value_or(0.6));
      add(at + "early_drop.full", lane.early_drop->full.value_or(0.9));
    }
    if (lane.on_backlog_full == OnBacklogFull::kEvictOldest) {
      add(at + "on_backlog_full", "evict_oldest");
    }
    maybe(at + "backlog_share", lane.backlog_share);
    maybe(at + "max_age", lane.max_age);
    if (lane.priority) {
      add(at + "priority", *lane.priority == LanePriority::kStrict ? "strict" : "weighted");
    }
    maybe(at + "weight", lane.weight);
    maybe(at + "high_watermark", lane.high_watermark);
    maybe(at + "low_watermark", lane.low_watermark);
    if (!lane.gap_records) add(at + "gap_records", false);
  }
  void put(const Sampling& rule, const std::string& at) {
    using Kind = Sampling::Kind;
    add(at + "type", rule.kind == Kind::kBurst        ? "burst"
                     : rule.kind == Kind::kTraceRatio ? "trace_ratio"
                                                      : "ratio");
    if (rule.kind != Kind::kBurst) add(at + "ratio", rule.share);
    maybe(at + "first", rule.first);
    maybe(at + "then_every", rule.then_every);
    maybe(at + "interval", rule.interval);
    if (rule.min_severity) add(at + "min_level", static_cast<uint32_t>(*rule.min_severity));
    if (rule.max_severity) add(at + "max_level", static_cast<uint32_t>(*rule.max_severity));
    text(at + "logger", rule.logger);
    for (const auto& [key, value] : rule.attributes) add(at + "attribute:" + key, value);
  }
  void put(const MetricsOptions& metrics) {
    maybe("metrics.interval", metrics.interval);
    maybe("metrics.callback_timeout", metrics.callback_timeout);
    if (metrics.temporality != Temporality::kCumulative) {
      add("metrics.temporality",
          metrics.temporality == Temporality::kDelta ? "delta" : "lowmemory");
    }
    if (metrics.histogram == HistogramKind::kExponential) add("metrics.histogram", "exponential");
    maybe("metrics.cardinality_limit", metrics.cardinality_limit);
    maybe("metrics.max_bytes", metrics.max_bytes);
    maybe("metrics.max_batch_points", metrics.max_batch_points);
    maybe("metrics.backlog_share", metrics.backlog_share);
    maybe("metrics.max_age", metrics.max_age);
    if (metrics.self_metrics) {
      add("metrics.self_metrics", *metrics.self_metrics ? "always" : "never");
    }
    for (size_t i = 0; i < metrics.views.size(); ++i) {
      put(metrics.views[i], "metrics.views[" + std::to_string(i) + "].");
    }
  }
  void put(const View& view, const std::string& at) {
    constexpr std::array kKinds = {
        "counter",         "up_down_counter",    "gauge",
        "histogram",       "observable_counter", "observable_up_down_counter",
        "observable_gauge"};
    constexpr std::array kAggregations = {"default",    "drop",     "sum",
                                          "last_value", "explicit", "exponential"};
    add(at + "instrument", view.instrument);
    add(at + "meter", view.meter);
    if (view.kind) add(at + "kind", kKinds.at(static_cast<size_t>(*view.kind)));
    text(at + "name", view.name);
    text(at + "description", view.description);
    add(at + "aggregation", kAggregations.at(static_cast<size_t>(view.aggregation)));
    if (view.buckets) {
      for (size_t i = 0; i < view.buckets->size(); ++i) {
        add(at + "buckets[" + std::to_string(i) + "]", (*view.buckets)[i]);
      }
      if (view.buckets->empty()) add(at + "no_buckets", true);
    }
    maybe(at + "max_buckets", view.max_buckets);
    maybe(at + "cardinality_limit", view.cardinality_limit);
    if (view.keep_attributes) {
      put(*view.keep_attributes, at + "keep_attributes");
      if (view.keep_attributes->empty()) add(at + "keep_no_attributes", true);
    }
    put(view.drop_attributes, at + "drop_attributes");
  }
  void put(const std::vector<std::string>& texts, const std::string& path) {
    for (size_t i = 0; i < texts.size(); ++i) add(path + "[" + std::to_string(i) + "]", texts[i]);
  }
  void put(const OnFull& on_full, const std::string& path) {
    using Action = OnFull::Action;
    add(path, on_full.action == Action::kDropOldest ? "drop_oldest"
              : on_full.action == Action::kFail     ? "fail"
              : on_full.action == Action::kBlock    ? "block"
                                                    : "drop_newest");
    maybe(path + ".timeout", on_full.timeout);
  }

  std::deque<std::string> paths_;  // deque: addresses stay
  std::deque<std::array<char, kMaxDigits>> digits_;
  std::vector<forebay_option> options_;
};

}  // namespace detail
}  // namespace v1
}  // namespace forebay
