// Collectors and loggers of this process, and the way of a record from emit to its lane.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "account/snapshot.h"
#include "admit/lane_rules.h"
#include "admit/redaction.h"
#include "base/clock.h"
#include "base/status.h"
#include "collector_options.h"
#include "exporter_factory.h"
#include "forebay/c_api.h"
#include "fork_page.h"
#include "incarnation.h"
#include "instruments.h"
#include "observation.h"
#include "pressure_signal.h"

namespace forebay::engine {

class Collector;
using NumberVisitor = std::function<void(std::string_view, int64_t)>;

// What a logger is bound to. Immutable, and never freed: a thread may read it while the logger is
// bound to something else. A logger gets a new one with each start and each fork.
struct alignas(64) LoggerBinding {
  Incarnation* incarnation = nullptr;
  admit::LoggerRules rules;
  const LoggerBinding* before = nullptr;  // the one it took the place of: kept, and known to be
};

// A logger: a handle that is never freed. Bound to a collector's incarnation at first use, again
// after a fork, and where it is of the process default, again when that changes.
struct Logger : forebay_logger {
  std::atomic<uint32_t>* level_word = nullptr;  // what forebay_logger::level points to
  Collector* collector = nullptr;               // null: the process default
  std::atomic<const LoggerBinding*> binding{nullptr};
  uint32_t min_severity = 9;
  uint32_t scope = 0;
  std::string name;
};

// What a simulated collector has in place of the system's clock, its destinations and its threads:
// nothing moves but by Pipeline::step().
struct Surroundings {
  const Clock* clock = nullptr;  // null: the real ones
  std::function<MadeExporters(const CollectorOptions&)> make_exporters;
};

class Collector {
 public:
  explicit Collector(CollectorOptions options, Surroundings surroundings = {});

  // The incarnation of this process: made at the first call (threads, files), again in a forked
  // child. Null after shutdown, and where it cannot be made. Under the registry's mutex.
  Incarnation* activate() noexcept;
  // Moves a manual clock on, and lets the drain thread's work that is due then be done. False where
  // the clock is the system's.
  bool advance(Duration by);
  // The one that there is, or null.
  [[nodiscard]] Incarnation* incarnation() const noexcept { return incarnation_.load(); }
  [[nodiscard]] bool is_closed() const noexcept { return is_closed_.load(); }
  [[nodiscard]] const CollectorOptions& options() const noexcept { return options_; }
  [[nodiscard]] PressureSignal& pressure() noexcept { return pressure_; }
  [[nodiscard]] const std::vector<admit::LaneRule>& lane_rules() const noexcept {
    return lane_rules_;
  }

  void stats(const NumberVisitor& visit) const;
  void audit(const NumberVisitor& visit);
  // The receipt: every name's difference between call and return, "complete", "elapsed_ns". Where
  // there is no memory for it, it is done, and then throws std::bad_alloc.
  bool flush(int64_t timeout_ns, const NumberVisitor& visit);
  // While another is under way, both end by the sooner of their deadlines. There is one receipt:
  // that of the call that did it.
  bool shutdown(int64_t timeout_ns, const NumberVisitor& visit);
  // Releases what the flight recorder has; false where the collector does not live.
  bool dump_recorder(std::optional<Duration> window) noexcept;
  // All series as text of Prometheus, or OpenMetrics: FOREBAY_OK, FOREBAY_CLOSED or
  // FOREBAY_TIMED_OUT. Throws std::bad_alloc.
  int32_t metrics_text(bool is_open_metrics, std::string& text);
  // Writes the file of this process now: FOREBAY_OK, FOREBAY_INVALID_ARGUMENT where nothing is
  // published, FOREBAY_CLOSED, or FOREBAY_UNAVAILABLE.
  int32_t publish_metrics();
  // False where there is no text of that name.
  bool text(std::string_view name, std::string& found) const;

  // Records that were refused while there was no incarnation: before the start
  // (kRefusedNotStarted), or after the end of a collector that never lived in this process
  // (kRefusedShutdown). Under the registry's mutex.
  void add_refused(account::EmitName name, const SeverityCounts& records) noexcept;
  // The same of measurements: kMeasurementsNotStarted, kMeasurementsShutdown, kMeasurementsMemory.
  void add_refused(account::NoteName name, uint64_t measurements) noexcept;

 private:
  friend class Registry;
  [[nodiscard]] account::Snapshot snapshot() const;
  // Null where there is no memory for one: what a receipt is about is done all the same.
  [[nodiscard]] std::shared_ptr<const account::Snapshot> snapshot_if_possible() const noexcept;
  using Receipt = std::map<std::string, int64_t, std::less<>>;
  [[nodiscard]] Receipt receipt(const account::Snapshot* before, bool complete,
                                Duration elapsed) const;
  static void tell(const Receipt& receipt, const NumberVisitor& visit);
  // The shutdown itself, where it was not done yet. Under shutdown_mutex_.
  Receipt end(const account::Snapshot* before, std::chrono::steady_clock::time_point begin,
              std::chrono::steady_clock::time_point deadline);

