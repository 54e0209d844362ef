// Tells the receiver what a lane lost: the first record of a batch that is finished after a loss.
//
// The numbers in it are those of the lane since the process began, by reason: whoever has the
// newest one has them all, also where one before it was lost. Records of Forebay's own are in none
// of them, so that the loss of a gap record is no reason for another (docs/ledger.md).
#pragma once
#include <cstdint>
#include <string_view>

#include "account/losses.h"
#include "base/clock.h"
#include "pipeline/internal_records.h"

namespace forebay::pipeline {

// One lane's. Passive: the drain thread looks at the books and tells it what it saw.
class GapRecords {
 public:
  explicit GapRecords(WallTime now) : seen_at_(now), since_(now), until_(now) {}

  // What was lost and refused up to `now`, in sum. (What was refused before there was a collector
  // is in the record's numbers, but is no reason for one.) The more often, the closer are the times
  // that the record names to those of the losses.
  void look(const account::LaneLosses& losses, WallTime now) noexcept;
  // Something was lost or refused of which no record told.
  [[nodiscard]] bool has_news() const noexcept {
    return lost_ != lost_told_ || refused_ != refused_told_;
  }
  // `losses`: those of the last look.
  [[nodiscard]] InternalRecord record(std::string_view lane,
                                      const account::LaneLosses& losses) const;
  // The record is in a batch.
  void told() noexcept {
    lost_told_ = lost_;
    refused_told_ = refused_;
  }

 private:
  uint64_t lost_ = 0;
  uint64_t refused_ = 0;
  uint64_t lost_told_ = 0;
  uint64_t refused_told_ = 0;
  WallTime seen_at_;  // the last look
  // The last look before the first of what is new, and the look that found the last of it: the
  // losses were between the two.
  WallTime since_;
  WallTime until_;
};

}  // namespace forebay::pipeline
