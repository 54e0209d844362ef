#include "account/snapshot.h"

#include <algorithm>
#include <map>

namespace forebay::account {
namespace {

constexpr size_t kEmittedIndex = static_cast<size_t>(EmitName::kEmitted);

// One severity class's, or (kAll) every class's part of a row.
constexpr size_t kAll = kSeverityClasses;
int64_t part(const SeverityCounts& row, size_t severity) noexcept {
  return static_cast<int64_t>(severity == kAll ? row.total() : row.by_class[severity]);
}

int64_t emit_ended(const LaneNumbers& lane, size_t severity) noexcept {
  int64_t sum = 0;
  for (size_t n = 0; n < kEmitNames; ++n) {
    if (n != kEmittedIndex) sum += part(lane.emit[n], severity);
  }
  return sum;
}

int64_t queued(const LaneNumbers& lane, size_t severity) noexcept {
  return part(lane[EmitName::kEmitted], severity) - emit_ended(lane, severity) -
         part(lane[IntakeName::kDrained], severity);
}

int64_t in_batches(const LaneNumbers& lane, size_t severity) noexcept {
  int64_t sum =
      part(lane[IntakeName::kInternal], severity) + part(lane[IntakeName::kDrained], severity);
  for (size_t n = static_cast<size_t>(IntakeName::kBatched); n < kIntakeNames; ++n) {
    sum -= part(lane.intake[n], severity);
  }
  return sum;
}

// The plain names, in the order in which they are shown.
constexpr std::array<std::string_view, 20> kPlainNames = {
    "emitted",  "internal", "recovered",  "delivered", "sampled_out", "rate_limited", "refused",
    "dropped",  "expired",  "rejected",   "unknown",   "handed_over", "superseded",   "held",
    "in_queue", "in_batch", "in_backlog", "in_spool",  "in_flight",   "batched"};
// Those that a route has.
constexpr std::array<std::string_view, 13> kRoutePlainNames = {
    "batched",     "recovered",  "delivered",  "dropped",  "expired",   "rejected", "unknown",
    "handed_over", "superseded", "in_backlog", "in_spool", "in_flight", "held"};

// Sums of names, reasons and what they are reasons of.
class Sums {
 public:
  void add(std::string_view name, int64_t n) {
    const size_t dot = name.find('.');
    if (dot == std::string_view::npos) {
      plain_[std::string(name)] += n;
    } else {
      plain_[std::string(name.substr(0, dot))] += n;
      reasons_[std::string(name)] += n;
    }
  }
  void add_held(std::string_view name, int64_t n) {
    add(name, n);
    add("held", n);
  }

  void add_intake(const LaneNumbers& lane, size_t severity) {
    for (size_t n = 0; n < kEmitNames; ++n) add(kEmitNameTexts[n], part(lane.emit[n], severity));
    for (size_t n = 0; n < kIntakeNames; ++n) {
      // Where a record goes on, not where it ends; "batched" is a name of its own.
      if (n == static_cast<size_t>(IntakeName::kDrained)) continue;
      add(kIntakeNameTexts[n], part(lane.intake[n], severity));
    }
    add_held("in_queue", queued(lane, severity));
    add_held("in_batch", in_batches(lane, severity));
  }
  void add_route(const RouteLaneNumbers& route, size_t severity) {
    for (size_t n = 0; n < kRouteNames; ++n) {
      add(kRouteNameTexts[n], part(route.names[n], severity));
    }
    for (size_t p = 0; p < kPlaces; ++p) {
      add_held(kPlaceTexts[p], part(route.places[p], severity));
    }
  }

  template <size_t N>
  void visit(const std::string& prefix, const std::array<std::string_view, N>& names,
             bool also_zero_reasons,
             const std::function<void(std::string_view, int64_t)>& visitor) const {
    for (const std::string_view name : names) {
      const auto found = plain_.find(std::string(name));
      visitor(prefix + std::string(name), found == plain_.end() ? 0 : found->second);
    }
    for (const auto& [name, n] : reasons_) {
      if (n != 0 || also_zero_reasons) visitor(prefix + name, n);
    }
  }

