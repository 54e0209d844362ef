// What the drain thread and the ship thread share: the backlog and the ledger of what is in it.
//
// Every change of both is made under one mutex, so that at any moment the ledger says what is
// inside.
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
  Books(const backlog::BacklogOptions& options, account::Ledger& ledger)
      : backlog_(options), ledger_(ledger) {}

  // -- drain thread --
  // The backlog takes the batch, and the ledger writes it over from "in batch"; or false (hold).
  bool push(EncodedBatch& batch, MonotonicTime now);

  // -- ship thread --
  std::optional<EncodedBatch> take(MonotonicTime now);
  // True where room in the backlog became free.
  bool settle(std::vector<ship::Settlement>& settlements);
  void note(account::NoteName name, uint64_t count) noexcept { ledger_.note(name, count); }
  // At the end: all that waits is let go as dropped{shutdown}.
  void drop_all();

  // -- anyone --
  [[nodiscard]] bool is_clear_to(uint64_t number) const;
  [[nodiscard]] uint64_t backlog_bytes() const;
  [[nodiscard]] bool has_waiting() const;
  // What is really waiting and in flight, by lane.
  struct Inside {
    SeverityCounts waiting;
    SeverityCounts in_flight;
  };
  [[nodiscard]] Inside inside(uint8_t lane) const;
  // The ledger's lines for the places of a lane, held against what is really there, and its second
  // law.
  struct Held {
    int64_t difference = 0;  // in sum
  };
  [[nodiscard]] Held audit(uint8_t lane) const;

 private:
  void depart(std::vector<backlog::Departure>& departures);

  mutable std::mutex mutex_;
  backlog::Backlog backlog_;
  Outstanding outstanding_;
  account::Ledger& ledger_;
};

}  // namespace forebay::pipeline
