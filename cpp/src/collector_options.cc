#include "collector_options.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

#include "model/severity.h"
#include "option_reader.h"

namespace forebay::engine {
namespace {

queue::FullAction read_action(OptionReader& reader, const std::string& path) {
  queue::FullAction action;
  const std::string kind =
      reader.one_of(path, "drop_newest", {"drop_newest", "drop_oldest", "fail", "block"});
  using Kind = queue::FullAction::Kind;
  action.kind = kind == "drop_oldest" ? Kind::kDropOldest
                : kind == "fail"      ? Kind::kFail
                : kind == "block"     ? Kind::kBlock
                                      : Kind::kDropNewest;
  if (action.kind == Kind::kBlock) {
    action.timeout = reader.maybe_seconds(path + ".timeout", 0, 86400);
    action.on_event_loop = reader.flag(path + ".on_event_loop", false);
  }
  return action;
}

pipeline::LaneOptions read_lane(OptionReader& reader, const std::string& at,
                                uint32_t default_slots) {
  pipeline::LaneOptions lane;
  lane.name = reader.text(at + "name", "");
  if (lane.name.empty() || lane.name.size() > 31 ||
      lane.name.find_first_of(". \t\n") != std::string::npos) {
    reader.fail(at + "name",
                "'" + lane.name + "' is not a name of 1 to 31 bytes without spaces or dots");
  }
  lane.rule.min_severity = static_cast<uint32_t>(reader.whole(at + "min_level", 0, 0, 24));
  lane.rule.logger = reader.text(at + "logger", "");
  reader.fail(at, lane.rule.validate());
  const bool has_records = reader.has(at + "queue_records");
  const bool has_bytes = reader.has(at + "queue_bytes");
  uint64_t slots = reader.whole(at + "queue_records", default_slots, 8, queue::kMaxSlots);
  const uint64_t bytes =
      reader.whole(at + "queue_bytes", slots * queue::kSlotBytes, 8 * queue::kSlotBytes,
                   uint64_t{queue::kMaxSlots} * queue::kSlotBytes);
  // The same bound in two units; given both, the lower holds.
  if (has_bytes) {
    slots = has_records ? std::min(slots, bytes / queue::kSlotBytes) : bytes / queue::kSlotBytes;
  }
  lane.queue.slots = static_cast<uint32_t>(slots);
  lane.queue.on_full.clear();
  for (size_t i = 0; reader.has(at + "on_full[" + std::to_string(i) + "]"); ++i) {
    lane.queue.on_full.push_back(read_action(reader, at + "on_full[" + std::to_string(i) + "]"));
  }
  if (lane.queue.on_full.empty()) lane.queue.on_full.emplace_back();
  reader.fail(at, lane.queue.validate());
  lane.backlog.share = reader.number(at + "backlog_share", 0.0, 0.0, 1.0);
  lane.backlog.on_full =
      reader.one_of(at + "on_backlog_full", "hold", {"hold", "evict_oldest"}) == "hold"
          ? backlog::OnBacklogFull::kHold
          : backlog::OnBacklogFull::kEvictOldest;
  lane.backlog.max_age = reader.maybe_seconds(at + "max_age", 0.001, kYear);
  return lane;
}

void read_lanes(OptionReader& reader, CollectorOptions& options) {
  auto& lanes = options.pipeline.lanes;
  // The default sizes are for a limit of 48 MiB and shrink with it.
  const double scale =
      std::min(1.0, static_cast<double>(options.memory_limit) / static_cast<double>(48u << 20));
  const auto sized = [&](uint32_t slots) {
    return std::max(1024u, static_cast<uint32_t>(slots * scale));
  };
  for (size_t i = 0; reader.has("lanes[" + std::to_string(i) + "].name"); ++i) {
    lanes.push_back(read_lane(reader, "lanes[" + std::to_string(i) + "].", sized(65'536)));
  }
  if (lanes.size() > account::kMaxLanes) reader.fail("lanes", "there are more than 16");
  if (lanes.empty()) {
    pipeline::LaneOptions urgent;
    urgent.name = "urgent";
    urgent.rule.min_severity = model::kWarn;
    urgent.queue.slots = sized(16'384);
    urgent.backlog.share = 0.25;
    pipeline::LaneOptions normal;
    normal.name = "normal";
    normal.queue.slots = sized(65'536);
    lanes = {urgent, normal};
  }
  std::set<std::string> names;
  double shares = 0;
  for (size_t i = 0; i < lanes.size(); ++i) {
    shares += lanes[i].backlog.share;
    if (!names.insert(lanes[i].name).second) {
      reader.fail("lanes[" + std::to_string(i) + "].name", "'" + lanes[i].name + "' is used twice");
    }
  }
  if (shares > 1.0 + 1e-9) {
    reader.fail("lanes", "their backlog_share sum up to more than 1");
  }
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

}  // namespace

void read_exporter(OptionReader& reader, const std::string& at, ExporterOptions& exporter) {
  exporter.path = at;
  exporter.type =
      reader.one_of(at + "type", exporter.type, {"otlp_http", "file", "console", "memory", "null"});
  if (exporter.type == "otlp_http") {
    exporter.endpoint = reader.text(at + "endpoint", exporter.endpoint);
    exporter.logs_endpoint = reader.text(at + "logs_endpoint", "");
    for (const std::string& url : {exporter.endpoint, exporter.logs_endpoint}) {
      if (!url.empty() && !url.starts_with("http://") && !url.starts_with("https://")) {
        reader.fail(at + "endpoint", "'" + url + "' does not begin with http:// or https://");
      }
    }
    for (auto& [name, value] : reader.map(at + "headers")) {
      if (value.type != FOREBAY_STRING || name.empty() ||
          name.find_first_of(":\r\n ") != std::string::npos ||
          value.bytes.find_first_of("\r\n") != std::string::npos) {
        reader.fail(at + "headers:" + name, "is not a header's name and value");  // never the value
      }
      exporter.headers.emplace_back(name, value.bytes);
    }
    exporter.timeout = reader.seconds(at + "timeout", exporter.timeout, 0, 3600);
    exporter.concurrency =
        static_cast<uint32_t>(reader.whole(at + "concurrency", exporter.concurrency, 1, 64));
    exporter.ca_file = reader.text(at + "ca_file", "");
    exporter.client_certificate = reader.text(at + "client_certificate", "");
    exporter.client_key = reader.text(at + "client_key", "");
    exporter.verify = reader.flag(at + "verify", true);
    if (exporter.client_certificate.empty() != exporter.client_key.empty()) {
      reader.fail(at + "client_key", "client_certificate and client_key go together");
    }
  }
  if (exporter.type == "otlp_http" || exporter.type == "null") {
    const std::string codec = reader.one_of(at + "compression", "zstd", {"zstd", "gzip", "none"});
    exporter.codec = codec == "zstd" ? Codec::kZstd : codec == "gzip" ? Codec::kGzip : Codec::kNone;
    exporter.compression_level = codec == "gzip" ? reader.level(at + "compression_level", 1, 9)
                                                 : reader.level(at + "compression_level", -7, 22);
  } else {
    exporter.codec = Codec::kNone;  // written out plain: compressing first would be for nothing
  }
  if (exporter.type == "file") {
    exporter.directory = reader.text(at + "directory", "");
    if (exporter.directory.empty()) reader.fail(at + "directory", "is not given");
    exporter.format = reader.one_of(at + "format", "jsonl", {"jsonl", "otlp"});
    exporter.max_file_bytes =
        reader.whole(at + "max_file_bytes", exporter.max_file_bytes, 4096, uint64_t{1} << 40);
    exporter.max_total_bytes =
        reader.whole(at + "max_total_bytes", exporter.max_total_bytes, 4096, uint64_t{1} << 50);
    exporter.max_age = reader.seconds(at + "max_age", exporter.max_age, 1, 10 * kYear);
    if (exporter.max_total_bytes < exporter.max_file_bytes) {
      reader.fail(at + "max_total_bytes", "is less than max_file_bytes");
    }
  }
  exporter.console = reader.one_of(at + "console", "off", {"off", "auto", "pretty", "json"});
  if (exporter.type == "console") {
    if (exporter.console != "off") {
      reader.fail(at + "console", "'" + exporter.console + "', but the exporter is the console");
    }
    exporter.format = reader.one_of(at + "format", "auto", {"auto", "pretty", "json"});
  }
  if (exporter.type == "memory") {
    exporter.max_bytes =
        reader.whole(at + "max_bytes", exporter.max_bytes, 1024, uint64_t{1} << 40);
  }
}

namespace {

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
    attributes.push_back({"service.name", model::OwnedValue::text(options.pipeline.service_name)});
  }
  const auto set_default = [&](const char* key, const char* value) {
    const auto found = std::find_if(attributes.begin(), attributes.end(),
                                    [&](const auto& a) { return a.key == key; });
    if (found == attributes.end()) attributes.push_back({key, model::OwnedValue::text(value)});
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
  options.memory_limit =
      reader.whole("memory_limit", options.memory_limit, 1u << 20, uint64_t{1} << 40);
  read_lanes(reader, options);
  options.max_record_bytes =
      reader.whole("max_record_bytes", options.max_record_bytes, 256, 16u << 20);
  pipeline.batch.max_records = static_cast<uint32_t>(
      reader.whole("batch.max_records", pipeline.batch.max_records, 1, 1'000'000));
  pipeline.batch.max_bytes =
      reader.whole("batch.max_bytes", pipeline.batch.max_bytes, 1024, 16u << 20);
  pipeline.batch.max_delay = reader.seconds("batch.max_delay", pipeline.batch.max_delay, 0, 3600);
  const uint64_t default_backlog =
      std::min<uint64_t>(pipeline.backlog_max_bytes, options.memory_limit / 3 * 2);
  pipeline.backlog_max_bytes =
      reader.whole("backlog.max_bytes", default_backlog, 64u << 10, uint64_t{1} << 40);
  pipeline.backlog_order = reader.one_of("backlog.order", "oldest_first",
                                         {"oldest_first", "newest_first"}) == "oldest_first"
                               ? backlog::Order::kOldestFirst
                               : backlog::Order::kNewestFirst;
  read_recorder(reader, pipeline.recorder);
  pipeline.retry.initial = reader.seconds("retry.initial", pipeline.retry.initial, 0.001, 3600);
  pipeline.retry.max = reader.seconds("retry.max", pipeline.retry.max, 0.001, 86400);
  pipeline.retry.max_elapsed = reader.maybe_seconds("retry.max_elapsed", 0, kYear);
  if (pipeline.retry.max < pipeline.retry.initial) {
    reader.fail("retry.max", "is less than retry.initial");
  }
  pipeline.run_directory = reader.text("run_directory", "");
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
  if (bounds > options.memory_limit) {
    reader.fail("memory_limit", std::to_string(options.memory_limit) +
                                    " is less than the lanes' queues and the backlog together, " +
                                    std::to_string(bounds));
  }
  if (Status status = reader.status(); !status.is_ok()) return status;
  return options;
}

}  // namespace forebay::engine
