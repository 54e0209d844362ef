#include "account/ledger.h"

#include <unistd.h>

#include <algorithm>
#include <new>

#include "account/emit_slots.h"
#include "account/flow_books.h"
#include "account/stats_file.h"

namespace forebay::account {
namespace {

Status validate_names(const char* field, const std::vector<std::string>& names, size_t most) {
  if (names.empty() || names.size() > most) {
    return Status::invalid(std::string(field) + ": " + std::to_string(names.size()) +
                           " names are not in 1.." + std::to_string(most));
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string at = std::string(field) + "[" + std::to_string(i) + "]: ";
    if (names[i].empty() || names[i].size() > 200) {
      return Status::invalid(at + std::to_string(names[i].size()) + " bytes are not in 1..200");
    }
    if (std::find(names.begin(), names.begin() + static_cast<ptrdiff_t>(i), names[i]) !=
        names.begin() + static_cast<ptrdiff_t>(i)) {
      return Status::invalid(at + names[i] + " is there twice");
    }
  }
  return {};
}

StatsFileOptions file_options(const LedgerOptions& options, const Clock& clock) {
  StatsFileOptions file;
  file.directory = options.directory.empty() ? RunDirectory::by_default()
                                             : RunDirectory{options.directory, true};
  file.in_memory = options.in_memory;
  file.instance_id = options.instance_id;
  file.service_name = options.service_name;
  file.lanes = options.lanes;
  file.lanes.insert(file.lanes.end(), options.metric_lanes.begin(), options.metric_lanes.end());
  file.log_lanes = options.lanes.size();
  file.routes = options.routes;
  file.started = clock.wall_now();
  return file;
}

}  // namespace

Status LedgerOptions::validate() const {
  if (Status status = validate_names("lanes", lanes, kMaxLogLanes); !status) return status;
  if (!metric_lanes.empty()) {
    Status status = validate_names("metric_lanes", metric_lanes, kMaxMetricLanes);
    if (!status) return status;
  }
  return validate_names("routes", routes, kMaxRoutes);
}

struct Ledger::State {
  State(const LedgerOptions& options, const Clock& the_clock)
      : clock(the_clock),
        owner(::getpid()),
        log_lanes(options.lanes.size()),
        lanes(file_options(options, the_clock).lanes),
        routes(options.routes),
        file(file_options(options, the_clock)),
        slots(file),
        books(file) {}

  // A forked child must not touch the file, nor a mutex that a thread of the parent held.
  [[nodiscard]] bool is_ours() const noexcept { return ::getpid() == owner; }

  const Clock& clock;
  const pid_t owner;
  const size_t log_lanes;
  const std::vector<std::string> lanes;  // those of metric points behind the others
  const std::vector<std::string> routes;
  StatsFile file;
  EmitSlots slots;
  FlowBooks books;
};

Ledger::Ledger(std::unique_ptr<State> state) : state_(std::move(state)) {}
Ledger::~Ledger() = default;

std::unique_ptr<Ledger> Ledger::create(const LedgerOptions& options, const Clock& clock) {
  return std::unique_ptr<Ledger>(new Ledger(std::make_unique<State>(options, clock)));
}

ThreadCounters Ledger::lease() noexcept {
  return state_->is_ours() ? state_->slots.lease() : ThreadCounters{};
}

void Ledger::give_back(ThreadCounters counters) noexcept {
  if (state_->is_ours()) state_->slots.give_back(counters);
}

void Ledger::drained(uint32_t lane, const SeverityCounts& records) {
  state_->books.intake(IntakeName::kDrained, lane, records);
}

void Ledger::intake(IntakeName name, uint32_t lane, const SeverityCounts& records) {
  state_->books.intake(name, lane, records);
}

void Ledger::batched(uint32_t lane, const SeverityCounts& records) {
  state_->books.batched(lane, records);
}

void Ledger::move(uint32_t route, uint32_t lane, const SeverityCounts& records, Place from,
                  Place to) {
  state_->books.move(route, lane, records, from, to);
}

void Ledger::end(uint32_t route, uint32_t lane, const SeverityCounts& records, Place from,
                 RouteName name) {
  state_->books.end(route, lane, records, from, name);
}

void Ledger::recovered(uint32_t route, uint32_t lane, const SeverityCounts& records, Place to) {
  state_->books.recovered(route, lane, records, to);
}

void Ledger::note(NoteName name, uint64_t n) noexcept {
  state_->file.cells(state_->file.layout().notes)[static_cast<size_t>(name)].fetch_add(
      n, std::memory_order_relaxed);
}

void Ledger::gauges(uint32_t lane, const Gauges& now) noexcept {
  Cell* cells = state_->file.cells(state_->file.layout().gauges) + lane * kGaugeSlots;
  const auto put = [cells](GaugeName name, uint64_t value) {
    cells[static_cast<size_t>(name)].store(value, std::memory_order_relaxed);
  };
  put(GaugeName::kState, now.state);
  put(GaugeName::kFillPermille, now.fill_permille);
  put(GaugeName::kMsToFull, now.ms_to_full ? std::max<uint64_t>(*now.ms_to_full, 1) : 0);
}

void Ledger::heartbeat(WallTime now) noexcept {
  state_->file.header().heartbeat_wall_ns.store(now.time_since_epoch().count(),
                                                std::memory_order_relaxed);
}

Snapshot Ledger::snapshot() const {
  Snapshot snapshot;
  snapshot.lane_names = state_->lanes;
  snapshot.log_lanes = state_->log_lanes;
  snapshot.route_names = state_->routes;
  snapshot.lanes.resize(state_->lanes.size());
  snapshot.routes.assign(state_->routes.size(),
                         std::vector<RouteLaneNumbers>(state_->lanes.size()));
  // The far end first: what is seen to have left is then seen to have come.
  state_->books.read(snapshot);
  state_->slots.sum(snapshot.lanes);
  for (LaneNumbers& lane : snapshot.lanes) lane.settle();
  const Cell* notes = state_->file.cells(state_->file.layout().notes);
  for (size_t i = 0; i < kNotes; ++i) {
    snapshot.notes[i] = notes[i].load(std::memory_order_relaxed);
  }
  return snapshot;
}

LaneLosses Ledger::losses(uint32_t lane) const {
  LaneLosses losses;
  state_->books.add_losses(lane, losses);
  state_->slots.add_losses(lane, losses);
  return losses;
}

void Ledger::mark_ended() noexcept {
  if (!state_->is_ours()) return;
  for (uint32_t lane = 0; lane < state_->lanes.size(); ++lane) gauges(lane, {});
  StatsHeader& header = state_->file.header();
  header.ended_wall_ns.store(state_->clock.wall_now().time_since_epoch().count(),
                             std::memory_order_relaxed);
  header.state.store(static_cast<uint32_t>(RunState::kEnded), std::memory_order_release);
}

const std::string& Ledger::path() const noexcept { return state_->file.path(); }
const std::string& Ledger::warning() const noexcept { return state_->file.warning(); }

void Ledger::abandon_in_child() noexcept { state_->file.abandon_in_child(); }

}  // namespace forebay::account
