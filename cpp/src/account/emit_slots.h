// Leases the emit side's slots to threads.
//
// A slot that is given back keeps its numbers, and the next thread adds on: the sums over all slots
// are all that is ever read.
#pragma once
#include <atomic>
#include <mutex>
#include <vector>

#include "account/losses.h"
#include "account/snapshot.h"
#include "account/stats_file.h"
#include "account/thread_counters.h"

namespace forebay::account {

class EmitSlots {
 public:
  explicit EmitSlots(StatsFile& file);

  ThreadCounters lease() noexcept;
  void give_back(const ThreadCounters& counters) noexcept;

  // Adds every slot's counts to `lanes`, the end of a record's way before its beginning: all that
  // emit ended, then `emitted`. The loads of the former are acquire, so that none of the latter
  // moves before them; a record that is seen to have ended is then seen to have been emitted (its
  // thread counted it before it handed it over).
  void sum(std::vector<LaneNumbers>& lanes) const noexcept;
  // The same of one lane, of the names under which emit loses and refuses.
  void add_losses(uint32_t lane, LaneLosses& losses) const noexcept;

 private:
  void add_rows(std::vector<LaneNumbers>& lanes, size_t first_name, size_t last_name,
                std::memory_order order) const noexcept;
  void add_slot(const Cell* slot, std::vector<LaneNumbers>& lanes, size_t first_name,
                size_t last_name, std::memory_order order) const noexcept;

  StatsFile& file_;
  std::mutex mutex_;
  std::atomic<uint32_t> used_{0};  // slots that were ever leased
  std::vector<uint32_t> given_back_;
};

}  // namespace forebay::account
