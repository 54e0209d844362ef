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
    std::visit([this](const auto& exporter) { put(exporter); }, options.exporter);
    if (options.console) add("exporter.console", name_of(*options.console));
    for (size_t i = 0; i < options.lanes.size(); ++i) {
      put(options.lanes[i], "lanes[" + std::to_string(i) + "].");
    }
    maybe("batch.max_records", options.batch.max_records);
    maybe("batch.max_bytes", options.batch.max_bytes);
    maybe("batch.max_delay", options.batch.max_delay);
    maybe("backlog.max_bytes", options.backlog.max_bytes);
    if (options.backlog.order == BacklogOrder::kNewestFirst) add("backlog.order", "newest_first");
    maybe("retry.initial", options.retry.initial);
    maybe("retry.max", options.retry.max);
    maybe("retry.max_elapsed", options.retry.max_elapsed);
    maybe("memory_limit", options.memory_limit);
    maybe("max_record_bytes", options.max_record_bytes);
    text("run_directory", options.run_directory);
    if (options.ledger_in_memory) add("ledger_in_memory", true);
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

  void put(const OtlpHttpExporter& exporter) {
    add("exporter.type", "otlp_http");
    text("exporter.endpoint", exporter.endpoint);
    text("exporter.logs_endpoint", exporter.logs_endpoint);
    for (const auto& [name, value] : exporter.headers) add("exporter.headers:" + name, value);
    maybe("exporter.timeout", exporter.timeout);
    maybe("exporter.compression", exporter.compression);
    maybe("exporter.compression_level", exporter.compression_level);
    maybe("exporter.concurrency", exporter.concurrency);
    text("exporter.ca_file", exporter.ca_file);
    text("exporter.client_certificate", exporter.client_certificate);
    text("exporter.client_key", exporter.client_key);
    if (!exporter.verify) add("exporter.verify", false);
  }
  void put(const FileExporter& exporter) {
    add("exporter.type", "file");
    text("exporter.directory", exporter.directory);
    if (exporter.format) {
      add("exporter.format", *exporter.format == FileFormat::kOtlp ? "otlp" : "jsonl");
    }
    maybe("exporter.max_file_bytes", exporter.max_file_bytes);
    maybe("exporter.max_total_bytes", exporter.max_total_bytes);
    maybe("exporter.max_age", exporter.max_age);
  }
  static const char* name_of(ConsoleFormat format) noexcept {
    return format == ConsoleFormat::kPretty ? "pretty"
           : format == ConsoleFormat::kJson ? "json"
                                            : "auto";
  }
  void put(const ConsoleExporter& exporter) {
    add("exporter.type", "console");
    add("exporter.format", name_of(exporter.format));
  }
  void put(const MemoryExporter& exporter) {
    add("exporter.type", "memory");
    maybe("exporter.max_bytes", exporter.max_bytes);
  }
  void put(const NullExporter& exporter) {
    add("exporter.type", "null");
    maybe("exporter.compression", exporter.compression);
  }
  void put(const Lane& lane, const std::string& at) {
    add(at + "name", lane.name);
    if (lane.min_severity) {
      add(at + "min_level", static_cast<uint32_t>(*lane.min_severity));
    }
    text(at + "logger", lane.logger);
    maybe(at + "queue_records", lane.queue_records);
    maybe(at + "queue_bytes", lane.queue_bytes);
    for (size_t i = 0; i < lane.on_full.size(); ++i) {
      put(lane.on_full[i], at + "on_full[" + std::to_string(i) + "]");
    }
    if (lane.on_backlog_full == OnBacklogFull::kEvictOldest) {
      add(at + "on_backlog_full", "evict_oldest");
    }
    maybe(at + "backlog_share", lane.backlog_share);
    maybe(at + "max_age", lane.max_age);
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
