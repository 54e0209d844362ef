#include "pipeline/books.h"

#include <charconv>
#include <cstdlib>

namespace forebay::pipeline {
namespace {

using account::Place;
using account::RouteName;

constexpr uint32_t kRoute = 0;  // one route; several come with fan-out

RouteName name_of(backlog::LetGo reason) noexcept {
  switch (reason) {
    case backlog::LetGo::kLowerPriority:
      return RouteName::kDroppedLowerPriority;
    case backlog::LetGo::kExpired:
      return RouteName::kExpired;
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

}  // namespace

uint64_t batch_number(const BatchId& id) noexcept {
  const size_t dash = id.rfind('-');
  uint64_t number = 0;
  if (dash != BatchId::npos) {
    std::from_chars(id.data() + dash + 1, id.data() + id.size(), number);
  }
  return number;
}

void Books::depart(std::vector<backlog::Departure>& departures) {
  for (const backlog::Departure& departure : departures) {
    ledger_.end(kRoute, departure.batch.lane, departure.batch.counts, Place::kBacklog,
                unless_ambiguous(departure.batch, name_of(departure.reason)));
    outstanding_.remove(batch_number(departure.batch.id));
  }
  departures.clear();
}

bool Books::push(EncodedBatch& batch, MonotonicTime now) {
  const uint64_t number = batch_number(batch.id);
  const uint8_t lane = batch.lane;
  const SeverityCounts counts = batch.counts;
  std::vector<backlog::Departure> departures;
  const std::lock_guard lock(mutex_);
  const bool taken = backlog_.push(batch, now, departures);
  if (taken) {
    ledger_.batched(lane, counts);
    outstanding_.add(number);
  }
  depart(departures);
  return taken;
}

std::optional<EncodedBatch> Books::take(MonotonicTime now) {
  std::vector<backlog::Departure> departures;
  const std::lock_guard lock(mutex_);
  std::optional<EncodedBatch> batch = backlog_.take(now, departures);
  depart(departures);
  if (batch) ledger_.move(kRoute, batch->lane, batch->counts, Place::kBacklog, Place::kFlight);
  return batch;
}

bool Books::settle(std::vector<ship::Settlement>& settlements) {
  using Kind = ship::Settlement::Kind;
  bool freed = false;
  const std::lock_guard lock(mutex_);
  for (ship::Settlement& settlement : settlements) {
    const uint8_t lane = settlement.batch.lane;
    if (settlement.kind == Kind::kPutBack) {
      ledger_.move(kRoute, lane, settlement.records, Place::kFlight, Place::kBacklog);
      backlog_.put_back(std::move(settlement.batch));
      continue;
    }
    if (settlement.kind == Kind::kReplaced) {
      backlog_.replace(settlement.batch.id, settlement.parts);
      outstanding_.add(batch_number(settlement.batch.id), settlement.parts.size() - 1);
      ledger_.note(account::NoteName::kSplits, 1);
      continue;
    }
    ledger_.end(kRoute, lane, settlement.records, Place::kFlight, name_of(settlement));
    if (settlement.kind == Kind::kDelivered) {
      ledger_.note(account::NoteName::kBytesSentRaw, settlement.batch.raw_bytes);
      if (settlement.batch.body) {
        ledger_.note(account::NoteName::kBytesSentCompressed, settlement.batch.body->size());
      }
    }
    if (settlement.finishes) {
      backlog_.finish(settlement.batch.id);
      outstanding_.remove(batch_number(settlement.batch.id));
      freed = true;
    }
  }
  return freed;
}

void Books::drop_all() {
  const std::lock_guard lock(mutex_);
  for (const EncodedBatch& batch : backlog_.drain_all()) {
    ledger_.end(kRoute, batch.lane, batch.counts, Place::kBacklog,
                unless_ambiguous(batch, RouteName::kDroppedShutdown));
    outstanding_.remove(batch_number(batch.id));
  }
}

bool Books::is_clear_to(uint64_t number) const {
  const std::lock_guard lock(mutex_);
  return outstanding_.is_clear_to(number);
}

uint64_t Books::backlog_bytes() const {
  const std::lock_guard lock(mutex_);
  return backlog_.bytes();
}

bool Books::has_waiting() const {
  const std::lock_guard lock(mutex_);
  return backlog_.batches() != 0;
}

Books::Inside Books::inside(uint8_t lane) const {
  const std::lock_guard lock(mutex_);
  return {backlog_.waiting(lane), backlog_.in_flight(lane)};
}

Books::Held Books::audit(uint8_t lane) const {
  const std::lock_guard lock(mutex_);
  const account::Snapshot snapshot = ledger_.snapshot();
  const account::RouteLaneNumbers& numbers = snapshot.routes[kRoute][lane];
  const auto off = [](const SeverityCounts& books, const SeverityCounts& inside) {
    return static_cast<int64_t>(books.total()) - static_cast<int64_t>(inside.total());
  };
  // The absolute values: two errors must not hide one another.
  return {std::abs(off(numbers[Place::kBacklog], backlog_.waiting(lane))) +
          std::abs(off(numbers[Place::kFlight], backlog_.in_flight(lane))) +
          std::abs(snapshot.route_difference(kRoute, lane))};
}

}  // namespace forebay::pipeline
