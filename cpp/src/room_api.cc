#include "room_api.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <new>
#include <string_view>

#include "collector_handle.h"

// The handles keep where they belong: incarnations and their lanes are never freed.
struct forebay_waiter {
  forebay::engine::Incarnation* incarnation = nullptr;
  forebay::queue::LaneQueue* lane = nullptr;
  uint32_t index = 0;  // of the lane
  forebay::queue::Claim claim{};
  forebay::queue::Grant grant{};
};
struct forebay_grant {
  forebay::engine::Incarnation* incarnation = nullptr;
  forebay::queue::LaneQueue* lane = nullptr;
  forebay::queue::Grant grant{};
};

namespace forebay::engine {
namespace {

using queue::Claim;
using queue::RoomLine;

constexpr uint64_t kDefaultRecordBytes = 1024;
// What is set aside for one who waits. More would be kept from others for too long.
constexpr uint64_t kMostSetAside = queue::kMaxRunSlots;

struct Place {
  Incarnation* incarnation = nullptr;
  queue::LaneQueue* lane = nullptr;
  uint32_t index = 0;
};

int32_t find(forebay_collector* handle, forebay_string name, uint64_t records, Place& place) {
  auto& collector = *unwrap(handle);
  const auto& lanes = collector.options().pipeline.lanes;
  const std::string_view wanted(name.data == nullptr ? "" : name.data, name.size);
  const auto found =
      std::find_if(lanes.begin(), lanes.end(), [&](const auto& l) { return l.name == wanted; });
  if (found == lanes.end() || records == 0) return FOREBAY_INVALID_ARGUMENT;
  Registry::process().lock();
  place.incarnation = collector.activate();
  Registry::process().unlock();
  if (place.incarnation == nullptr) {
    return collector.is_closed() ? FOREBAY_CLOSED : FOREBAY_UNAVAILABLE;
  }
  place.index = static_cast<uint32_t>(found - lanes.begin());
  place.lane = place.incarnation->lanes[place.index];
  return FOREBAY_OK;
}

// What a disabled collector takes needs no room.
bool is_disabled(forebay_collector* handle) { return unwrap(handle)->options().is_disabled; }

// The calling thread's end of the lane; null where memory ran out.
queue::Producer* producer_of_this_thread(const Place& place) {
  ThreadBinding* binding = current_binding;
  if (binding == nullptr || binding->incarnation != place.incarnation) {
    binding = bind_thread(*place.incarnation);
  }
  return binding != nullptr ? binding->producer(place.index) : nullptr;
}

RoomLine::Time room_deadline(int64_t timeout_ns) {
  constexpr int64_t kForever = int64_t{10} * 365 * 86400 * 1'000'000'000;
  if (timeout_ns < 0 || timeout_ns > kForever) return RoomLine::Time::max();
  return std::chrono::steady_clock::now() + std::chrono::nanoseconds{timeout_ns};
}

int32_t code_of(RoomLine::Wait wait) {
  return wait == RoomLine::Wait::kRoom     ? FOREBAY_OK
         : wait == RoomLine::Wait::kClosed ? FOREBAY_CLOSED
                                           : FOREBAY_TIMED_OUT;
}

// In a forked child the line is its parent's.
bool is_here(const Incarnation& incarnation) {
  return !incarnation.is_abandoned.load(std::memory_order_acquire) && incarnation.pid == getpid();
}

}  // namespace

int32_t api_lane_wait(forebay_collector* collector, forebay_string name, uint64_t records,
                      int64_t timeout_ns) {
  if (is_disabled(collector)) return FOREBAY_OK;
  Place place;
  if (const int32_t code = find(collector, name, records, place); code != FOREBAY_OK) return code;
  if (records > place.lane->slots()) return FOREBAY_INVALID_ARGUMENT;
  Claim claim;
  claim.needed = claim.most = static_cast<uint32_t>(records);
  claim.only_looks = records > kMostSetAside;
  place.lane->ask_for_room();
  RoomLine& line = place.lane->line();
  const RoomLine::Wait wait = line.wait(claim, room_deadline(timeout_ns), false);
  if (claim.credits != 0) line.give(claim.credits);
  return code_of(wait);
}

int32_t api_lane_notify(forebay_collector* collector, forebay_string name, uint64_t records,
                        void (*notify)(void* context), void* context, forebay_waiter** waiter) try {
  *waiter = nullptr;
  if (is_disabled(collector)) {
    if (notify != nullptr) notify(context);
    return FOREBAY_OK;
  }
  Place place;
  if (const int32_t code = find(collector, name, records, place); code != FOREBAY_OK) return code;
  if (records > place.lane->slots() || notify == nullptr) return FOREBAY_INVALID_ARGUMENT;
  auto made = std::make_unique<forebay_waiter>();
  made->incarnation = place.incarnation;
  made->lane = place.lane;
  made->index = place.index;
  made->grant.is_bounded = false;
  made->claim.needed = made->claim.most = static_cast<uint32_t>(records);
  made->claim.only_looks = records > kMostSetAside;
  made->claim.notify = notify;
  made->claim.context = context;
  place.lane->ask_for_room();
  if (!place.lane->line().join(made->claim)) return FOREBAY_CLOSED;
  *waiter = made.release();
  return FOREBAY_OK;
} catch (const std::bad_alloc&) {
  return FOREBAY_UNAVAILABLE;
}

void api_lane_notify_use(forebay_waiter* waiter) {
  if (waiter == nullptr || !is_here(*waiter->incarnation)) return;
  const Place place{waiter->incarnation, waiter->lane, waiter->index};
  queue::Producer* const producer = producer_of_this_thread(place);
  if (producer != nullptr) waiter->lane->line().use(waiter->claim, waiter->grant, *producer);
}

void api_lane_notify_end(forebay_waiter* waiter) {
  const std::unique_ptr<forebay_waiter> ended(waiter);
  if (ended == nullptr || !is_here(*ended->incarnation)) return;
  ended->lane->line().leave(ended->claim);
  ended->lane->line().release(ended->grant);
}

int32_t api_lane_request(forebay_collector* collector, forebay_string name, uint64_t records,
                         uint64_t record_bytes, int64_t timeout_ns, forebay_grant** grant,
                         uint64_t* granted) try {
  *grant = nullptr;
  *granted = 0;
  if (is_disabled(collector)) {
    *granted = records;
    return FOREBAY_OK;
  }
  Place place;
  if (const int32_t code = find(collector, name, records, place); code != FOREBAY_OK) return code;
  queue::LaneQueue& lane = *place.lane;
  // A longer one is cut to what the lane takes.
  const uint64_t bytes = std::min<uint64_t>(record_bytes == 0 ? kDefaultRecordBytes : record_bytes,
                                            lane.largest_record());
  const uint32_t each = lane.credits_for(bytes);
  const uint64_t most = std::min<uint64_t>(records, lane.slots() / 2 / each);
  if (most == 0) return FOREBAY_INVALID_ARGUMENT;
  queue::Producer* const producer = producer_of_this_thread(place);
  if (producer == nullptr) return FOREBAY_UNAVAILABLE;
  auto made = std::make_unique<forebay_grant>();
  made->incarnation = place.incarnation;
  made->lane = &lane;
  made->grant.producer = producer;
  made->grant.credits_per_record = each;
  Claim claim;
  claim.needed = each;
  claim.most = static_cast<uint32_t>(most) * each;
  claim.grant = &made->grant;
  lane.ask_for_room();
  const RoomLine::Wait wait = lane.line().wait(claim, room_deadline(timeout_ns), false);
  if (wait != RoomLine::Wait::kRoom) return code_of(wait);
  *granted = lane.line().records_left(made->grant);
  *grant = made.release();
  return FOREBAY_OK;
} catch (const std::bad_alloc&) {
  return FOREBAY_UNAVAILABLE;
}

void api_grant_release(forebay_grant* grant) {
  const std::unique_ptr<forebay_grant> ended(grant);
  if (ended == nullptr || !is_here(*ended->incarnation)) return;
  ended->lane->line().release(ended->grant);
}

uint64_t api_grant_left(forebay_grant* grant) {
  if (grant == nullptr || !is_here(*grant->incarnation)) return 0;
  return grant->lane->line().records_left(grant->grant);
}

}  // namespace forebay::engine
