// A collector's options, from the flat list of (path, value) that both languages hand over.
//
// One place validates them: a message begins with the path of the option, then says its value and
// range. docs/options.md lists every path.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "admit/sampling_rule.h"
#include "base/status.h"
#include "forebay/c_api.h"
#include "metrics_publisher.h"
#include "pipeline/lane.h"

namespace forebay::engine {

struct ExporterOptions {
  std::string path = "exporter.";  // that its options begin with, for messages
  std::string type = "otlp_http";  // otlp_http | file | console | memory | null
  // otlp_http
  std::string endpoint;          // base; v1/logs and v1/metrics are appended
  std::string logs_endpoint;     // as it is; what holds where some are empty: ship::OtlpHttpOptions
  std::string metrics_endpoint;  // the same
  std::vector<std::pair<std::string, std::string>> headers;
  Duration timeout = std::chrono::seconds{10};  // zero: no limit
  Codec codec = Codec::kZstd;
  int compression_level = 0;
  uint32_t max_in_flight = 2;
  std::string ca_file;       // only this one; else the first of ship::AuthoritySources,
  std::string host_ca_file;  // among which are what a binding knows
  std::string host_ca_directory;
  std::string fallback_ca_file;
  std::string client_certificate;
  std::string client_key;
  bool verify = true;
  std::string console = "off";  // beside it, what it delivered: off | auto | pretty | json
  // file
  std::string directory;
  std::string format = "jsonl";  // of file: jsonl | otlp; of console: auto | pretty | json
  uint64_t max_file_bytes = 16u << 20;
  uint64_t max_total_bytes = 256u << 20;
  Duration max_age = std::chrono::hours{24 * 7};
  // memory
  uint64_t max_bytes = 64u << 20;
};

struct CollectorOptions {
  pipeline::PipelineOptions pipeline;
  std::vector<std::vector<ExporterOptions>> exporters;  // of each of pipeline.routes
  std::vector<admit::SamplingRule> sampling;
  // Keys whose values are replaced; see admit::Redaction. Empty: none are.
  std::vector<std::string> redact;
  PublicationOptions publication;
  // How often what a limit suppressed is told. Unit: ns, 10 ms..1 h.
  Duration summary_interval = std::chrono::seconds{1};
  uint64_t max_record_bytes = 1u << 20;
  uint64_t memory_limit = 48u << 20;
  // Takes nothing: what is emitted into it is as if it was below the level. No thread, no file.
  bool is_disabled = false;
  // The time at which a clock begins that only collector_advance() moves; none: the system's.
  std::optional<WallTime> manual_clock;

  static Result<CollectorOptions> parse(const forebay_option* options, size_t count);
  // Whether any is the one that keeps batches; at most one is.
  [[nodiscard]] bool has_memory_exporter() const noexcept;
  // Of the first that writes files; empty where none does.
  [[nodiscard]] std::string directory() const;
};

}  // namespace forebay::engine
