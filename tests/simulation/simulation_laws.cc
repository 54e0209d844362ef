// What must hold after every step of a simulation, and at its end.
#include "simulation.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include "model/site.h"
#include "model/truncate.h"

namespace forebay::simulation {
namespace {

using account::EmitName;
using account::IntakeName;
using queue::Admission;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Names that only grow.
const std::set<std::string> kFinal = {
    "emitted", "internal", "recovered", "delivered", "sampled_out", "rate_limited", "refused",
    "dropped", "expired",  "rejected",  "unknown",   "handed_over", "superseded"};

// The first law, from the rows themselves: what snapshot.visit() makes of them is checked apart.
int64_t law(const account::Snapshot& snapshot) {
  int64_t difference = 0;
  for (size_t lane = 0; lane < snapshot.lanes.size(); ++lane) {
    const account::LaneNumbers& numbers = snapshot.lanes[lane];
    const auto of = [](const SeverityCounts& counts) {
      return static_cast<int64_t>(counts.total());
    };
    difference += of(numbers[EmitName::kEmitted]) + of(numbers[IntakeName::kInternal]);
    for (size_t n = 1; n < account::kEmitNames; ++n) difference -= of(numbers.emit[n]);
    for (const IntakeName n : {IntakeName::kExpired, IntakeName::kDroppedShutdown,
                               IntakeName::kDroppedEncodeError, IntakeName::kDroppedMemory}) {
      difference -= of(numbers[n]);
    }
    difference -= static_cast<int64_t>(numbers.in_queue() + numbers.in_batch());
    const account::RouteLaneNumbers& route = snapshot.routes[0][lane];
    for (size_t n = 1; n < account::kRouteNames; ++n) difference -= of(route.names[n]);
    difference += of(route[account::RouteName::kRecovered]);
    for (const SeverityCounts& place : route.places) difference -= of(place);
  }
  return difference;
}

}  // namespace

void Simulation::expect(bool holds, const std::string& what) const {
  if (!holds) throw std::runtime_error(what + " (step " + std::to_string(steps_) + ")");
}

std::map<std::string, int64_t> Simulation::numbers() const {
  std::map<std::string, int64_t> numbers;
  collector_->stats([&](std::string_view name, int64_t n) { numbers[std::string(name)] = n; });
  return numbers;
}

account::Snapshot Simulation::snapshot() const {
  account::Snapshot snapshot = pipeline().ledger().snapshot();
  snapshot.unclaimed = incarnation_->gate->pending();
  return snapshot;
}

bool Simulation::samples_by_trace() const {
  return std::ranges::any_of(options_.sampling, [](const admit::SamplingRule& rule) {
    return rule.kind == admit::SamplingRule::Kind::kTraceRatio;
  });
}

void Simulation::took_gap(const Arrival& arrival, const EncodedBatch& batch) const {
  expect(options_.pipeline.lanes[batch.lane].gap_records,
         "a lane tells of its losses where it is to");
  const auto of = [&](const std::string& name) {
    const auto found = arrival.told.find(name);
    return found == arrival.told.end() ? 0 : found->second;
  };
  int64_t lost = 0;
  int64_t refused = 0;
  for (const auto& [name, n] : arrival.told) {
    if (name.starts_with("forebay.lost.") && name != "forebay.lost.total") lost += n;
    if (name.starts_with("forebay.refused.") && name != "forebay.refused.total") refused += n;
  }
  lost -= of("forebay.lost.since") + of("forebay.lost.until");
  expect(of("forebay.lost.since") <= of("forebay.lost.until"), "a gap ends after it begins");
  expect(lost == of("forebay.lost.total") && refused == of("forebay.refused.total"),
         "the reasons of a gap record add up to its totals");
  expect(lost + refused > 0, "no gap record where nothing was lost");
  const account::LaneLosses now = pipeline().books().losses(batch.lane);
  expect(lost <= static_cast<int64_t>(now.lost()) && refused <= static_cast<int64_t>(now.refused()),
         "a gap record tells of nothing that was not lost");
}

void Simulation::took(LyingRoute& route, const Arrival& arrival, const EncodedBatch& batch) {
  if (!arrival.kind.empty()) {
    if (arrival.kind == "gap") took_gap(arrival, batch);
    if (route.internals.insert(batch.id.substr(0, batch.id.find('.')) + arrival.content).second) {
      route.weight += arrival.weight();
    }
    return;
  }
  expect(arrival.id != 0 && arrival.id < emitted_.size(),
         "record " + std::to_string(arrival.id) + " arrived and was never emitted");
  const Emitted& emitted = emitted_[arrival.id];
  expect(emitted.may_arrive,
         "record " + std::to_string(arrival.id) + " arrived and was not accepted");
  expect(emitted.lane == batch.lane,
         "record " + std::to_string(arrival.id) + " is in the lane that the rules say");
  const std::string sent = pad_of(arrival.id, emitted.pad);
  expect(emitted.may_be_cut ? sent.starts_with(arrival.pad) : sent == arrival.pad,
         "record " + std::to_string(arrival.id) + " arrived as it was emitted");
  // Whichever destination of the route had it before.
  if (!route.taken.insert(arrival.id).second) {
    expect(route.was_ambiguous(batch.id), "record " + std::to_string(arrival.id) +
                                              " is sent twice on " + route.name +
                                              ", and the batch " + batch.id + " was answered");
    return;
  }
  route.weight += arrival.weight();
  // What the flight recorder released was emitted then.
  if (arrival.told.contains("forebay.flight_recorder")) return;
  expect(arrival.id > flushed_up_to_, "record " + std::to_string(arrival.id) +
                                          " arrives after a flush that waited for " +
                                          std::to_string(flushed_up_to_));
  if (!route.order_is_kept) return;
  uint64_t& newest = route.newest_taken[{emitted.thread, emitted.lane, emitted.scope}];
  expect(arrival.id > newest, "record " + std::to_string(arrival.id) + " arrives after " +
                                  std::to_string(newest) + " of the same thread");
  newest = arrival.id;
}

void Simulation::check(const char* after) {
  ++steps_;
  if (steps_ % audit_every_ == 0) check_books(after);
  const account::Snapshot snapshot = this->snapshot();
  const int64_t difference = law(snapshot);
  expect(difference == 0,
         std::string("after ") + after + " the law is off by " + std::to_string(difference));
  check_weights(snapshot, after);
  for (size_t r = 0; r < routes_.size(); ++r) {
    int64_t delivered = 0;
    for (size_t lane = 0; lane < snapshot.lanes.size(); ++lane) {
      delivered +=
          static_cast<int64_t>(snapshot.routes[r][lane][account::RouteName::kDelivered].total());
      expect(snapshot.route_difference(r, lane) == 0,
             std::string("after ") + after + " the law of " + routes_[r]->name + " does not hold");
    }
    expect(delivered <= routes_[r]->records(),
           std::string("after ") + after + " more is delivered than was taken");
  }
  if (steps_ % 32 == 0) check_numbers(after);
}

// Of counting rules: what was emitted is delivered, lost or pending, through what stands for it.
void Simulation::check_weights(const account::Snapshot& snapshot, const char* after) const {
  if (samples_by_trace()) return;  // right in expectation only
  int64_t emitted = 0;
  for (const account::LaneNumbers& lane : snapshot.lanes) {
    emitted += static_cast<int64_t>(lane[EmitName::kEmitted].total());
  }
  const account::Snapshot::Represented sums = snapshot.represented();
  const int64_t sum = sums.delivered + sums.lost + sums.pending;
  expect(sum == emitted && sums.pending >= 0,
         std::string("after ") + after + " the weights make " + std::to_string(sum) + " (" +
             std::to_string(sums.pending) + " pending) of " + std::to_string(emitted));
}

void Simulation::check_books(const char* after) {
  const pipeline::Audit audit = pipeline().audit();
  expect(audit.exact, std::string("after ") + after + " nobody emits, and the audit is exact");
  expect(
      audit.balanced && audit.difference == 0,
      std::string("after ") + after + " the audit is off by " + std::to_string(audit.difference));
}

void Simulation::check_numbers(const char* after) {
  const std::map<std::string, int64_t> numbers = this->numbers();
  const auto of = [&](const char* name) { return numbers.at(name); };
  const int64_t in = of("emitted") + of("internal") + of("recovered");
  const int64_t out = of("delivered") + of("sampled_out") + of("rate_limited") + of("refused") +
                      of("dropped") + of("expired") + of("rejected") + of("unknown") +
                      of("handed_over") + of("superseded") + of("held");
  expect(in == out,
         std::string("after ") + after + " the totals are off by " + std::to_string(in - out));
  const auto of_recorder = [&](const char* name) {
    return options_.pipeline.recorder.is_on() ? of(name) : 0;
  };
  for (const char* name :
       {"emitted", "sampled_out", "rate_limited", "refused.queue_full", "refused.block_timeout",
        "refused.shutdown", "dropped.queue_full_newest", "dropped.early_drop"}) {
    const bool is_emitted = std::string_view(name) == "emitted";
    const int64_t counted =
        counted_[name] + (is_emitted ? of_recorder("recorder.released") : int64_t{0});
    expect(of(name) == counted, std::string(name) + " is " + std::to_string(of(name)) + ", and " +
                                    std::to_string(counted) + " were counted here");
  }
  expect(of_recorder("recorder.recorded") == counted_["recorder.recorded"] &&
             of_recorder("recorder.recorded") ==
                 of_recorder("recorder.overwritten") + of_recorder("recorder.expired") +
                     of_recorder("recorder.released") + of_recorder("recorder.held"),
         std::string("after ") + after + " the flight recorder's own law does not hold");
  for (const auto& [name, n] : numbers) {
    if (name.starts_with("lanes.") || name.starts_with("by_severity.") ||
        name.starts_with("routes.") || !kFinal.contains(name.substr(0, name.find('.')))) {
      continue;
    }
    expect(n >= last_final_[name], name + " went back after " + after);
    last_final_[name] = n;
  }
}

void Simulation::check_route(const LyingRoute& route) {
  const std::map<std::string, int64_t> numbers = this->numbers();
  const int64_t taken = route.records();
  const int64_t delivered = numbers.at("routes." + route.name + ".delivered");
  const int64_t unknown = numbers.at("routes." + route.name + ".unknown");
  // Each record that it took is delivered or, where an answer was missing, unknown: it is in no
  // other place, and nothing that it took is called lost.
  expect(delivered <= taken, "what is delivered was taken");
  expect(taken <= delivered + unknown,
         "the destination took " + std::to_string(taken) + ", and the ledger says " +
             std::to_string(delivered) + " delivered and " + std::to_string(unknown) + " unknown");
  if (route.ambiguous_attempts() == 0) {
    expect(unknown == 0, "nothing is unknown where all was answered");
  }
}

// What gap records tell of: with it and what arrived, a receiver knows what was emitted.
void Simulation::check_losses() {
  if (routes_[0]->ambiguous_attempts() != 0) return;
  // Which records a partial success refused nobody says: weights are taken in proportion, and of
  // Forebay's own the last.
  if (routes_[0]->partial_successes() != 0) return;
  uint64_t known = routes_[0]->taken.size();
  for (size_t lane = 0; lane < options_.pipeline.lanes.size(); ++lane) {
    const account::LaneLosses losses = pipeline().books().losses(static_cast<uint8_t>(lane));
    known += losses.lost() + losses.refused();
  }
  const std::map<std::string, int64_t> numbers = this->numbers();
  const int64_t let_go = numbers.at("sampled_out") + numbers.at("rate_limited");
  expect(static_cast<int64_t>(known) + let_go == numbers.at("emitted"),
         std::to_string(known) + " records arrived or are known as lost, " +
             std::to_string(let_go) + " were let go by a rule, and " +
             std::to_string(numbers.at("emitted")) + " were emitted");
  expect(routes_[0]->weight == numbers.at("represented.delivered"),
         "what arrived stands for " + std::to_string(routes_[0]->weight) +
             ", and the ledger says " + std::to_string(numbers.at("represented.delivered")));
}

void Simulation::check_ended() {
  check_numbers("the end");
  for (const auto& route : routes_) check_route(*route);
  check_losses();
  const std::map<std::string, int64_t> numbers = this->numbers();
  expect(numbers.at("held") == 0, "nothing is held after a shutdown");
  for (const auto& route : routes_) {
    expect(numbers.at("routes." + route->name + ".held") == 0,
           "nothing is held on " + route->name + " after a shutdown");
  }
  for (size_t i = 0; i < options_.pipeline.lanes.size(); ++i) {
    const queue::LaneQueue& queue = *pipeline().lanes()[i].queue;
    expect(queue.room() == queue.slots(), "all room of " + options_.pipeline.lanes[i].name +
                                              " is back: " + std::to_string(queue.room()) + " of " +
                                              std::to_string(queue.slots()));
  }
  expect(pipeline().books().backlog_bytes() == 0, "the backlog costs nothing when it is empty");
}

}  // namespace forebay::simulation
