#include "pipeline/books.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <new>

namespace forebay::pipeline {
namespace {

using account::Place;
using account::RouteName;

RouteName name_of(backlog::LetGo reason) noexcept {
  switch (reason) {
    case backlog::LetGo::kLowerPriority:
      return RouteName::kDroppedLowerPriority;
    case backlog::LetGo::kExpired:
      return RouteName::kExpired;
    case backlog::LetGo::kSuperseded:
      return RouteName::kSuperseded;
    case backlog::LetGo::kBacklogFull:
      break;
  }
  return RouteName::kDroppedBacklogFull;
}

RouteName name_of(ship::Rejection rejection) noexcept {
  switch (rejection) {
    case ship::Rejection::kBadRequest:
      return RouteName::kRejectedBadRequest;
    case ship::Rejection::kTooLarge:
      return RouteName::kRejectedTooLarge;
    case ship::Rejection::kUnauthorized:
      return RouteName::kRejectedUnauthorized;
    case ship::Rejection::kPartialSuccess:
      return RouteName::kRejectedPartialSuccess;
    case ship::Rejection::kOther:
      break;
  }
  return RouteName::kRejectedOther;
}

RouteName name_of(const ship::Settlement& settlement) noexcept {
  switch (settlement.kind) {
    case ship::Settlement::Kind::kRejected:
      return name_of(settlement.rejection);
    case ship::Settlement::Kind::kTooLarge:
      return RouteName::kDroppedTooLarge;
    case ship::Settlement::Kind::kRetryExhausted:
      return RouteName::kDroppedRetryExhausted;
    case ship::Settlement::Kind::kUnknown:
      return RouteName::kUnknown;
    case ship::Settlement::Kind::kFailed:
      return RouteName::kDroppedEncodeError;
    default:
      break;
  }
  return RouteName::kDelivered;
}

// A batch that may have arrived is not lost for sure: it is unknown, whatever made us stop trying.
RouteName unless_ambiguous(const EncodedBatch& batch, RouteName name) noexcept {
  return batch.ambiguous ? RouteName::kUnknown : name;
}

// Of what a batch stands for, the part of some of its records: for a partial success, which does
// not say which records it refused, in proportion. The parts of a batch add up to the whole.
uint64_t represented_by(const EncodedBatch& batch, uint64_t records, bool from_the_end) noexcept {
  const auto first = [&](uint64_t count) {
    const uint64_t represented = batch.represented();
    const uint64_t of = std::max<uint64_t>(batch.records(), 1);
    return represented / of * count + represented % of * count / of;
  };
  if (records >= batch.records()) return batch.represented();
  return from_the_end ? batch.represented() - first(batch.records() - records) : first(records);
}

}  // namespace

uint64_t batch_number(const BatchId& id) noexcept {
  const size_t dash = id.rfind('-');
  uint64_t number = 0;
  if (dash != BatchId::npos) {
    std::from_chars(id.data() + dash + 1, id.data() + id.size(), number);
  }
  return number;
}

Books::Books(const std::vector<backlog::BacklogOptions>& routes, account::Ledger& ledger)
    : ledger_(ledger), internal_losses_(account::kMaxLanes), collections_(account::kMaxLanes) {
  for (const backlog::BacklogOptions& options : routes) routes_.emplace_back(options);
}

void Books::end(size_t route, const EncodedBatch& batch, const SeverityCounts& records, Place from,
                RouteName name) noexcept {
  ledger_.end(static_cast<uint32_t>(route), batch.lane, records, from, name);
  if (name == RouteName::kUnknown) unknown_ += records.total();
  if (route != 0 || batch.signal != Signal::kLogs) return;  // in totals the first route counts
  const bool is_delivered = name == RouteName::kDelivered;
  ledger_.note(
      is_delivered ? account::NoteName::kRepresentedDelivered : account::NoteName::kRepresentedLost,
      represented_by(batch, records.total(), !is_delivered));
  if (batch.internal == 0 || !account::is_loss(name)) return;
  // Where some of a batch's records are lost and nobody says which, those that were emitted are
  // taken first: what is left for Forebay's own is what must be theirs.
  const uint64_t emitted = batch.records() - std::min(batch.internal, batch.records());
  const uint64_t ended = records.total();
  internal_losses_[batch.lane].route[static_cast<size_t>(name)] += ended - std::min(ended, emitted);
}

account::LaneLosses Books::losses(uint8_t lane) const {
  const std::lock_guard lock(mutex_);
  account::LaneLosses losses = ledger_.losses(lane);
  const account::LaneLosses& internal = internal_losses_[lane];
  for (size_t n = 0; n < account::kIntakeNames; ++n) losses.intake[n] -= internal.intake[n];
  for (size_t n = 0; n < account::kRouteNames; ++n) losses.route[n] -= internal.route[n];
  return losses;
}

void Books::add_internal_losses(uint8_t lane, account::IntakeName name, uint64_t records) {
  const std::lock_guard lock(mutex_);
  internal_losses_[lane].intake[static_cast<size_t>(name)] += records;
}

void Books::depart(size_t route, std::vector<backlog::Departure>& departures) noexcept {
  for (const backlog::Departure& departure : departures) {
    end(route, departure.batch, departure.batch.counts, Place::kBacklog,
        unless_ambiguous(departure.batch, name_of(departure.reason)));
    routes_[route].outstanding.remove(batch_number(departure.batch.id));
  }
  departures.clear();
}

void Books::push_to(size_t route, const EncodedBatch& batch, MonotonicTime now,
                    std::vector<backlog::Departure>& departures) {
  auto& [backlog, outstanding] = routes_[route];
  EncodedBatch shared = batch;  // the bytes are the same for all
  const uint64_t number = batch_number(batch.id);
  outstanding.add(number);
  try {
    (void)backlog.push(shared, now, departures);
  } catch (const std::bad_alloc&) {
    outstanding.remove(number);
    throw;
  }
}

bool Books::push(EncodedBatch& batch, MonotonicTime now) {
  std::vector<backlog::Departure> departures;
  size_t route = 0;
  const std::lock_guard lock(mutex_);
  try {
    // All are asked before any has it: the ledger knows a batch as batched for every route, or
    // none.
    for (; route < routes_.size(); ++route) {
      const bool held = routes_[route].backlog.holds(batch, now, departures);
      depart(route, departures);
      if (held) return false;
    }
    push_to(route = 0, batch, now, departures);
  } catch (const std::bad_alloc&) {
    depart(route, departures);
    throw;
  }
  ledger_.batched(batch.lane, batch.counts);
  if (batch.signal == Signal::kLogs) {
    ledger_.note(account::NoteName::kRepresented, batch.represented());
  }
  depart(0, departures);
  for (route = 1; route < routes_.size(); ++route) {
    try {
      push_to(route, batch, now, departures);
    } catch (const std::bad_alloc&) {
      // Another route has it already, so this one cannot come again.
      end(route, batch, batch.counts, Place::kBacklog, RouteName::kDroppedMemory);
    }
    depart(route, departures);
  }
  return true;
}

std::optional<EncodedBatch> Books::take(size_t route, MonotonicTime now) {
  std::vector<backlog::Departure> departures;
  const std::lock_guard lock(mutex_);
  std::optional<EncodedBatch> batch;
  try {
    batch = routes_[route].backlog.take(now, departures);
  } catch (const std::bad_alloc&) {
    depart(route, departures);
    throw;
  }
  depart(route, departures);
  if (batch) {
    ledger_.move(static_cast<uint32_t>(route), batch->lane, batch->counts, Place::kBacklog,
                 Place::kFlight);
  }
  return batch;
}

void Books::supersede(uint8_t lane, uint64_t collection) {
  std::vector<backlog::Departure> departures;
  const std::lock_guard lock(mutex_);
  collections_[lane] = collection;
  for (size_t route = 0; route < routes_.size(); ++route) supersede_on(route, lane, departures);
}

void Books::supersede_on(size_t route, uint8_t lane, std::vector<backlog::Departure>& departures) {
  try {
    routes_[route].backlog.supersede(lane, collections_[lane], departures);
  } catch (const std::bad_alloc&) {
    // What is left waits on, and is sent.
  }
  depart(route, departures);
}

bool Books::expire(MonotonicTime now) {
  bool freed = false;
  std::vector<backlog::Departure> departures;
  const std::lock_guard lock(mutex_);
  for (size_t route = 0; route < routes_.size(); ++route) {
    try {
      routes_[route].backlog.expire(now, departures);
    } catch (const std::bad_alloc&) {
      depart(route, departures);
      throw;
    }
    freed |= !departures.empty();
    depart(route, departures);
  }
  return freed;
}

bool Books::settle(size_t route, std::vector<ship::Settlement>& settlements) {
  using Kind = ship::Settlement::Kind;
  const auto row = static_cast<uint32_t>(route);
  bool freed = false;
  const std::lock_guard lock(mutex_);
  auto& [backlog, outstanding] = routes_[route];
  for (ship::Settlement& settlement : settlements) {
    const uint8_t lane = settlement.batch.lane;
    if (settlement.kind == Kind::kPutBack) {
      backlog.put_back(std::move(settlement.batch));
      ledger_.move(row, lane, settlement.records, Place::kFlight, Place::kBacklog);
      if (collections_[lane] != 0) {
        // While it was under way a newer collection came.
        std::vector<backlog::Departure> departures;
        supersede_on(route, lane, departures);
      }
      continue;
    }
    if (settlement.kind == Kind::kReplaced) {
      backlog.replace(settlement.batch.id, settlement.parts);
      // Its number is there, so this needs no memory.
      outstanding.add(batch_number(settlement.batch.id), settlement.parts.size() - 1);
      ledger_.note(account::NoteName::kSplits, 1);
      continue;
    }
    end(route, settlement.batch, settlement.records, Place::kFlight, name_of(settlement));
    if (settlement.kind == Kind::kDelivered) {
      ledger_.note(account::NoteName::kBytesSentRaw, settlement.batch.raw_bytes);
      if (settlement.batch.body) {
        ledger_.note(account::NoteName::kBytesSentCompressed, settlement.batch.body->size());
      }
    }
    if (settlement.finishes) {
      backlog.finish(settlement.batch.id);
      outstanding.remove(batch_number(settlement.batch.id));
      freed = true;
    }
  }
  return freed;
}

void Books::put_all_back() {
  const std::lock_guard lock(mutex_);
  for (size_t route = 0; route < routes_.size(); ++route) {
    while (const EncodedBatch* batch = routes_[route].backlog.put_back_next()) {
      ledger_.move(static_cast<uint32_t>(route), batch->lane, batch->counts, Place::kFlight,
                   Place::kBacklog);
      ledger_.note(account::NoteName::kAmbiguousAttempts, 1);
    }
  }
}

void Books::give_up_in_flight() noexcept {
  const std::lock_guard lock(mutex_);
  for (size_t route = 0; route < routes_.size(); ++route) {
    while (const auto batch = routes_[route].backlog.give_up_next()) {
      end(route, *batch, batch->counts, Place::kFlight, RouteName::kUnknown);
      routes_[route].outstanding.remove(batch_number(batch->id));
    }
  }
}

void Books::drop_all() noexcept {
  const std::lock_guard lock(mutex_);
  for (size_t route = 0; route < routes_.size(); ++route) {
    while (const auto batch = routes_[route].backlog.drain_next()) {
      end(route, *batch, batch->counts, Place::kBacklog,
          unless_ambiguous(*batch, RouteName::kDroppedShutdown));
      routes_[route].outstanding.remove(batch_number(batch->id));
    }
  }
}

uint64_t Books::unknown() const {
  const std::lock_guard lock(mutex_);
  return unknown_;
}

bool Books::is_clear_to(uint64_t number) const {
  const std::lock_guard lock(mutex_);
  return std::all_of(routes_.begin(), routes_.end(),
                     [&](const Route& route) { return route.outstanding.is_clear_to(number); });
}

uint64_t Books::backlog_bytes() const {
  const std::lock_guard lock(mutex_);
  uint64_t bytes = 0;
  for (const Route& route : routes_) bytes += route.backlog.bytes();
  return bytes;
}

uint64_t Books::backlog_bytes(uint8_t lane) const {
  const std::lock_guard lock(mutex_);
  uint64_t bytes = 0;
  for (const Route& route : routes_) bytes += route.backlog.bytes(lane);
  return bytes;
}

bool Books::has_waiting() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(routes_.begin(), routes_.end(),
                     [](const Route& route) { return route.backlog.batches() != 0; });
}

