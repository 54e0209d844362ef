// The bounded memory of finished batches that wait for the destination.
//
// Each lane has a share that no other can take; what nobody is guaranteed is common. Lanes are
// ordered by priority, 0 first. Knows batches, not records. Passive and not thread-safe: the
// pipeline holds its mutex around it.
//
// Where memory runs out it throws std::bad_alloc and has every batch that it had: a batch that it
// was to take is still the caller's, and those that had left are in `departures`.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/encoded_batch.h"
#include "base/lane_turns.h"
#include "base/status.h"

namespace forebay::backlog {

enum class OnBacklogFull : uint8_t {
  kHold,         // push() says no; the caller keeps the batch and tries again
  kEvictOldest,  // the lane's oldest batch that is not in flight goes, as many as it takes
};
enum class Order : uint8_t { kOldestFirst, kNewestFirst };

struct LaneBacklogOptions {
  double share = 0.0;  // of max_bytes, guaranteed to the lane; 0..1, all lanes together at most 1
  OnBacklogFull on_full = OnBacklogFull::kHold;
  std::optional<Duration> max_age;  // of a batch's newest record; older batches are expired
  LaneTurn turn = {};               // when it is sent, where other lanes wait too
  std::optional<Order> order = {};  // of this lane alone; nothing: BacklogOptions::order
};

struct BacklogOptions {
  // Most bytes of batches, in flight ones included. Unit: bytes, 64 KiB.. . A batch larger than
  // what its lane can ever have is let go as `backlog_full`.
  uint64_t max_bytes = 32u << 20;
  Order order = Order::kOldestFirst;  // in which a lane's batches are sent
  // With kNewestFirst: of the batches that a lane sends while others of it wait, at least this part
  // are its oldest, so that what piled up drains beside live data. 0..1; zero: the oldest go when
  // there is nothing newer, which may be never.
  double stale_share = 0.25;
  std::vector<LaneBacklogOptions> lanes;

  [[nodiscard]] Status validate() const;  // names the field, its value and the range
};

// Why a batch left without being sent.
enum class LetGo : uint8_t { kBacklogFull, kLowerPriority, kExpired, kSuperseded };
struct Departure {
  EncodedBatch batch;
  LetGo reason;
};

class Backlog {
 public:
  explicit Backlog(const BacklogOptions& options);

  // Takes the batch, or says false (kHold, and no room now): then `batch` is unchanged. Batches
  // that had to go for it are added to `departures`; the batch itself may be among them, and then
  // true is returned.
  //
  // Room is made in this order: what is too old goes; then the lowest lane below this one that is
  // over its share gives up its oldest (kLowerPriority); then this lane's own on_full. Nobody loses
  // anything for a batch that would not fit even then.
  bool push(EncodedBatch& batch, MonotonicTime now, std::vector<Departure>& departures);
  // Whether push() would say no. As push() does, it first lets what is too old go where room is
  // short.
  bool holds(const EncodedBatch& batch, MonotonicTime now, std::vector<Departure>& departures);
  // Whether push() of a batch of that cost would be taken now without anybody's loss.
  [[nodiscard]] bool has_room(uint8_t lane, uint64_t cost_bytes) const noexcept;

  // The next batch to send, marked in flight: strict lanes in their order, the others by weight, in
  // bytes; none starves (LaneTurns). Within a lane by `order`, but what came back from a failed
  // attempt first. Expired ones go to `departures`. Nothing where all is in flight or empty.
  std::optional<EncodedBatch> take(MonotonicTime now, std::vector<Departure>& departures);
  // The batch in flight ended for good (delivered, rejected, dropped …): its bytes are free.
  void finish(const BatchId& id);
  // The batch in flight comes back, to be sent again before younger ones. `batch` may carry news
  // (ambiguous, another codec); its id must be in flight.
  void put_back(EncodedBatch batch);
  // One batch in flight became several smaller ones (split after 413), all in flight.
  void replace(const BatchId& id, const std::vector<EncodedBatch>& parts);

  // Takes out batches whose max_age is over (not those in flight).
  void expire(MonotonicTime now, std::vector<Departure>& departures);
  // Takes out what waits of earlier collections and says nothing that this one does not say.
  void supersede(uint8_t lane, uint64_t collection, std::vector<Departure>& departures);
  // Where nobody knows any more what is under way: the next batch in flight waits again, to be sent
  // anew, as one that may have arrived. Null: none is in flight.
  const EncodedBatch* put_back_next();

  // Empty it at shutdown, one batch a call, without memory: what waits, and what is in flight.
  std::optional<EncodedBatch> drain_next() noexcept;
  std::optional<EncodedBatch> give_up_next() noexcept;

  [[nodiscard]] uint64_t bytes() const noexcept;
  [[nodiscard]] uint64_t bytes(uint8_t lane) const noexcept;
  [[nodiscard]] size_t batches() const noexcept;  // waiting, not in flight
  [[nodiscard]] bool empty() const noexcept;      // nothing waiting and nothing in flight
  // What is really inside, for audit(): counts by lane.
  [[nodiscard]] SeverityCounts waiting(uint8_t lane) const noexcept;
  [[nodiscard]] SeverityCounts in_flight(uint8_t lane) const noexcept;

 private:
  struct Entry {
    uint64_t order = 0;  // of arrival; the parts of a split batch keep the whole's
    uint64_t cost = 0;
    bool returned = false;  // came back from a failed attempt
    EncodedBatch batch;
  };
  struct Lane {
    LaneBacklogOptions options;
    uint64_t guaranteed = 0;       // bytes
    uint64_t used = 0;             // bytes, in flight included
    std::deque<Entry> waiting;     // by order, then id
    std::vector<Entry> in_flight;  // the sender has a copy
    size_t returned = 0;           // of those waiting
    double stale_due = 0;          // oldest batches owed to the stale share
  };

  [[nodiscard]] uint64_t over_share(const Lane& lane) const noexcept;
  [[nodiscard]] uint64_t own_room(const Lane& lane) const noexcept;
  [[nodiscard]] int64_t common_balance() const noexcept;
  [[nodiscard]] bool can_ever_hold(const Lane& lane, uint64_t cost) const noexcept;
  [[nodiscard]] Lane* lowest_over_share_below(uint8_t lane) noexcept;
  [[nodiscard]] bool room_can_be_made(uint8_t lane, uint64_t cost) const noexcept;
  void make_room(uint8_t lane, uint64_t cost, std::vector<Departure>& departures);
  [[nodiscard]] static bool is_expired(const Lane& lane, const EncodedBatch& batch,
                                       MonotonicTime now) noexcept;
  Entry remove_waiting(Lane& lane, size_t position);
  static Entry& insert_waiting(Lane& lane, Entry&& entry);
  struct Choice {
    size_t position = 0;
    double stale_due = 0;  // of the lane once it is sent
  };
  [[nodiscard]] Choice choose(const Lane& lane) const noexcept;
  std::pair<Lane*, size_t> find_in_flight(const BatchId& id) noexcept;

  BacklogOptions options_;
  std::vector<Lane> lanes_;
  LaneTurns turns_;
  uint64_t common_ = 0;  // bytes that no lane is guaranteed
  uint64_t arrivals_ = 0;
};

}  // namespace forebay::backlog
