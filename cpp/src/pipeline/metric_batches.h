// From a collection to the backlog: points become batches of one lane.
//
// In the ledger a point is emitted, drained and batched with its batch, and one of Forebay's own is
// internal and batched: it is nowhere in between.
// The drain thread's, or a simulation's.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "account/ledger.h"
#include "base/encoded_batch.h"
#include "base/ticks.h"
#include "encode/otlp_metrics.h"
#include "pipeline/books.h"
#include "pipeline/intake.h"

namespace forebay::pipeline {

class MetricBatches {
 public:
  // `intake` names and compresses the batches. `is_internal`: the points are Forebay's own.
  MetricBatches(const model::Resource& resource, uint32_t max_points, uint64_t max_bytes,
                uint8_t lane, bool is_internal, Intake& intake, account::Ledger& ledger,
                Books& books, const TickSource& ticks);

  MetricBatches(const MetricBatches&) = delete;
  MetricBatches& operator=(const MetricBatches&) = delete;

  // One collection: whatever `collect` puts into the sink is in the backlog when it returns, or
  // counted as dropped{memory}. Says how many batches that were. What waits of earlier collections
  // goes where this one says all that they said.
  uint64_t take(const std::function<void(model::MetricSink&)>& collect);
  // Batches from elsewhere, of cut_ready_points(). False: one of them is dropped{memory}.
  bool send(std::vector<EncodedBatch> batches);
  // From here on what is collected is let go as dropped{shutdown}. Nothing is sent any more.
  void drop_all() noexcept { drops_all_ = true; }

 private:
  void hand_over(const encode::MetricRequest& request);
  // False: dropped{memory}. Its body may be missing for the same reason.
  bool push(EncodedBatch batch);
  // Points that are in no batch yet come, and go on.
  void count_new(uint64_t points);

  const uint8_t lane_;
  const bool is_internal_;
  Intake& intake_;
  account::Ledger& ledger_;
  Books& books_;
  const TickSource& ticks_;
  encode::MetricEncoder encoder_;

  uint64_t collection_ = 0;  // the number of the last one
  uint64_t batches_ = 0;     // of it, so far
  bool is_whole_ = true;     // and none was let go
  bool drops_all_ = false;
};

}  // namespace forebay::pipeline
