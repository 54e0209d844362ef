#include "pipeline/metric_batches.h"

#include <new>

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
      encoder_(resource, max_points, max_bytes, [this](encode::MetricRequest&& request) {
        is_whole_ &=
            hand_over(request.body.view(), request.points, collection_, request.is_cumulative);
      }) {}

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

bool MetricBatches::send(ByteView request, uint64_t points) {
  return points == 0 || hand_over(request, points, 0, false);
}

bool MetricBatches::hand_over(ByteView request, uint64_t points, uint64_t collection,
                              bool is_cumulative) {
  count_new(points);
  const auto let_go = [&](IntakeName name) { ledger_.intake(name, lane_, points_of(points)); };
  if (drops_all_) {
    let_go(IntakeName::kDroppedShutdown);
    return true;
  }
  try {
    auto body = intake_.compressor().compress(request);
    if (!body) throw std::bad_alloc();
    EncodedBatch batch;
    batch.id = intake_.next_batch_id();
    batch.signal = Signal::kMetrics;
    batch.lane = lane_;
    batch.codec = intake_.compressor().codec();
    batch.counts = points_of(points);
    batch.oldest = batch.newest = ticks_.clock().now();
    batch.oldest_wall = ticks_.clock().wall_now();
    batch.raw_bytes = request.size();
    batch.body = body.take();
    batch.collection = collection;
    batch.can_be_superseded = is_cumulative;
    (void)books_.push(batch, batch.newest);
    ++batches_;
    return true;
  } catch (const std::bad_alloc&) {
    let_go(IntakeName::kDroppedMemory);
    warn("metrics_memory", "no memory for a batch of metrics; it is counted as dropped{memory}");
    return false;
  }
}

}  // namespace forebay::pipeline
