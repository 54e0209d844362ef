// The books of everything from drain on: whole batches, one writer, steps that are wholly there or
// not at all.
//
// A step changes up to nine rows (a finished batch enters every route). It is written down before
// it is made: the rows' new values go to the journal, `sequence` becomes odd, the values are copied
// into the rows, `sequence` becomes even. Killed before the first store to `sequence`, the step was
// not made; killed after it, a reader makes it, by copying the journal's values once more. A reader
// of a living process's file takes `sequence` as a seqlock.
//
// Every store is a release, so each is visible only with those before it; on one thread that is
// also what a SIGKILL leaves behind.
#pragma once
#include <mutex>
#include <vector>

#include "account/losses.h"
#include "account/snapshot.h"
#include "account/stats_file.h"

namespace forebay::account {

class FlowBooks {
 public:
  explicit FlowBooks(StatsFile& file) : file_(file) {}

  void intake(IntakeName name, uint32_t lane, const SeverityCounts& records);
  void batched(uint32_t lane, const SeverityCounts& records);
  void move(uint32_t route, uint32_t lane, const SeverityCounts& records, Place from, Place to);
  void end(uint32_t route, uint32_t lane, const SeverityCounts& records, Place from,
           RouteName name);
  void recovered(uint32_t route, uint32_t lane, const SeverityCounts& records, Place to);

  // Fills in everything but the emit side.
  void read(Snapshot& snapshot) const;
  // Adds the names under which one lane loses records, on the first route.
  void add_losses(uint32_t lane, LaneLosses& losses) const;

 private:
  class Step;

  [[nodiscard]] uint64_t intake_row(uint32_t lane, IntakeName name) const noexcept;
  [[nodiscard]] uint64_t route_row(uint32_t route, uint32_t lane, RouteName name) const noexcept;
  [[nodiscard]] uint64_t place_row(uint32_t route, uint32_t lane, Place place) const noexcept;

  StatsFile& file_;
  mutable std::mutex mutex_;
};

}  // namespace forebay::account
