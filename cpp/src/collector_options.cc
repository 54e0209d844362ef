#include "collector_options.h"

#include <algorithm>

#include "admit/redaction.h"
#include "base/cgroup.h"
#include "options_admission.h"
#include "options_parts.h"

namespace forebay::engine {
namespace {

using model::OwnedValue;

void read_redaction(OptionReader& reader, CollectorOptions& options) {
  std::vector<std::string> own;
  for (size_t i = 0;; ++i) {
    const std::string at = "redact[" + std::to_string(i) + "]";
    if (!reader.has(at)) break;
    own.push_back(reader.text(at, ""));
  }
  reader.fail("", admit::Redaction::validate(own));
  if (reader.flag("redact_defaults", true)) options.redact = admit::Redaction::default_rules();
  options.redact.insert(options.redact.end(), own.begin(), own.end());
}

// A fiftieth of what the container has, within bounds.
uint64_t default_memory_limit() {
  const uint64_t most = CollectorOptions{}.memory_limit;
  constexpr uint64_t kLeast = 8u << 20;
  const std::optional<uint64_t> container = container_memory_limit();
  return container ? std::clamp(*container / 50, kLeast, most) : most;
}

void read_recorder(OptionReader& reader, pipeline::RecorderOptions& recorder) {
  recorder.min_severity = static_cast<uint32_t>(reader.whole("recorder.level", 0, 0, 24));
  recorder.slots =
      static_cast<uint32_t>(reader.whole("recorder.records", recorder.slots, 64, 1u << 20));
  recorder.window = reader.seconds("recorder.window", recorder.window, 0.001, 86400);
  recorder.trigger_severity =
      static_cast<uint32_t>(reader.whole("recorder.trigger", recorder.trigger_severity, 1, 25));
  reader.fail("recorder.", recorder.validate());
}

void read_resource(OptionReader& reader, CollectorOptions& options) {
  auto& attributes = options.pipeline.resource.attributes;
  for (auto& [key, value] : reader.map("resource")) {
    if (key.empty()) reader.fail("resource", "a key is empty");
    if (key == "service.name" && value.type == FOREBAY_STRING) {
      options.pipeline.service_name = value.bytes;
    }
    attributes.push_back({key, value});
  }
  const std::string name = reader.text("service_name", "");
  const auto is_name = [](const model::OwnedAttribute& a) { return a.key == "service.name"; };
  if (!name.empty() || options.pipeline.service_name.empty()) {
    options.pipeline.service_name = name.empty() ? "unknown_service" : name;
    std::erase_if(attributes, is_name);
    attributes.push_back({"service.name", OwnedValue::text(options.pipeline.service_name)});
  }
  const auto set_default = [&](const char* key, const char* value) {
    const auto found = std::find_if(attributes.begin(), attributes.end(),
                                    [&](const auto& a) { return a.key == key; });
    if (found == attributes.end()) attributes.push_back({key, OwnedValue::text(value)});
  };
  set_default("telemetry.sdk.name", "forebay");
  set_default("telemetry.sdk.language", "cpp");
  set_default("telemetry.sdk.version", FOREBAY_VERSION);
}

}  // namespace

Result<CollectorOptions> CollectorOptions::parse(const forebay_option* given, size_t count) {
  OptionReader reader(given, count);
  CollectorOptions options;
  auto& pipeline = options.pipeline;
  read_resource(reader, options);
  if (!reader.has("memory_limit")) options.memory_limit = default_memory_limit();
  options.memory_limit =
      reader.whole("memory_limit", options.memory_limit, 1u << 20, uint64_t{1} << 40);
  read_lanes(reader, options);
  read_admission(reader, options);
  options.max_record_bytes =
      reader.whole("max_record_bytes", options.max_record_bytes, 256, 16u << 20);
  read_delivery(reader, options);
  read_recorder(reader, pipeline.recorder);
  pipeline.run_directory = reader.text("run_directory", "");
  read_redaction(reader, options);
  options.is_disabled = reader.flag("disabled", false);
  if (reader.has("manual_clock_unix_ns")) {
    options.manual_clock = WallTime{Duration{
        static_cast<int64_t>(reader.whole("manual_clock_unix_ns", 0, 0, uint64_t{1} << 62))}};
  }
  pipeline.ledger_in_memory = reader.flag("ledger_in_memory", false);
  read_routes(reader, options);
  // What the first destination wants; the others transcode.
  pipeline.compress.codec = options.exporters[0][0].codec;
  pipeline.compress.level = options.exporters[0][0].compression_level;

  uint64_t bounds = pipeline.backlog_max_bytes;
  for (const pipeline::LaneOptions& lane : pipeline.lanes) {
    bounds += uint64_t{lane.queue.slots} * queue::kSlotBytes;
  }
  const bool is_given = reader.has("memory_limit");
  if (!is_given) options.memory_limit = std::max(options.memory_limit, bounds);
  read_metrics(reader, options, bounds);
  if (bounds > options.memory_limit) {
    reader.fail("memory_limit", std::to_string(options.memory_limit) +
                                    " is less than the lanes' queues and the backlog together, " +
                                    std::to_string(bounds));
  }
  if (Status status = reader.status(); !status.is_ok()) return status;
  return options;
}

}  // namespace forebay::engine
