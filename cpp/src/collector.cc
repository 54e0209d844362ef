#include "collector.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <new>
#include <utility>

#include "base/diagnostics.h"
#include "exporter_factory.h"
#include "model/site.h"
#include "ship/owned_sockets.h"

namespace forebay::engine {
namespace {

using account::EmitName;

// A random UUID (version 4), as service.instance.id asks for.
std::string make_instance_id() {
  Random random = Random::from_system();
  const uint64_t high = (random.next() & ~uint64_t{0xf000}) | 0x4000;
  const uint64_t low = (random.next() & ~(uint64_t{3} << 62)) | (uint64_t{1} << 63);
  char text[37];
  std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(high >> 32),
                static_cast<unsigned>(high >> 16) & 0xffff, static_cast<unsigned>(high) & 0xffff,
                static_cast<unsigned>(low >> 48),
                static_cast<unsigned long long>(low & 0xffffffffffffULL));
  return text;
}

std::chrono::steady_clock::time_point deadline_after(int64_t timeout_ns) {
  constexpr int64_t kForever = int64_t{100} * 365 * 86400 * 1'000'000'000;
  if (timeout_ns < 0 || timeout_ns > kForever) timeout_ns = kForever;
  return std::chrono::steady_clock::now() + std::chrono::nanoseconds{timeout_ns};
}

void visit_recorder(pipeline::Pipeline& pipeline, const NumberVisitor& visit) {
  const pipeline::FlightRecorder* recorder = pipeline.recorder();
  if (recorder == nullptr) return;
  const pipeline::FlightRecorder::Numbers numbers = recorder->numbers();
  visit("recorder.recorded", static_cast<int64_t>(numbers.recorded));
  visit("recorder.overwritten", static_cast<int64_t>(numbers.overwritten));
  visit("recorder.expired", static_cast<int64_t>(numbers.expired));
  visit("recorder.released", static_cast<int64_t>(numbers.released));
  visit("recorder.held", static_cast<int64_t>(numbers.held));
}

void visit_pressure(pipeline::Pipeline& pipeline, const NumberVisitor& visit) {
  const pipeline::Pressure& pressure = pipeline.pressure();
  const auto ms = [](Duration time) {
    return std::chrono::ceil<std::chrono::milliseconds>(time).count();
  };
  if (const auto time = pressure.time_to_full()) visit("ms_to_full", ms(*time));
  for (size_t i = 0; i < pipeline.lanes().size(); ++i) {
    const pipeline::Lane& lane = pipeline.lanes()[i];
    const pipeline::LanePressure& of_lane = pressure.lane(i);
    const std::string at = "lanes." + lane.name + ".";
    visit(at + "slots", lane.queue->slots());
    visit(at + "room", lane.queue->room());
    visit(at + "state", static_cast<int64_t>(of_lane.state()));
    visit(at + "fill_permille", static_cast<int64_t>(lane.queue->fill() * 1000));
    if (const auto time = of_lane.time_to_full()) visit(at + "ms_to_full", ms(*time));
    // Left out where it cannot be told: nothing was drained lately.
    if (const auto time = lane.queue->room_in(1)) visit(at + "retry_after_ms", ms(*time));
  }
}

// The rules of redaction, with all call sites told that they are about.
const admit::Redaction* watched(const CollectorOptions& options) {
  const admit::Redaction* const redaction = admit::Redaction::of(options.redact);
  if (redaction == nullptr) return nullptr;
  model::SiteRegistry::process().watch(
      [](const void* context, std::string_view key) {
        return static_cast<const admit::Redaction*>(context)->instead_of(key) != nullptr;
      },
      redaction);
  return redaction;
}

std::vector<admit::LaneRule> rules_of(const CollectorOptions& options) {
  std::vector<admit::LaneRule> rules;
  for (const pipeline::LaneOptions& lane : options.pipeline.lanes) rules.push_back(lane.rule);
  return rules;
}

}  // namespace

Collector::Collector(CollectorOptions options, Surroundings surroundings)
    : options_(std::move(options)),
      surroundings_(std::move(surroundings)),
      manual_clock_(options_.manual_clock ? std::make_unique<ManualClock>(*options_.manual_clock)
                                          : nullptr),
      redaction_(watched(options_)),
      lane_rules_(rules_of(options_)),
      lanes_(admit::lanes_for_logger(lane_rules_, "")) {}

