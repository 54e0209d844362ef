#include "backlog/backlog.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <new>
#include <string>
#include <tuple>

namespace forebay::backlog {
namespace {

constexpr uint64_t kSmallest = 64u << 10;
constexpr size_t kMostLanes = 256;  // EncodedBatch::lane is one byte
// Shares are decimal fractions; their sum may miss 1 by rounding.
constexpr double kRounding = 1e-9;

Status lane_field(size_t lane, const std::string& field, const std::string& says) {
  return Status::invalid("backlog.lanes[" + std::to_string(lane) + "]." + field + ": " + says);
}

std::vector<LaneTurn> turns_of(const std::vector<LaneBacklogOptions>& lanes) {
  std::vector<LaneTurn> turns;
  turns.reserve(lanes.size());
  for (const LaneBacklogOptions& lane : lanes) turns.push_back(lane.turn);
  return turns;
}

// Room for one more, before anything is moved: push_back then cannot fail.
template <class T>
void reserve_one(std::vector<T>& vector) {
  if (vector.size() == vector.capacity()) vector.reserve(2 * vector.size() + 4);
}

uint64_t share_of(uint64_t bytes, double share) noexcept {
  return std::min(bytes, static_cast<uint64_t>(static_cast<double>(bytes) * share));
}

}  // namespace

Status BacklogOptions::validate() const {
  if (max_bytes < kSmallest) {
    return Status::invalid("backlog.max_bytes: " + std::to_string(max_bytes) +
                           " is not in 65536..");
  }
  if (!(stale_share >= 0.0 && stale_share <= 1.0)) {
    return Status::invalid("backlog.stale_share: " + std::to_string(stale_share) +
                           " is not in 0..1");
  }
  if (lanes.empty() || lanes.size() > kMostLanes) {
    return Status::invalid("backlog.lanes: " + std::to_string(lanes.size()) +
                           " lanes, not in 1..256");
  }
  double sum = 0;
  for (size_t i = 0; i < lanes.size(); ++i) {
    const LaneBacklogOptions& lane = lanes[i];
    // Written so that NaN is refused as well.
    if (!(lane.share >= 0.0 && lane.share <= 1.0)) {
      return lane_field(i, "share", std::to_string(lane.share) + " is not in 0..1");
    }
    if (lane.max_age && *lane.max_age <= Duration::zero()) {
      return lane_field(i, "max_age", std::to_string(lane.max_age->count()) + " ns is not above 0");
    }
    if (lane.turn.weight < 1 || lane.turn.weight > 100) {
      return lane_field(i, "turn.weight", std::to_string(lane.turn.weight) + " is not in 1..100");
    }
    sum += lane.share;
  }
  if (sum > 1.0 + kRounding) {
    return Status::invalid("backlog.lanes: the shares add up to " + std::to_string(sum) +
                           ", not to at most 1");
  }
  return Status::ok();
}

Backlog::Backlog(const BacklogOptions& options)
    : options_(options), turns_(turns_of(options.lanes)) {
  common_ = options_.max_bytes;
  lanes_.reserve(options_.lanes.size());
  for (const LaneBacklogOptions& lane : options_.lanes) {
    const uint64_t guaranteed = std::min(common_, share_of(options_.max_bytes, lane.share));
    common_ -= guaranteed;
    lanes_.push_back(Lane{.options = lane,
                          .guaranteed = guaranteed,
                          .used = 0,
                          .waiting = {},
                          .in_flight = {},
                          .returned = 0,
                          .stale_due = 0});
  }
}

uint64_t Backlog::over_share(const Lane& lane) const noexcept {
  return lane.used > lane.guaranteed ? lane.used - lane.guaranteed : 0;
}

int64_t Backlog::common_balance() const noexcept {
  uint64_t taken = 0;
  for (const Lane& lane : lanes_) taken += over_share(lane);
  // Below zero where a batch came back, or was split, into more than it had cost.
  return static_cast<int64_t>(common_) - static_cast<int64_t>(taken);
}

uint64_t Backlog::own_room(const Lane& lane) const noexcept {
  return lane.used < lane.guaranteed ? lane.guaranteed - lane.used : 0;
}

bool Backlog::can_ever_hold(const Lane& lane, uint64_t cost) const noexcept {
  return cost <= lane.guaranteed + common_;
}

bool Backlog::has_room(uint8_t lane, uint64_t cost_bytes) const noexcept {
  const uint64_t own = own_room(lanes_[lane]);
  return cost_bytes <= own || static_cast<int64_t>(cost_bytes - own) <= common_balance();
}

Backlog::Lane* Backlog::lowest_over_share_below(uint8_t lane) noexcept {
  for (size_t i = lanes_.size(); i-- > size_t{lane} + 1;) {
    if (over_share(lanes_[i]) > 0 && !lanes_[i].waiting.empty()) return &lanes_[i];
  }
  return nullptr;
}

bool Backlog::room_can_be_made(uint8_t lane, uint64_t cost) const noexcept {
  int64_t common = common_balance();
  for (size_t i = size_t{lane} + 1; i < lanes_.size(); ++i) {
    // Only what a lane has over its share is common; the rest of a batch frees that lane's own.
    uint64_t over = over_share(lanes_[i]);
    for (const Entry& entry : lanes_[i].waiting) {
      const uint64_t freed = std::min(over, entry.cost);
      common += static_cast<int64_t>(freed);
      over -= freed;
    }
  }
  const Lane& l = lanes_[lane];
  uint64_t left = l.used;
  if (l.options.on_full == OnBacklogFull::kEvictOldest) {
    for (const Entry& entry : l.waiting) left -= entry.cost;
  }
  const uint64_t over_left = left > l.guaranteed ? left - l.guaranteed : 0;
  common += static_cast<int64_t>(over_share(l) - over_left);
  const uint64_t own = left < l.guaranteed ? l.guaranteed - left : 0;
  return cost <= own || static_cast<int64_t>(cost - own) <= common;
}

bool Backlog::is_expired(const Lane& lane, const EncodedBatch& batch, MonotonicTime now) noexcept {
  return lane.options.max_age && now - batch.newest > *lane.options.max_age;
}

Backlog::Entry Backlog::remove_waiting(Lane& lane, size_t position) {
  const auto at = lane.waiting.begin() + static_cast<std::ptrdiff_t>(position);
  Entry entry = std::move(*at);
  lane.waiting.erase(at);
  if (entry.returned) --lane.returned;
  return entry;
}

// The place comes first: without memory for it, `entry` is as it was.
Backlog::Entry& Backlog::insert_waiting(Lane& lane, Entry&& entry) {
  lane.waiting.emplace_back();
  const auto last = std::prev(lane.waiting.end());
  if (entry.returned) ++lane.returned;
  const auto later = [](const Entry& a, const Entry& b) {
    return std::tie(a.order, a.batch.id) < std::tie(b.order, b.batch.id);
  };
  *last = std::move(entry);
  // New ones go to the end, and that is nearly all of them.
  if (last == lane.waiting.begin() || !later(*last, *std::prev(last))) return *last;
  const auto at = std::upper_bound(lane.waiting.begin(), last, *last, later);
  std::rotate(at, last, lane.waiting.end());
  return *at;
}

// Only where room_can_be_made().
void Backlog::make_room(uint8_t lane, uint64_t cost, std::vector<Departure>& departures) {
  while (!has_room(lane, cost)) {
    Lane* victim = lowest_over_share_below(lane);
    const LetGo reason = victim != nullptr ? LetGo::kLowerPriority : LetGo::kBacklogFull;
    if (victim == nullptr) victim = &lanes_[lane];
    reserve_one(departures);
    Entry entry = remove_waiting(*victim, 0);
    victim->used -= entry.cost;
    departures.push_back({std::move(entry.batch), reason});
  }
}

bool Backlog::holds(const EncodedBatch& batch, MonotonicTime now,
                    std::vector<Departure>& departures) {
  const Lane& lane = lanes_[batch.lane];
  const uint64_t cost = batch.cost_bytes();
  if (lane.options.on_full != OnBacklogFull::kHold) return false;
  if (is_expired(lane, batch, now) || !can_ever_hold(lane, cost)) return false;
  if (has_room(batch.lane, cost)) return false;
  expire(now, departures);
  return !has_room(batch.lane, cost) && !room_can_be_made(batch.lane, cost);
}

bool Backlog::push(EncodedBatch& batch, MonotonicTime now, std::vector<Departure>& departures) {
  reserve_one(departures);
  const uint8_t number = batch.lane;
  Lane& lane = lanes_[number];
  const uint64_t cost = batch.cost_bytes();
  if (is_expired(lane, batch, now)) {
    departures.push_back({std::move(batch), LetGo::kExpired});
    return true;
  }
  if (!can_ever_hold(lane, cost)) {
    departures.push_back({std::move(batch), LetGo::kBacklogFull});
    return true;
  }
  if (!has_room(number, cost)) expire(now, departures);
  if (!has_room(number, cost)) {
    if (!room_can_be_made(number, cost)) {
      if (lane.options.on_full == OnBacklogFull::kHold) return false;
      reserve_one(departures);
      departures.push_back({std::move(batch), LetGo::kBacklogFull});
      return true;
    }
    make_room(number, cost, departures);
  }
  Entry entry{arrivals_, cost, false, std::move(batch)};
  try {
    insert_waiting(lane, std::move(entry));
  } catch (const std::bad_alloc&) {
    batch = std::move(entry.batch);
    throw;
  }
  ++arrivals_;
  lane.used += cost;
  return true;
}

Backlog::Choice Backlog::choose(const Lane& lane) const noexcept {
  if (lane.options.order.value_or(options_.order) == Order::kOldestFirst) return {};
  if (lane.returned > 0) {
    const auto at = std::find_if(lane.waiting.begin(), lane.waiting.end(),
                                 [](const Entry& entry) { return entry.returned; });
    return {static_cast<size_t>(at - lane.waiting.begin()), lane.stale_due};
  }
  // One alone is the newest and the oldest: nothing is stale.
  if (lane.waiting.size() == 1) return {};
  const double due = lane.stale_due + options_.stale_share;
  if (due >= 1.0 - kRounding) return {0, due - 1.0};
  return {lane.waiting.size() - 1, due};
}

std::optional<EncodedBatch> Backlog::take(MonotonicTime now, std::vector<Departure>& departures) {
  const auto waits = [this](size_t i) { return !lanes_[i].waiting.empty(); };
  while (const std::optional<size_t> turn = turns_.next(waits)) {
    Lane& lane = lanes_[*turn];
    const Choice choice = choose(lane);
    if (is_expired(lane, lane.waiting[choice.position].batch, now)) {
      reserve_one(departures);
      Entry entry = remove_waiting(lane, choice.position);
      lane.used -= entry.cost;
      departures.push_back({std::move(entry.batch), LetGo::kExpired});
      continue;
    }
    EncodedBatch& taken = lane.waiting[choice.position].batch;
    if (!taken.first_sent) taken.first_sent = now;
    EncodedBatch batch = taken;
    reserve_one(lane.in_flight);
    lane.in_flight.push_back(remove_waiting(lane, choice.position));
    lane.stale_due = choice.stale_due;
    turns_.took(*turn, lane.in_flight.back().cost);
    return batch;
  }
  return std::nullopt;
}

std::pair<Backlog::Lane*, size_t> Backlog::find_in_flight(const BatchId& id) noexcept {
  for (Lane& lane : lanes_) {
    for (size_t i = 0; i < lane.in_flight.size(); ++i) {
      if (lane.in_flight[i].batch.id == id) return {&lane, i};
    }
  }
  return {nullptr, 0};
}

void Backlog::finish(const BatchId& id) {
  const auto [lane, position] = find_in_flight(id);
  assert(lane != nullptr);
  if (lane == nullptr) return;
  lane->used -= lane->in_flight[position].cost;
  lane->in_flight.erase(lane->in_flight.begin() + static_cast<std::ptrdiff_t>(position));
}

void Backlog::put_back(EncodedBatch batch) {
  const auto [lane, position] = find_in_flight(batch.id);
  assert(lane != nullptr);
  if (lane == nullptr) return;
  Entry& there = lane->in_flight[position];
  const uint64_t before = there.cost;
  Entry& waits = insert_waiting(*lane, {there.order, batch.cost_bytes(), true, std::move(batch)});
  lane->used += waits.cost - before;
  lane->in_flight.erase(lane->in_flight.begin() + static_cast<std::ptrdiff_t>(position));
}

const EncodedBatch* Backlog::put_back_next() {
  for (Lane& lane : lanes_) {
    if (lane.in_flight.empty()) continue;
    Entry& last = lane.in_flight.back();
    last.returned = last.batch.ambiguous = true;
    Entry& waits = insert_waiting(lane, std::move(last));
    lane.in_flight.pop_back();
    return &waits.batch;
  }
  return nullptr;
}

void Backlog::replace(const BatchId& id, const std::vector<EncodedBatch>& parts) {
  const auto [lane, position] = find_in_flight(id);
  assert(lane != nullptr);
  if (lane == nullptr) return;
  std::vector<Entry> entries;
  entries.reserve(parts.size());
  for (const EncodedBatch& part : parts) {
    entries.push_back({lane->in_flight[position].order, part.cost_bytes(), false, part});
  }
  lane->in_flight.reserve(lane->in_flight.size() + parts.size());
  lane->used -= lane->in_flight[position].cost;
  lane->in_flight.erase(lane->in_flight.begin() + static_cast<std::ptrdiff_t>(position));
  for (Entry& entry : entries) {
    lane->used += entry.cost;
    lane->in_flight.push_back(std::move(entry));
  }
}

void Backlog::expire(MonotonicTime now, std::vector<Departure>& departures) {
  for (Lane& lane : lanes_) {
    if (!lane.options.max_age) continue;
    for (size_t i = 0; i < lane.waiting.size();) {
      if (!is_expired(lane, lane.waiting[i].batch, now)) {
        ++i;
        continue;
      }
      reserve_one(departures);
      Entry entry = remove_waiting(lane, i);
      lane.used -= entry.cost;
      departures.push_back({std::move(entry.batch), LetGo::kExpired});
    }
  }
}

void Backlog::supersede(uint8_t number, uint64_t collection, std::vector<Departure>& departures) {
  Lane& lane = lanes_[number];
  for (size_t i = 0; i < lane.waiting.size();) {
    const EncodedBatch& batch = lane.waiting[i].batch;
    if (!batch.can_be_superseded || batch.collection >= collection) {
      ++i;
      continue;
    }
    reserve_one(departures);
    Entry entry = remove_waiting(lane, i);
    lane.used -= entry.cost;
    departures.push_back({std::move(entry.batch), LetGo::kSuperseded});
  }
}

std::optional<EncodedBatch> Backlog::drain_next() noexcept {
  for (Lane& lane : lanes_) {
    if (lane.waiting.empty()) continue;
    Entry entry = remove_waiting(lane, 0);
    lane.used -= entry.cost;
    return std::move(entry.batch);
  }
  return std::nullopt;
}

std::optional<EncodedBatch> Backlog::give_up_next() noexcept {
  for (Lane& lane : lanes_) {
    if (lane.in_flight.empty()) continue;
    Entry entry = std::move(lane.in_flight.back());
    lane.in_flight.pop_back();
    lane.used -= entry.cost;
    return std::move(entry.batch);
  }
  return std::nullopt;
}

}  // namespace forebay::backlog