bool Books::has_waiting(size_t route) const {
  const std::lock_guard lock(mutex_);
  return routes_[route].backlog.batches() != 0;
}

Books::Inside Books::inside(uint8_t lane) const {
  const std::lock_guard lock(mutex_);
  Inside inside;
  for (const Route& route : routes_) {
    inside.waiting += route.backlog.waiting(lane);
    inside.in_flight += route.backlog.in_flight(lane);
  }
  return inside;
}

Books::Held Books::audit(uint8_t lane) const {
  const std::lock_guard lock(mutex_);
  const account::Snapshot snapshot = ledger_.snapshot();
  const auto off = [](const SeverityCounts& books, const SeverityCounts& inside) {
    return std::abs(static_cast<int64_t>(books.total()) - static_cast<int64_t>(inside.total()));
  };
  // The absolute values: two errors must not hide one another.
  Held held;
  for (size_t route = 0; route < routes_.size(); ++route) {
    const account::RouteLaneNumbers& numbers = snapshot.routes[route][lane];
    const backlog::Backlog& backlog = routes_[route].backlog;
    held.difference += off(numbers[Place::kBacklog], backlog.waiting(lane)) +
                       off(numbers[Place::kFlight], backlog.in_flight(lane)) +
                       std::abs(snapshot.route_difference(route, lane));
  }
  return held;
}

}  // namespace forebay::pipeline