Incarnation* Collector::activate() noexcept try {
  if (is_closed_.load() || options_.is_disabled) return nullptr;
  const pid_t pid = getpid();
  Incarnation* current = incarnation_.load();
  if (current != nullptr && current->pid == pid) return current;
  if (current != nullptr && !current->is_abandoned.load()) {
    // A fork that no handler saw: clone(2) by hand.
    current->pipeline->abandon_in_child();
    pressure_.abandon_in_child();
    ship::close_inherited_sockets();
    current->metrics_phase->store(0);
    current->is_abandoned.store(true);
  }
  auto incarnation = std::make_unique<Incarnation>();
  incarnation->pid = pid;
  incarnation->redaction = redaction_;
  incarnation->max_record_bytes = options_.max_record_bytes;
  pipeline::PipelineOptions made = options_.pipeline;
  const bool is_simulated = surroundings_.clock != nullptr;
  const Clock* const clock = is_simulated ? surroundings_.clock : manual_clock_.get();
  // A simulation gives the same numbers each time, sizes of compressed batches included.
  made.metrics->phase = Registry::process().pages_.allocate();
  if (made.metrics->phase == nullptr) throw std::bad_alloc();
  incarnation->metrics_phase = made.metrics->phase;
  incarnation->instance_id = made.instance_id = is_simulated ? "simulated" : make_instance_id();
  bool has_id = false;
  for (const model::OwnedAttribute& a : made.resource.attributes) {
    has_id |= a.key == "service.instance.id";
  }
  if (!has_id) {
    made.resource.attributes.push_back(
        {"service.instance.id", model::OwnedValue::text(made.instance_id)});
  }
  incarnation->resource = made.resource;
  CollectorOptions with_id = options_;
  with_id.pipeline.instance_id = made.instance_id;
  MadeExporters exporters = is_simulated
                                ? surroundings_.make_exporters(with_id)
                                : make_exporters(with_id, clock ? *clock : Clock::system());
  incarnation->memory_exporter = exporters.memory;
  auto pipeline = pipeline::Pipeline::create(made, std::move(exporters.routes), clock);
  if (!pipeline) {
    warn("activate", pipeline.status().message());
    return nullptr;
  }
  incarnation->pipeline = pipeline.take();
  if (pipeline::FlightRecorder* recorder = incarnation->pipeline->recorder()) {
    incarnation->recorder_trigger = recorder->trigger_severity();
  }
  for (pipeline::Lane& lane : incarnation->pipeline->lanes()) {
    incarnation->lanes.push_back(lane.queue.get());
  }
  make_gate(*incarnation);
  incarnation->pipeline->on_pressure(
      [this](size_t lane, pipeline::PressureState lane_state, pipeline::PressureState highest) {
        pressure_.tell(options_.pipeline.lanes[lane].name, lane_state, highest);
      });
  if (!is_simulated) {
    if (Status status = incarnation->pipeline->start_threads(); !status.is_ok()) {
      warn("threads", status.message());
    }
    make_publisher(*incarnation);
  }
  Incarnation* const made_now = incarnation.release();
  incarnation_.store(made_now);
  add_observers(*made_now);
  hand_over_refused(made_now->pipeline->ledger());
  return made_now;
} catch (const std::exception& error) {
  warn("activate", error.what());
  return nullptr;
}

void Collector::make_gate(Incarnation& incarnation) const {
  admit::GateOptions rules;
  rules.lanes = lane_rules_;
  for (const pipeline::LaneOptions& lane : options_.pipeline.lanes) {
    rules.limits.push_back(lane.rate_limit);
  }
  rules.sampling = options_.sampling;
  incarnation.gate = std::make_unique<admit::Gate>(std::move(rules), incarnation.pipeline->ticks());
  if (!incarnation.gate->has_rules()) return;
  std::vector<std::string> names;
  for (const pipeline::LaneOptions& lane : options_.pipeline.lanes) names.push_back(lane.name);
  incarnation.admission_source = std::make_unique<AdmissionSource>(
      *incarnation.gate, std::move(names), options_.summary_interval);
  incarnation.pipeline->add_internal_source(
      *incarnation.admission_source,
      std::min(AdmissionSource::kAskedEvery, options_.summary_interval));
}

void Collector::add_refused(EmitName name, const SeverityCounts& records) noexcept {
  (name == EmitName::kRefusedShutdown ? unled_.shutdown : unled_.not_started) += records;
  // Once there is an incarnation, its ledger takes them at once.
  Incarnation* current = incarnation_.load();
  if (current == nullptr || current->pid != getpid()) return;
  hand_over_refused(current->pipeline->ledger());
}

