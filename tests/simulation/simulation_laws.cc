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

void Simulation::took(LyingRoute& route, const Arrival& arrival, const EncodedBatch& batch) {
  expect(arrival.id != 0 && arrival.id < emitted_.size(),
         "record " + std::to_string(arrival.id) + " arrived and was never emitted");
  const Emitted& emitted = emitted_[arrival.id];
  expect(emitted.lane == batch.lane, "a record stays in its lane");
  const std::string sent = pad_of(arrival.id, emitted.pad);
  expect(emitted.cut ? sent.starts_with(arrival.pad) : sent == arrival.pad,
         "record " + std::to_string(arrival.id) + " arrived as it was emitted");
  // Whichever destination of the route had it before.
  if (!route.taken.insert(arrival.id).second) {
    expect(route.was_ambiguous(batch.id), "record " + std::to_string(arrival.id) +
                                              " is sent twice on " + route.name +
                                              ", and the batch " + batch.id + " was answered");
    return;
  }
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
  const account::Snapshot snapshot = pipeline_->ledger().snapshot();
  const int64_t difference = law(snapshot);
  expect(difference == 0,
         std::string("after ") + after + " the law is off by " + std::to_string(difference));
  for (size_t r = 0; r < routes_.size(); ++r) {
    int64_t delivered = 0;
    for (size_t lane = 0; lane < snapshot.lanes.size(); ++lane) {
      delivered +=
          static_cast<int64_t>(snapshot.routes[r][lane][account::RouteName::kDelivered].total());
      expect(snapshot.route_difference(r, lane) == 0,
             std::string("after ") + after + " the law of " + routes_[r]->name + " does not hold");
    }
    expect(delivered <= static_cast<int64_t>(routes_[r]->taken.size()),
           std::string("after ") + after + " more is delivered than was taken");
  }
  if (steps_ % 32 == 0) check_numbers(after);
}

void Simulation::check_books(const char* after) {
  const pipeline::Audit audit = pipeline_->audit();
  expect(audit.exact, std::string("after ") + after + " nobody emits, and the audit is exact");
  expect(
      audit.balanced && audit.difference == 0,
      std::string("after ") + after + " the audit is off by " + std::to_string(audit.difference));
}

void Simulation::check_numbers(const char* after) {
  const std::map<std::string, int64_t> numbers = numbers_of(pipeline_->ledger().snapshot());
  const auto of = [&](const char* name) { return numbers.at(name); };
  const int64_t in = of("emitted") + of("internal") + of("recovered");
  const int64_t out = of("delivered") + of("sampled_out") + of("rate_limited") + of("refused") +
                      of("dropped") + of("expired") + of("rejected") + of("unknown") +
                      of("handed_over") + of("superseded") + of("held");
  expect(in == out,
         std::string("after ") + after + " the totals are off by " + std::to_string(in - out));
  for (const char* name : {"emitted", "refused.queue_full", "refused.block_timeout",
                           "refused.shutdown", "dropped.queue_full_newest"}) {
    expect(of(name) == counted_[name], std::string(name) + " is " + std::to_string(of(name)) +
                                           ", and " + std::to_string(counted_[name]) +
                                           " were counted here");
  }
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
  const std::map<std::string, int64_t> numbers = numbers_of(pipeline_->ledger().snapshot());
  const auto taken = static_cast<int64_t>(route.taken.size());
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

void Simulation::check_ended() {
  check_numbers("the end");
  for (const auto& route : routes_) check_route(*route);
  const std::map<std::string, int64_t> numbers = numbers_of(pipeline_->ledger().snapshot());
  expect(numbers.at("held") == 0, "nothing is held after a shutdown");
  for (const auto& route : routes_) {
    expect(numbers.at("routes." + route->name + ".held") == 0,
           "nothing is held on " + route->name + " after a shutdown");
  }
  for (size_t i = 0; i < options_.lanes.size(); ++i) {
    const queue::LaneQueue& queue = *pipeline_->lanes()[i].queue;
    expect(queue.room() == queue.slots(), "all room of " + options_.lanes[i].name +
                                              " is back: " + std::to_string(queue.room()) + " of " +
                                              std::to_string(queue.slots()));
  }
  expect(pipeline_->books().backlog_bytes() == 0, "the backlog costs nothing when it is empty");
}

}  // namespace forebay::simulation
