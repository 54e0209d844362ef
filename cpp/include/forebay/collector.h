// A collector of one's own, and the process default.
//
//   auto collector = forebay::Collector::create({.service_name = "pricing"});
//   if (!collector) return fail(collector.message());
//   forebay::Logger log = collector->logger("pricing.engine");
//   FOREBAY_INFO(log, "quote priced", {"bid", 101.25});
//   forebay::Receipt receipt = collector->shutdown(std::chrono::seconds{5});
//
// Nothing here is on a record's way: calls take locks and allocate.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "forebay/attach.h"
#include "forebay/c_api.h"
#include "forebay/grant.h"
#include "forebay/ledger.h"
#include "forebay/logger.h"
#include "forebay/metrics.h"
#include "forebay/observable.h"
#include "forebay/option_paths.h"
#include "forebay/options.h"
#include "forebay/outcome.h"
#include "forebay/pressure.h"

namespace forebay {
inline namespace v1 {

namespace detail {

inline void collect_number(void* context, const char* name, size_t name_size, int64_t value) {
  static_cast<Numbers*>(context)->insert_or_assign(std::string(name, name_size), value);
}
inline void collect_text(void* context, const char* data, size_t size) {
  static_cast<std::string*>(context)->assign(data, size);
}

}  // namespace detail

// A reference to a collector; copies refer to the same one. When the last reference of the process
// goes, it shuts down and waits for nothing: call shutdown before. An empty one (default made,
// moved from) answers everything with nothing.
class Collector {
 public:
  Collector() noexcept = default;
  // Takes over a reference of the C ABI.
  Collector(const forebay_api* api, forebay_collector* owned) noexcept
      : api_(api), handle_(owned) {}
  Collector(const Collector& other) noexcept : api_(other.api_), handle_(other.handle_) {
    if (handle_ != nullptr) api_->collector_retain(handle_);
  }
  Collector(Collector&& other) noexcept
      : api_(other.api_), handle_(std::exchange(other.handle_, nullptr)) {}
  Collector& operator=(Collector other) noexcept {
    std::swap(api_, other.api_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Collector() {
    if (handle_ != nullptr) api_->collector_release(handle_);
  }

  // Checks every option and starts nothing: threads and files come with the first record. It is not
  // the process default yet (set_default).
  [[nodiscard]] FOREBAY_LOCAL static Result<Collector> create(const Options& options = {}) {
    if (Status attached = attach(); !attached.is_ok()) return attached;
    const forebay_api* api = detail::attachment.table();
    const detail::OptionPaths paths(options);
    forebay_collector* made = nullptr;
    std::string error;
    const int32_t code =
        api->collector_create(paths.data(), paths.size(), &made, detail::collect_text, &error);
    if (code == FOREBAY_OK) return Collector(api, made);
    return Status(
        code == FOREBAY_INVALID_ARGUMENT ? Status::Code::kInvalid : Status::Code::kUnavailable,
        error.empty() ? "the collector cannot be made" : std::move(error));
  }

  [[nodiscard]] explicit operator bool() const noexcept { return handle_ != nullptr; }

  // Loggers without a collector of their own report here from now on. The process keeps it.
  void set_default() const noexcept {
    if (handle_ != nullptr) api_->collector_set_default(handle_);
  }

  // The logger of that name: the same one each time, and the first one's settings hold.
  [[nodiscard]] Logger logger(std::string_view name, Severity level = Severity::kInfo,
                              std::string_view version = {}) const {
    if (handle_ == nullptr) return Logger("forebay.no_collector", level);
    forebay_logger_spec spec{};
    spec.struct_size = sizeof spec;
    spec.min_severity = static_cast<uint32_t>(level);
    spec.name = {name.data(), name.size()};
    spec.version = {version.data(), version.size()};
    // The way of a record needs this module's table too.
    detail::attachment.publish(detail::checked(api_));
    return Logger(api_->logger(handle_, &spec));
  }

  // Instruments of this collector alone; forebay/metrics.h has those of the process default. The
  // same name gives the same instrument. kInvalid names the field.
  [[nodiscard]] Result<Counter> counter(std::string_view name,
                                        const InstrumentSpec& spec = {}) const {
    if (handle_ == nullptr) return none();
    return Counter::of(handle_, name, spec);
  }
  [[nodiscard]] Result<UpDownCounter> up_down_counter(std::string_view name,
                                                      const InstrumentSpec& spec = {}) const {
    if (handle_ == nullptr) return none();
    return UpDownCounter::of(handle_, name, spec);
  }
  [[nodiscard]] Result<Gauge> gauge(std::string_view name, const InstrumentSpec& spec = {}) const {
    if (handle_ == nullptr) return none();
    return Gauge::of(handle_, name, spec);
  }
  [[nodiscard]] Result<Histogram> histogram(std::string_view name,
                                            const InstrumentSpec& spec = {}) const {
    if (handle_ == nullptr) return none();
    return Histogram::of(handle_, name, spec);
  }
  // Has the callback asked at each collection and each scrape while what is returned lives
  // (forebay/observable.h).
  [[nodiscard]] Result<ObservableInstrument> observable_counter(
      std::string_view name, ObserveCallback callback, const InstrumentSpec& spec = {}) const {
    return observable(FOREBAY_OBSERVABLE_COUNTER, name, std::move(callback), spec);
  }
  [[nodiscard]] Result<ObservableInstrument> observable_up_down_counter(
      std::string_view name, ObserveCallback callback, const InstrumentSpec& spec = {}) const {
    return observable(FOREBAY_OBSERVABLE_UP_DOWN_COUNTER, name, std::move(callback), spec);
  }
  [[nodiscard]] Result<ObservableInstrument> observable_gauge(
      std::string_view name, ObserveCallback callback, const InstrumentSpec& spec = {}) const {
    return observable(FOREBAY_OBSERVABLE_GAUGE, name, std::move(callback), spec);
  }

  // The ledger at this moment.
  [[nodiscard]] Stats stats() const {
    detail::Numbers numbers;
    if (handle_ != nullptr) api_->collector_stats(handle_, detail::collect_number, &numbers);
    Stats stats(numbers, "");
    stats.memory_bytes = stats.number("memory_bytes");
    stats.pressure = static_cast<Pressure>(stats.number("pressure"));
    if (const auto found = numbers.find("ms_to_full"); found != numbers.end()) {
      stats.time_to_full = std::chrono::milliseconds{found->second};
    }
    return stats;
  }

  // The highest state of all lanes: one atomic load.
  [[nodiscard]] Pressure pressure() const noexcept {
    if (handle_ == nullptr) return Pressure::kNormal;
    return static_cast<Pressure>(
        __atomic_load_n(api_->collector_pressure(handle_), __ATOMIC_RELAXED));
  }
  // Calls back whenever a lane's state changes, while the subscription lives. The calls come from
  // Forebay's drain thread, which stands still meanwhile: be quick, do not log, and do not call
  // back into the collector; an exception ends the program.
  [[nodiscard]] PressureSubscription on_pressure(PressureCallback callback) const {
    return {api_, handle_, std::move(callback)};
  }

  // Stops drain and ship at a batch boundary, counts what is really inside, and compares.
  [[nodiscard]] Audit audit() const {
    detail::Numbers numbers;
    if (handle_ != nullptr) api_->collector_audit(handle_, detail::collect_number, &numbers);
    Audit audit;
    audit.balanced = numbers["balanced"] != 0;
    audit.exact = numbers["exact"] != 0;
    audit.difference = numbers["difference"];
    constexpr std::string_view kLanes = "lanes.";
    constexpr std::string_view kDifference = ".difference";
    for (const auto& [name, value] : numbers) {
      if (!name.starts_with(kLanes) || !name.ends_with(kDifference)) continue;
      audit.lanes.emplace(
          name.substr(kLanes.size(), name.size() - kLanes.size() - kDifference.size()), value);
    }
    return audit;
  }

  // Waits until what was emitted before the call has left. A negative timeout waits without end.
  Receipt flush(std::chrono::nanoseconds timeout) const {
    detail::Numbers numbers;
    if (handle_ != nullptr) {
      api_->collector_flush(handle_, timeout.count(), detail::collect_number, &numbers);
    }
    return receipt(numbers);
  }
  // Takes no more records, sends what is held, and ends the threads. While another is under way,
  // both end by the sooner of their deadlines. Again: the same receipt.
  Receipt shutdown(std::chrono::nanoseconds timeout) const {
    detail::Numbers numbers;
    if (handle_ != nullptr) {
      api_->collector_shutdown(handle_, timeout.count(), detail::collect_number, &numbers);
    }
    return receipt(numbers);
  }

  // Emits what the flight recorder holds of the last `window` (default: its option), soon. False
  // without a recorder, before the first record, after the end, and where the library is older.
  bool dump_recorder(std::optional<std::chrono::nanoseconds> window = {}) const noexcept {
    constexpr size_t kNeeds =
        offsetof(forebay_api, collector_dump_recorder) + sizeof(api_->collector_dump_recorder);
    return handle_ != nullptr && api_->struct_size >= kNeeds &&
           api_->collector_dump_recorder(handle_, window ? window->count() : -1) == FOREBAY_OK;
  }

  // Waits until the lane has room for that many records of one slot (128 bytes), in line with
  // others; over 64, beside the line. Nothing is set aside. kTimedOut, kInvalid (no such lane, or
  // more than it ever has) or kUnavailable (after a shutdown, or an older library). A negative
  // timeout waits without end.
  [[nodiscard]] Status wait_for_room(std::string_view lane, uint64_t records,
                                     std::chrono::nanoseconds timeout) const {
    if (handle_ == nullptr || !has_room_calls()) return room_status(FOREBAY_CLOSED);
    return room_status(
        api_->lane_wait(handle_, {lane.data(), lane.size()}, records, timeout.count()));
  }
  // Sets room aside for the calling thread: for up to `records` of up to `record_bytes` bytes as
  // they are stored (0: 1,024). Waits for at least one; at most half of a lane is granted. The
  // errors are those of wait_for_room.
  [[nodiscard]] Result<Grant> request(std::string_view lane, uint64_t records,
                                      std::chrono::nanoseconds timeout,
                                      uint64_t record_bytes = 0) const {
    if (handle_ == nullptr || !has_room_calls()) return room_status(FOREBAY_CLOSED);
    forebay_grant* grant = nullptr;
    uint64_t granted = 0;
    const int32_t code = api_->lane_request(handle_, {lane.data(), lane.size()}, records,
                                            record_bytes, timeout.count(), &grant, &granted);
    if (code != FOREBAY_OK) return room_status(code);
    return Grant(api_, grant, granted);
  }

  // "instance_id", "stats_file", "service_name", "last_error" or "directory"; else empty.
  [[nodiscard]] std::string text(std::string_view name) const {
    std::string found;
    if (handle_ != nullptr) {
      api_->collector_text(handle_, {name.data(), name.size()}, detail::collect_text, &found);
    }
    return found;
  }

  // With a MemoryExporter: the batches delivered since the last call, each one plain OTLP
  // ExportLogsServiceRequest.
  [[nodiscard]] std::vector<std::string> take_memory() const {
    std::vector<std::string> batches;
    const auto keep = +[](void* context, const char* data, size_t size) {
      static_cast<std::vector<std::string>*>(context)->emplace_back(data, size);
    };
    if (handle_ != nullptr) api_->collector_take_memory(handle_, keep, &batches);
    return batches;
  }

  // The same of metrics: each one plain OTLP ExportMetricsServiceRequest.
  [[nodiscard]] std::vector<std::string> take_metrics() const {
    std::vector<std::string> batches;
    const auto keep = +[](void* context, const char* data, size_t size) {
      static_cast<std::vector<std::string>*>(context)->emplace_back(data, size);
    };
    if (knows_metrics()) api_->collector_take_metrics(handle_, keep, &batches);
    return batches;
  }
  // All series as they stand, for Prometheus: text format 0.0.4, or OpenMetrics 1.0. Sums come
  // together since each series began, whatever the temporality of the export. Callbacks of
  // observable instruments are asked first: not to be called from one of them.
  [[nodiscard]] Result<std::string> prometheus_text(bool openmetrics = false) const {
    if (!knows_metrics()) return none();
    const std::string_view format = openmetrics ? "openmetrics" : "prometheus";
    std::string text;
    switch (api_->collector_metrics_text(handle_, {format.data(), format.size()},
                                         detail::collect_text, &text)) {
      case FOREBAY_OK:
        return text;
      case FOREBAY_TIMED_OUT:
        return Status(Status::Code::kTimedOut, "a thread stood still amid a measurement");
      case FOREBAY_CLOSED:
        return Status(Status::Code::kUnavailable, "the collector was shut down");
      default:
        return Status(Status::Code::kUnavailable, "there is no memory for the text");
    }
  }

  [[nodiscard]] forebay_collector* handle() const noexcept { return handle_; }

 private:
  [[nodiscard]] bool knows_metrics() const noexcept {
    return handle_ != nullptr && detail::knows_metrics(*api_);
  }
  static Status none() {
    return {Status::Code::kUnavailable, "there is no collector, or it is too old to know metrics"};
  }
  [[nodiscard]] Result<ObservableInstrument> observable(uint32_t kind, std::string_view name,
                                                        ObserveCallback callback,
                                                        const InstrumentSpec& spec) const {
    if (handle_ == nullptr) return none();
    return ObservableInstrument::of(handle_, kind, name, std::move(callback), spec);
  }
  // An older library does not have them.
  [[nodiscard]] bool has_room_calls() const noexcept {
    return api_->struct_size >= offsetof(forebay_api, grant_left) + sizeof(api_->grant_left);
  }
  static Status room_status(int32_t code) {
    switch (code) {
      case FOREBAY_OK:
        return {};
      case FOREBAY_TIMED_OUT:
        return {Status::Code::kTimedOut, "there was no room in time"};
      case FOREBAY_INVALID_ARGUMENT:
        return {Status::Code::kInvalid, "there is no such lane, or it never has that much room"};
      default:
        return {Status::Code::kUnavailable, "the collector takes no records"};
    }
  }
  static Receipt receipt(const detail::Numbers& numbers) {
    Receipt made(numbers, "");
    made.complete = made.number("complete") != 0;
    made.elapsed = std::chrono::nanoseconds{made.number("elapsed_ns")};
    return made;
  }

  const forebay_api* api_ = nullptr;
  forebay_collector* handle_ = nullptr;
};

// The process default: what Python or set_default started. Empty if there is none, or no Forebay.
[[nodiscard]] FOREBAY_LOCAL inline Collector default_collector() noexcept {
  if (!attach().is_ok()) return {};
  const forebay_api* api = detail::attachment.table();
  return {api, api->collector_default()};
}

}  // namespace v1
}  // namespace forebay