void Collector::hand_over_refused(account::Ledger& ledger) noexcept {
  ledger.note(account::NoteName::kMeasurementsNotStarted,
              std::exchange(unled_.measurements_not_started, 0));
  ledger.note(account::NoteName::kMeasurementsShutdown,
              std::exchange(unled_.measurements_shutdown, 0));
  ledger.note(account::NoteName::kMeasurementsMemory, std::exchange(unled_.measurements_memory, 0));
  if (unled_.not_started.total() + unled_.shutdown.total() == 0) return;
  const account::ThreadCounters counters = ledger.lease();
  for (size_t c = 0; c < kSeverityClasses; ++c) {
    const auto severity = static_cast<SeverityClass>(c);
    const auto lane = static_cast<uint32_t>(lane_of(c));
    const uint64_t not_started = unled_.not_started[severity];
    const uint64_t shutdown = unled_.shutdown[severity];
    counters.add(lane, EmitName::kEmitted, severity, not_started + shutdown);
    counters.add(lane, EmitName::kRefusedNotStarted, severity, not_started);
    counters.add(lane, EmitName::kRefusedShutdown, severity, shutdown);
  }
  ledger.give_back(counters);
  unled_ = {};
}

account::Snapshot Collector::snapshot() const {
  Incarnation* current = incarnation_.load();
  if (current != nullptr && current->pid == getpid()) {
    account::Snapshot snapshot = current->pipeline->ledger().snapshot();
    snapshot.unclaimed = current->gate->pending();
    return snapshot;
  }
  account::Snapshot empty;
  for (const pipeline::LaneOptions& lane : options_.pipeline.lanes) {
    empty.lane_names.push_back(lane.name);
  }
  empty.log_lanes = empty.lane_names.size();
  for (std::string& name : options_.pipeline.metrics->lane_names()) {
    empty.lane_names.push_back(std::move(name));
  }
  empty.lanes.resize(empty.lane_names.size());
  for (const pipeline::RouteOptions& route : options_.pipeline.routes) {
    empty.route_names.push_back(route.name);
    empty.routes.emplace_back(empty.lanes.size());
  }
  Registry::process().lock();
  const Unled unled = unled_;
  Registry::process().unlock();
  for (size_t c = 0; c < kSeverityClasses; ++c) {
    auto& emit = empty.lanes[lane_of(c)].emit;
    const auto add = [&](EmitName name, const SeverityCounts& records) {
      emit[static_cast<size_t>(EmitName::kEmitted)].by_class[c] += records.by_class[c];
      emit[static_cast<size_t>(name)].by_class[c] += records.by_class[c];
    };
    add(EmitName::kRefusedNotStarted, unled.not_started);
    add(EmitName::kRefusedShutdown, unled.shutdown);
  }
  const auto note = [&](account::NoteName name) -> uint64_t& {
    return empty.notes[static_cast<size_t>(name)];
  };
  note(account::NoteName::kMeasurementsNotStarted) = unled.measurements_not_started;
  note(account::NoteName::kMeasurementsShutdown) = unled.measurements_shutdown;
  note(account::NoteName::kMeasurementsMemory) = unled.measurements_memory;
  return empty;
}

void Collector::stats(const NumberVisitor& visit) const {
  snapshot().visit(visit);
  Incarnation* current = incarnation_.load();
  const bool is_ours = current != nullptr && current->pid == getpid();
  const bool lives = is_ours && !is_closed_.load();
  visit("memory_bytes", lives ? static_cast<int64_t>(current->pipeline->memory_bytes()) : 0);
  visit("destination_answered", is_ours && current->pipeline->destination_answered() ? 1 : 0);
  visit("pressure", pressure_.state());
  visit("fill_permille", lives ? static_cast<int64_t>(current->pipeline->fill() * 1000) : 0);
  if (is_ours) visit_recorder(*current->pipeline, visit);
  if (!lives) return;
  visit_pressure(*current->pipeline, visit);
  current->pipeline->delivery().visit(visit);
}

void Collector::audit(const NumberVisitor& visit) {
  pipeline::Audit audit;
  audit.balanced = true;
  audit.exact = true;
  Incarnation* current = incarnation_.load();
  if (current != nullptr && current->pid == getpid()) audit = current->pipeline->audit();
  visit("balanced", audit.balanced ? 1 : 0);
  visit("exact", audit.exact ? 1 : 0);
  visit("difference", audit.difference);
  const size_t log_lanes = options_.pipeline.lanes.size();
  const std::vector<std::string> of_points = options_.pipeline.metrics->lane_names();
  for (size_t i = 0; i < audit.by_lane.size(); ++i) {
    const std::string name = i < log_lanes ? "lanes." + options_.pipeline.lanes[i].name
                                           : "metrics.lanes." + of_points[i - log_lanes];
    visit(name + ".difference", audit.by_lane[i]);
  }
}