 private:
  std::map<std::string, int64_t> plain_;
  std::map<std::string, int64_t> reasons_;
};

}  // namespace

void LaneNumbers::settle() noexcept {
  for (size_t c = 0; c < kSeverityClasses; ++c) {
    const int64_t short_by = -queued(*this, c);
    ahead.by_class[c] = short_by > 0 ? static_cast<uint64_t>(short_by) : 0;
    emit[kEmittedIndex].by_class[c] += ahead.by_class[c];
  }
}

uint64_t LaneNumbers::in_queue() const noexcept {
  return static_cast<uint64_t>(std::max<int64_t>(queued(*this, kAll), 0));
}

uint64_t LaneNumbers::in_batch() const noexcept {
  return static_cast<uint64_t>(std::max<int64_t>(in_batches(*this, kAll), 0));
}

int64_t Snapshot::route_difference(size_t route, size_t lane) const noexcept {
  const RouteLaneNumbers& numbers = routes[route][lane];
  int64_t difference = part(lanes[lane][IntakeName::kBatched], kAll);
  for (size_t n = 0; n < kRouteNames; ++n) {
    const int64_t records = part(numbers.names[n], kAll);
    difference += n == static_cast<size_t>(RouteName::kRecovered) ? records : -records;
  }
  for (const SeverityCounts& place : numbers.places) difference -= part(place, kAll);
  return difference;
}

Snapshot::Represented Snapshot::represented() const noexcept {
  const auto note = [&](NoteName name) {
    return static_cast<int64_t>(notes[static_cast<size_t>(name)]);
  };
  Represented represented;
  represented.delivered = note(NoteName::kRepresentedDelivered);
  represented.lost = note(NoteName::kRepresentedLost);
  int64_t total = note(NoteName::kRepresentedRemainders) + static_cast<int64_t>(unclaimed);
  for (size_t l = 0; l < log_lanes; ++l) {
    const LaneNumbers& lane = lanes[l];
    total += part(lane[EmitName::kEmitted], kAll) - part(lane[EmitName::kSampledOut], kAll) +
             part(lane[EmitName::kExcessQueued], kAll);
    represented.lost += emit_ended(lane, kAll) - part(lane[EmitName::kSampledOut], kAll) +
                        part(lane[EmitName::kExcessEvicted], kAll);
  }
  represented.pending = total - represented.delivered - represented.lost;
  return represented;
}

// Totals, lanes and routes of the lanes [first, last).
void Snapshot::visit_lanes(
    const std::string& prefix, size_t first, size_t last,
    const std::function<void(std::string_view name, int64_t value)>& visitor) const {
  Sums all;
  for (size_t lane = first; lane < last; ++lane) {
    all.add_intake(lanes[lane], kAll);
    all.add_route(routes[0][lane], kAll);
  }
  all.visit(prefix, kPlainNames, true, visitor);
  for (size_t lane = first; lane < last; ++lane) {
    visit_lane(lane, prefix + "lanes." + lane_names[lane] + ".", visitor);
  }
  for (size_t route = 0; route < routes.size(); ++route) {
    visit_route(route, first, last, prefix + "routes." + route_names[route] + ".", visitor);
  }
}

void Snapshot::visit_lane(
    size_t lane, const std::string& prefix,
    const std::function<void(std::string_view name, int64_t value)>& visitor) const {
  Sums sums;
  sums.add_intake(lanes[lane], kAll);
  sums.add_route(routes[0][lane], kAll);
  sums.visit(prefix, kPlainNames, false, visitor);
}

void Snapshot::visit_lane(
    size_t lane, const std::function<void(std::string_view name, int64_t value)>& visitor) const {
  visit_lane(lane, "", visitor);
}

void Snapshot::visit_route(
    size_t route, size_t first, size_t last, const std::string& prefix,
    const std::function<void(std::string_view name, int64_t value)>& visitor) const {
  Sums sums;
  for (size_t lane = first; lane < last; ++lane) {
    sums.add("batched", part(lanes[lane][IntakeName::kBatched], kAll));
    sums.add_route(routes[route][lane], kAll);
  }
  sums.visit(prefix, kRoutePlainNames, false, visitor);
}

void Snapshot::visit_route(
    size_t route, const std::function<void(std::string_view name, int64_t value)>& visitor) const {
  visit_route(route, 0, log_lanes, "", visitor);
}

void Snapshot::visit(
    const std::function<void(std::string_view name, int64_t value)>& visitor) const {
  visit_lanes("", 0, log_lanes, visitor);
  for (size_t c = 0; c < kSeverityClasses; ++c) {
    Sums sums;
    for (size_t lane = 0; lane < log_lanes; ++lane) {
      sums.add_intake(lanes[lane], c);
      sums.add_route(routes[0][lane], c);
    }
    sums.visit("by_severity." + std::string(kSeverityClassNames[c]) + ".", kPlainNames, false,
               visitor);
  }
  if (log_lanes != lanes.size()) visit_lanes("metrics.", log_lanes, lanes.size(), visitor);
  for (size_t n = 0; n < kNotes; ++n) {
    visitor("notes." + std::string(kNoteTexts[n]), static_cast<int64_t>(notes[n]));
  }
  const Represented sums = represented();
  visitor("represented.delivered", sums.delivered);
  visitor("represented.lost", sums.lost);
  visitor("represented.pending", sums.pending);
}

}  // namespace forebay::account
