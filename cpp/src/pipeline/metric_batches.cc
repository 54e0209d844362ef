#include "pipeline/metric_batches.h"

#include <new>
#include <utility>

#include "base/diagnostics.h"

namespace forebay::pipeline {

using account::EmitName;
using account::IntakeName;

namespace {

SeverityCounts points_of(uint64_t points) noexcept {
  SeverityCounts counts;
  counts[SeverityClass::kUnspecified] = points;
  return counts;
}

}  // namespace

MetricBatches::MetricBatches(const model::Resource& resource, uint32_t max_points,
                             uint64_t max_bytes, uint8_t lane, bool is_internal, Intake& intake,
                             account::Ledger& ledger, Books& books, const TickSource& ticks)
    : lane_(lane),
      is_internal_(is_internal),
      intake_(intake),
      ledger_(ledger),
      books_(books),
      ticks_(ticks),
      encoder_(resource, max_points, max_bytes,
               [this](encode::MetricRequest&& request) { hand_over(request); }) {}

uint64_t MetricBatches::take(const std::function<void(model::MetricSink&)>& collect) {
  ++collection_;
  batches_ = 0;
  is_whole_ = true;
  try {
    collect(encoder_);
    encoder_.finish();
  } catch (const std::bad_alloc&) {
    // What was taken out of the series, and is in no request that was handed out.
    const uint64_t lost = encoder_.clear();
    count_new(lost);
    ledger_.intake(IntakeName::kDroppedMemory, lane_, points_of(lost));
    warn("metrics_memory", "no memory for a collection; its points are counted as dropped{memory}");
    return batches_;
  }
  if (batches_ != 0 && is_whole_) books_.supersede(lane_, collection_);
  return batches_;
}

void MetricBatches::count_new(uint64_t points) {
  if (points == 0) return;
  if (is_internal_) return ledger_.intake(IntakeName::kInternal, lane_, points_of(points));
  // Only for this moment: each slot that is leased is a thread that may be killed in between.
  const account::ThreadCounters counters = ledger_.lease();
  counters.add(lane_, EmitName::kEmitted, SeverityClass::kUnspecified, points);
  ledger_.give_back(counters);
  ledger_.drained(lane_, points_of(points));
}

bool MetricBatches::send(std::vector<EncodedBatch> batches) {
  bool is_whole = true;
  for (EncodedBatch& batch : batches) {
    count_new(batch.records());
    is_whole &= push(std::move(batch));
  }
  return is_whole;
}

void MetricBatches::hand_over(const encode::MetricRequest& request) {
  count_new(request.points);
  if (drops_all_) {
    ledger_.intake(IntakeName::kDroppedShutdown, lane_, points_of(request.points));
    return;
  }
  EncodedBatch batch;
  batch.signal = Signal::kMetrics;
  batch.codec = intake_.compressor().codec();
  batch.counts = points_of(request.points);
  batch.raw_bytes = request.body.size();
  batch.collection = collection_;
  batch.can_be_superseded = request.is_cumulative;
  if (auto body = intake_.compressor().compress(request.body.view())) batch.body = body.take();
  if (push(std::move(batch))) {
    ++batches_;
  } else {
    is_whole_ = false;
  }
}

bool MetricBatches::push(EncodedBatch batch) {
  const SeverityCounts counts = batch.counts;
  try {
    if (batch.body == nullptr) throw std::bad_alloc();
    batch.id = intake_.next_batch_id();
    batch.lane = lane_;
    batch.oldest = batch.newest = ticks_.clock().now();
    batch.oldest_wall = ticks_.clock().wall_now();
    (void)books_.push(batch, batch.newest);
    return true;
  } catch (const std::bad_alloc&) {
    ledger_.intake(IntakeName::kDroppedMemory, lane_, counts);
    warn("metrics_memory", "no memory for a batch of metrics; it is counted as dropped{memory}");
    return false;
  }
}

}  // namespace forebay::pipeline