std::shared_ptr<const account::Snapshot> Collector::snapshot_if_possible() const noexcept try {
  return std::make_shared<const account::Snapshot>(snapshot());
} catch (const std::bad_alloc&) {
  return nullptr;
}

Collector::Receipt Collector::receipt(const account::Snapshot* before, bool complete,
                                      Duration elapsed) const {
  if (before == nullptr) throw std::bad_alloc();
  Receipt numbers;
  before->visit([&](std::string_view name, int64_t value) { numbers[std::string(name)] -= value; });
  snapshot().visit(
      [&](std::string_view name, int64_t value) { numbers[std::string(name)] += value; });
  numbers["complete"] = complete ? 1 : 0;
  numbers["elapsed_ns"] = elapsed.count();
  return numbers;
}

void Collector::tell(const Receipt& receipt, const NumberVisitor& visit) {
  for (const auto& [name, number] : receipt) visit(name, number);
}

bool Collector::flush(int64_t timeout_ns, const NumberVisitor& visit) {
  const auto begin = std::chrono::steady_clock::now();
  const std::shared_ptr<const account::Snapshot> before = snapshot_if_possible();
  Incarnation* current = incarnation_.load();
  bool complete = true;
  if (current != nullptr && current->pid == getpid()) {
    complete = current->pipeline->flush(deadline_after(timeout_ns));
  }
  tell(receipt(before.get(), complete, std::chrono::steady_clock::now() - begin), visit);
  return complete;
}

bool Collector::shutdown(int64_t timeout_ns, const NumberVisitor& visit) {
  const auto begin = std::chrono::steady_clock::now();
  const auto deadline = deadline_after(timeout_ns);
  const std::shared_ptr<const account::Snapshot> before = snapshot_if_possible();
  Incarnation* current = incarnation_.load();
  if (current != nullptr && current->pid == getpid()) current->pipeline->end_by(deadline);
  const std::lock_guard lock(shutdown_mutex_);
  if (!last_receipt_) last_receipt_ = end(before.get(), begin, deadline);
  tell(*last_receipt_, visit);
  return last_receipt_->at("complete") != 0;
}

Collector::Receipt Collector::end(const account::Snapshot* before,
                                  std::chrono::steady_clock::time_point begin,
                                  std::chrono::steady_clock::time_point deadline) {
  is_closed_.store(true);
  if (std::exchange(wants_code_places_, false)) {
    __atomic_fetch_sub(&code_places_wanted, 1, __ATOMIC_RELAXED);
  }
  Incarnation* const current = incarnation_.load();
  if (current != nullptr) current->is_ending.store(true);
  Registry::process().unbind(this);
  bool complete = true;
  if (current != nullptr && current->pid == getpid()) {
    complete = current->pipeline->shutdown(deadline);
    // Last: what was measured up to the end is in it.
    if (current->publisher != nullptr) current->publisher->end();
  }
  return receipt(before, complete, std::chrono::steady_clock::now() - begin);
}

bool Collector::advance(Duration by) {
  if (manual_clock_ == nullptr) return false;
  manual_clock_->advance(by);
  Incarnation* const current = incarnation_.load();
  if (current != nullptr && current->pid == getpid() && !is_closed_.load()) {
    current->pipeline->look_again();
  }
  return true;
}

bool Collector::dump_recorder(std::optional<Duration> window) noexcept {
  Incarnation* current = incarnation_.load();
  if (current == nullptr || current->pid != getpid() || is_closed_.load()) return false;
  current->pipeline->dump_recorder(window);
  return true;
}

bool Collector::text(std::string_view name, std::string& found) const {
  Incarnation* current = incarnation_.load();
  if (current != nullptr && current->pid != getpid()) current = nullptr;
  found.clear();
  if (name == "service_name") {
    found = options_.pipeline.service_name;
  } else if (name == "directory") {
    found = options_.directory();
  } else if (name == "publish_directory") {
    found = options_.publication.directory;
  } else if (name == "instance_id") {
    if (current != nullptr) found = current->instance_id;
  } else if (name == "stats_file") {
    if (current != nullptr) found = current->pipeline->ledger().path();
  } else if (name == "last_error") {
    if (current != nullptr) found = current->pipeline->last_error();
  } else {
    return false;
  }
  return true;
}

}  // namespace forebay::engine