  const CollectorOptions options_;
  const Surroundings surroundings_;
  const std::unique_ptr<ManualClock> manual_clock_;  // null: it has the system's, or a simulation's
  const admit::Redaction* const redaction_;
  const std::vector<admit::LaneRule> lane_rules_;
  const admit::LaneTable lanes_;  // of records that came without a logger
  std::atomic<Incarnation*> incarnation_{nullptr};
  std::atomic<bool> is_closed_{false};
  bool wants_code_places_ = false;  // counted in code_places_wanted until the shutdown
  std::atomic<int64_t> references_{1};
  std::mutex shutdown_mutex_;
  std::optional<Receipt> last_receipt_;  // of the shutdown, once done. Under shutdown_mutex_
  // Those refused without an incarnation: the first one's ledger takes them over.
  struct Unled {
    SeverityCounts not_started;
    SeverityCounts shutdown;
    uint64_t measurements_not_started = 0;
    uint64_t measurements_shutdown = 0;
    uint64_t measurements_memory = 0;
  };
  void hand_over_refused(account::Ledger& ledger) noexcept;
  void make_gate(Incarnation& incarnation) const;
  void make_publisher(Incarnation& incarnation) const;
  void add_observers(Incarnation& incarnation) noexcept;
  [[nodiscard]] size_t lane_of(size_t severity_class) const noexcept {
    return lanes_[severity_class < 6 ? severity_class * 4 + 1 : 0];
  }
  Unled unled_;  // under the registry's mutex
  PressureSignal pressure_;
};

// How many collectors that are not shut down have a rule that tells call sites apart. Atomic access
// only.
extern constinit uint32_t code_places_wanted;

// What the process has: collectors, loggers, the default. One mutex, slow paths only.
class Registry {
 public:
  static Registry& process();

  Result<Collector*> create(const forebay_option* options, size_t count);
  // Its clock and exporters live as long as the collector is not released.
  Collector* create_simulated(CollectorOptions options, const Surroundings& surroundings);
  // Makes the collector's incarnation without waiting for a first record. False: it cannot be made.
  bool activate(Collector& collector) noexcept;
  static void retain(Collector& collector) noexcept;
  void release(Collector& collector) noexcept;
  Collector* default_collector() noexcept;  // retained
  void set_default(Collector* collector) noexcept;

  Logger* logger(Collector* collector, const forebay_logger_spec* spec) noexcept;
  // Binds a logger whose level reads 0. FOREBAY_ACCEPTED: it is bound; else the refusal, counted.
  int32_t bind(Logger& logger, uint32_t severity) noexcept;
  void count_not_started(uint32_t severity, uint64_t records) noexcept;
  // Loggers of a collector that ended, or of the default that changed, are bound anew at next use.
  void unbind(Collector* collector) noexcept;

  // -- metrics --
  Result<Instrument*> instrument(Collector* collector, const forebay_instrument_spec& spec);
  SeriesHandle* series(Instrument& instrument, const forebay_attribute* attributes,
                       uint32_t count) noexcept;
  void release(SeriesHandle* series) noexcept;
  // Throws std::bad_alloc.
  ObserverHandle* observe(Instrument& instrument, forebay_observe_callback callback, void* context);
  // As collector_send_metrics of the C ABI.
  int32_t send_metrics(Collector* collector, std::string_view request) noexcept;
  // Binds an Instrument or a SeriesHandle whose store is closed, or that has none.
  // FOREBAY_ACCEPTED, and whose; else why not, counted.
  template <typename Handle>
  int32_t bind_metric(Handle& handle, Incarnation*& incarnation) noexcept;
  // Of the process default; where there is none they are the next one's kMeasurementsNotStarted.
  void count_lost_measurements(account::NoteName name, uint64_t measurements) noexcept;

  // Around fork (fork.cc).
  void lock() noexcept { mutex_.lock(); }
  void unlock() noexcept { mutex_.unlock(); }
  void abandon_in_child() noexcept;

 private:
  friend class Collector;
  // FOREBAY_ACCEPTED, and where to; or why nothing is measured, counted. Under mutex_.
  int32_t metering(Collector* collector, uint64_t measurements, Incarnation*& incarnation) noexcept;
  void add_observers(Collector& collector, Incarnation& incarnation);
  void activate_observed(Collector& collector);
  void begin_observing(Collector& collector) noexcept;
  Collector* keep(CollectorOptions options, const Surroundings& surroundings);
  Logger* make_logger(Collector* collector, const forebay_logger_spec* spec);
  void refuse(Collector& collector, const Logger& logger, uint32_t severity,
              account::EmitName name) noexcept;

  std::atomic<bool> has_recorders_{false};  // any collector, ever
  std::mutex mutex_;
  ForkPages pages_;
  std::vector<Collector*> collectors_;
  Instruments instruments_;
  std::vector<std::unique_ptr<ObserverHandle>> observers_;
  uint64_t measurements_not_started_ = 0;             // before there was a default
  std::unordered_map<std::string, Logger*> loggers_;  // by collector, name, version, attributes
  Collector* default_ = nullptr;
  std::array<std::atomic<uint64_t>, kSeverityClasses> not_started_{};
};

int32_t emit(forebay_logger* handle, const forebay_site* site, const forebay_value* values,
             uint32_t value_count, const forebay_extra* extra, uint32_t flags) noexcept;

}  // namespace forebay::engine
