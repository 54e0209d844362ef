// What a collector can be told (docs/options.md in the sources). What is not given has the core's
// default; ranges are the core's too, and a value outside is refused by Collector::create with a
// message that begins with the option's path ("lanes[1].max_age").
#pragma once
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "forebay/metrics_options.h"
#include "forebay/outcome.h"

namespace forebay {
inline namespace v1 {

using Nanoseconds = std::chrono::nanoseconds;

enum class Compression : uint8_t { kZstd, kGzip, kNone };

// OTLP over HTTP.
struct OtlpHttpExporter {
  // Base URL; /v1/logs and /v1/metrics are appended. Default: http://localhost:4318
  std::string endpoint = {};
  // The whole URL of one signal, as it is. Default: from `endpoint`; where only the other signal's
  // is given, that one with the path exchanged, if it ends with /v1/logs or /v1/metrics.
  std::string logs_endpoint = {};
  std::string metrics_endpoint = {};
  std::map<std::string, std::string> headers = {};  // sent with each request
  std::optional<Nanoseconds> timeout = {};          // of one request. Default: 10 s. 0: none
  std::optional<Compression> compression = {};      // default: zstd
  std::optional<int> compression_level = {};        // zstd -7..22, gzip 1..9
  std::optional<uint32_t> max_in_flight = {};       // requests under way, 1..64. Default: 2
  std::string ca_file = {};                         // PEM. Default: the system's
  std::string client_certificate = {};              // PEM; with client_key
  std::string client_key = {};                      // PEM
  bool verify = true;                               // false takes any certificate
};

enum class FileFormat : uint8_t { kJsonLines, kOtlp };

// Local files.
struct FileExporter {
  std::string directory = {};                    // must be given
  std::optional<FileFormat> format = {};         // default: JSON lines
  std::optional<uint64_t> max_file_bytes = {};   // default: 16 MiB
  std::optional<uint64_t> max_total_bytes = {};  // of the directory. Default: 256 MiB
  std::optional<Nanoseconds> max_age = {};       // default: 7 days
};

enum class ConsoleFormat : uint8_t { kAuto, kPretty, kJson };

// Standard error.
struct ConsoleExporter {
  ConsoleFormat format = ConsoleFormat::kAuto;  // auto: pretty on a terminal, else JSON
};

// Keeps what it delivers, for Collector::take_memory. For tests.
struct MemoryExporter {
  std::optional<uint64_t> max_bytes = {};  // not read yet. Default: 64 MiB
};

// Does all the work and sends nothing. For measurements.
struct NullExporter {
  std::optional<Compression> compression = {};
};

using Exporter =
    std::variant<OtlpHttpExporter, FileExporter, ConsoleExporter, MemoryExporter, NullExporter>;

// What emit does when a lane's queue is full.
struct OnFull {
  enum class Action : uint8_t { kDropNewest, kDropOldest, kFail, kBlock };
  Action action = Action::kDropNewest;
  std::optional<Nanoseconds> timeout = {};  // of kBlock. Default: as long as it takes

  static OnFull drop_newest() noexcept { return {}; }
  static OnFull drop_oldest() noexcept { return {Action::kDropOldest, {}}; }
  static OnFull fail() noexcept { return {Action::kFail, {}}; }
  static OnFull block(std::optional<Nanoseconds> timeout = {}) noexcept {
    return {Action::kBlock, timeout};
  }
};

// Drops records at random before a lane is full, ever more of them: none up to `start`, all from
// `full` on. Both are parts of the lane's room, 0..1, and `start` is the lower.
struct EarlyDrop {
  std::optional<double> start = {};  // default: 0.6
  std::optional<double> full = {};   // default: 0.9
};

enum class OnBacklogFull : uint8_t { kHold, kEvictOldest };
// Strict lanes go first, in their order; weighted ones share what is left.
enum class LanePriority : uint8_t { kStrict, kWeighted };

enum class RouteOrder : uint8_t {
  kFailover,    // the first that is well; back to it when it is well again
  kRoundRobin,  // in turn, but for one that is busy or fails
};

// A way out with a backlog and a line of the ledger of its own: one exporter, or several that stand
// in for one another. Every batch goes out on every route.
struct Route {
  std::string name = {};                 // in the ledger: 1..31 bytes
  std::vector<Exporter> exporters = {};  // 1..8
  RouteOrder order = RouteOrder::kFailover;
  // For all lanes on this route. Default: on the first route what the lane says, else kEvictOldest.
  std::optional<OnBacklogFull> on_backlog_full = {};
  // Part of backlog.max_bytes, 0..1. Default: an equal part of what the others leave.
  std::optional<double> backlog_share = {};
};

// Who shares one limit: all that goes into the lane, each logger in it, or each call site.
enum class LimitedBy : uint8_t { kLane, kLogger, kSite };

// Most records a second that come in. What is let go is `rate_limited`, and told once an interval
// in one record of Forebay's own.
struct RateLimit {
  double per_second = 0;               // 0..1e9. 0: none comes in
  std::optional<uint64_t> burst = {};  // at once, 1..2^31. Default: one second's worth
  LimitedBy by = LimitedBy::kLane;
};

// Keeps a part of the records, before they are copied. Rules are asked in their order; the first
// that matches decides, and what none matches is kept. A kept record that stands for more than
// itself has the attribute forebay.adjusted_count; of ratio and burst the sum at the receiver is
// what was emitted.
struct Sampling {
  enum class Kind : uint8_t { kRatio, kTraceRatio, kBurst };
  Kind kind = Kind::kRatio;
  double share = 1;                          // of kRatio and kTraceRatio: what is kept, 0..1
  std::optional<uint64_t> first = {};        // of kBurst. 0..2^31. Default: 100
  std::optional<uint64_t> then_every = {};   // of kBurst. 0: none. Default: 100
  std::optional<Nanoseconds> interval = {};  // of kBurst. Default: 1 s
  // What it matches. Default: everything.
  std::optional<Severity> min_severity = {};
  std::optional<Severity> max_severity = {};
  std::string logger = {};
  std::map<std::string, std::string> attributes = {};  // all of them, compared as text

  // By counting: of 0.1 the first, then every tenth, for each logger, severity and thread.
  static Sampling ratio(double share) {
    Sampling rule;
    rule.share = share;
    return rule;
  }
  // All records of a trace or none; rounded down to 1, 1/2, 1/4 … Without a trace id: the next
  // rule.
  static Sampling trace_ratio(double share) {
    Sampling rule = ratio(share);
    rule.kind = Kind::kTraceRatio;
    return rule;
  }
  // Of each call site, thread and interval the first, then every so many.
  static Sampling burst(uint64_t first, uint64_t then_every,
                        std::optional<Nanoseconds> interval = {}) {
    Sampling rule;
    rule.kind = Kind::kBurst;
    rule.first = first;
    rule.then_every = then_every;
    rule.interval = interval;
    return rule;
  }
};

// Records that share a queue and a policy. Lanes are asked in their order, those that name a logger
// or attributes first; what none takes goes to the last.
struct Lane {
  std::string name = {};                      // 1..31 bytes
  std::optional<Severity> min_severity = {};  // lowest that it takes. Default: any
  std::string logger = {};                    // "audit.*": audit and all below. Default: any
  std::map<std::string, std::string> attributes = {};  // all of them, compared as text
  std::optional<RateLimit> rate_limit = {};
  std::optional<uint64_t> queue_records = {};  // slots of 128 bytes. Default: 65,536
  std::optional<uint64_t> queue_bytes = {};    // the same bound in bytes; the lower holds
  std::vector<OnFull> on_full = {};            // default: drop_newest. block may have a second
  std::optional<EarlyDrop> early_drop = {};    // default: none
  OnBacklogFull on_backlog_full = OnBacklogFull::kHold;
  std::optional<double> backlog_share = {};  // that no other lane can take, 0..1. Default: 0
  std::optional<Nanoseconds> max_age = {};   // older records expire. Default: never
  // When it is drained and sent, where other lanes wait too. Default: strict, or weighted where a
  // weight is given.
  std::optional<LanePriority> priority = {};
  std::optional<uint32_t> weight = {};  // among weighted lanes, in bytes. 1..100. Default: 1
  // Of the queue's room, 0..1: pressured from the first on, and no longer below the second.
  std::optional<double> high_watermark = {};  // default: 0.8
  std::optional<double> low_watermark = {};   // default: 0.6
  bool gap_records = true;  // after a loss, the next batch begins with a record that tells of it
};

struct BatchOptions {
  std::optional<uint64_t> max_records = {};   // default: 8192
  std::optional<uint64_t> max_bytes = {};     // before compression. Default: 4 MiB
  std::optional<Nanoseconds> max_delay = {};  // default: 1 s
};

enum class BacklogOrder : uint8_t { kOldestFirst, kNewestFirst };

struct BacklogOptions {
  std::optional<uint64_t> max_bytes = {};  // default: 32 MiB
  BacklogOrder order = BacklogOrder::kOldestFirst;
  // With kNewestFirst: part of what a lane sends that is its oldest, 0..1. Default: 0.25
  std::optional<double> stale_share = {};
};

struct RetryOptions {
  std::optional<Nanoseconds> initial = {};      // upper end of the first wait. Default: 1 s
  std::optional<Nanoseconds> max = {};          // where doubling ends. Default: 30 s
  std::optional<Nanoseconds> max_elapsed = {};  // a batch is given up after. Default: never
};

// Stops asking a destination that fails: it is asked once after each pause until it answers.
struct BreakerOptions {
  std::optional<uint32_t> failures = {};         // in a row that open it. 1..1000. Default: 5
  std::optional<Nanoseconds> open_initial = {};  // upper end of the first pause. Default: 1 s
  std::optional<Nanoseconds> open_max = {};      // where doubling ends. Default: 60 s
};

// Keeps what is below its logger's level in a ring of memory, and emits it when a record of
// `trigger` or above comes, or at dump_recorder().
struct FlightRecorder {
  Severity level = Severity::kDebug;       // lowest that is recorded
  std::optional<uint64_t> records = {};    // slots of 128 bytes. Default: 8,192
  std::optional<Nanoseconds> window = {};  // what is older is not released. Default: 10 s
  Severity trigger = Severity::kError;     // above level
};

using ResourceValue = std::variant<std::string, bool, int64_t, double>;

struct Options {
  std::string service_name = {};  // default: resource["service.name"], else unknown_service
  std::map<std::string, ResourceValue> resource = {};  // attributes of everything that is sent
  Exporter exporter = OtlpHttpExporter{};
  std::vector<Route> routes = {};             // 1..8, in place of `exporter`
  std::optional<ConsoleFormat> console = {};  // beside it, on stderr: what it delivered
  std::vector<Lane> lanes = {};               // default: urgent (WARN and up) and normal
  BatchOptions batch = {};
  BacklogOptions backlog = {};
  RetryOptions retry = {};
  BreakerOptions breaker = {};
  std::vector<Sampling> sampling = {};
  std::optional<Nanoseconds> summary_interval = {};  // of what limits let go. Default: 1 s
  std::optional<FlightRecorder> flight_recorder = {};
  MetricsOptions metrics = {};
  std::optional<uint64_t> memory_limit = {};      // queues and backlog. Default: 48 MiB
  std::optional<uint64_t> max_record_bytes = {};  // longer ones are cut. Default: 1 MiB
  std::string run_directory = {};                 // of the stats file. Default: $FOREBAY_RUN_DIR
  bool ledger_in_memory = false;                  // no stats file
  // Keys whose values are replaced besides a short list of Forebay's own; "!key" takes one of it
  // back.
  std::vector<std::string> redact = {};
  bool redact_defaults = true;
  bool disabled = false;  // takes nothing, and makes no thread or file
};

}  // namespace v1
}  // namespace forebay
