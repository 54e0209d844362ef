// What the drain thread and the ship thread share: each route's backlog, and the ledger of what is
// in them.
//
// Every change of both is made under one mutex, so that at any moment the ledger says what is
// inside. One for all routes: a finished batch enters all of them in one step.
#pragma once
#include <mutex>
#include <string_view>
#include <vector>

#include "account/ledger.h"
#include "backlog/backlog.h"
#include "pipeline/outstanding.h"
#include "ship/shipper.h"

namespace forebay::pipeline {

// The number in a batch id "<instance id>-<number>[.0|.1]*".
uint64_t batch_number(const BatchId& id) noexcept;

class Books {
 public:
  // One backlog a route, in the ledger's order of routes.
  Books(const std::vector<backlog::BacklogOptions>& routes, account::Ledger& ledger);

  [[nodiscard]] size_t routes() const noexcept { return routes_.size(); }

  // -- drain thread --
  // Every route's backlog takes the batch, and the ledger writes it over from "in batch"; or false
  // where one of them holds: then none has it.
  bool push(EncodedBatch& batch, MonotonicTime now);
  // All batches of that collection were pushed: what waits of earlier ones, and says nothing that
  // it does not say, goes.
  void supersede(uint8_t lane, uint64_t collection);
  // What the lane lost and refused of what was emitted, on the first route: without records of
  // Forebay's own.
  [[nodiscard]] account::LaneLosses losses(uint8_t lane) const;
  // Of what the lane lost under that name before a batch was finished, that many were Forebay's
  // own.
  void add_internal_losses(uint8_t lane, account::IntakeName name, uint64_t records);

  // -- ship thread --
  std::optional<EncodedBatch> take(size_t route, MonotonicTime now);
  // True where room in the route's backlog became free.
  bool settle(size_t route, std::vector<ship::Settlement>& settlements);
  // Lets go of what is too old, on every route. True where room became free.
  bool expire(MonotonicTime now);
  void note(account::NoteName name, uint64_t count) noexcept { ledger_.note(name, count); }
  // Memory ran out on the way to the destination, and nobody knows any more what is under way:
  // everything in flight waits again, as what may have arrived.
  void put_all_back();
  // At the end: what is still in flight may have arrived, and is unknown.
  void give_up_in_flight() noexcept;
  // At the end: all that waits is let go as dropped{shutdown}.
  void drop_all() noexcept;

  // -- anyone --
  // Whether no route has a batch of that number or a lower one.
  [[nodiscard]] bool is_clear_to(uint64_t number) const;
  // Of all routes. A batch that waits on two of them counts twice, though its bytes are shared.
  [[nodiscard]] uint64_t backlog_bytes() const;
  [[nodiscard]] uint64_t backlog_bytes(uint8_t lane) const;
  [[nodiscard]] bool has_waiting() const;
  [[nodiscard]] bool has_waiting(size_t route) const;
  [[nodiscard]] uint64_t unknown() const;  // records that ended so, ever, on all routes
  // What is really waiting and in flight, by lane, on all routes.
  struct Inside {
    SeverityCounts waiting;
    SeverityCounts in_flight;
  };
  [[nodiscard]] Inside inside(uint8_t lane) const;
  // The ledger's lines for the places of a lane, held against what is really there, and the second
  // law of each route.
  struct Held {
    int64_t difference = 0;  // in sum
  };
  [[nodiscard]] Held audit(uint8_t lane) const;

 private:
  struct Route {
    explicit Route(const backlog::BacklogOptions& options) : backlog(options) {}
    backlog::Backlog backlog;
    Outstanding outstanding;
  };

  void push_to(size_t route, const EncodedBatch& batch, MonotonicTime now,
               std::vector<backlog::Departure>& departures);
  void supersede_on(size_t route, uint8_t lane, std::vector<backlog::Departure>& departures);
  void depart(size_t route, std::vector<backlog::Departure>& departures) noexcept;
  // Ends records of the batch on a route, and with them what they stand for.
  void end(size_t route, const EncodedBatch& batch, const SeverityCounts& records,
           account::Place from, account::RouteName name) noexcept;

  mutable std::mutex mutex_;
  std::vector<Route> routes_;
  account::Ledger& ledger_;
  // By lane: how many of those that the ledger calls lost on the first route were Forebay's own.
  std::vector<account::LaneLosses> internal_losses_;
  uint64_t unknown_ = 0;
  // By lane: the last collection that was pushed whole.
  std::vector<uint64_t> collections_;
};

}  // namespace forebay::pipeline
