// A lane: its options, its queue, and what the drain thread keeps for it.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admit/lane_rules.h"
#include "admit/token_bucket.h"
#include "backlog/backlog.h"
#include "base/clock.h"
#include "base/encoded_batch.h"
#include "batch/batcher.h"
#include "compress/batch_compressor.h"
#include "model/value.h"
#include "pipeline/flight_recorder.h"
#include "pipeline/gap_records.h"
#include "pipeline/loss_notice.h"
#include "pipeline/metrics_options.h"
#include "pipeline/pressure.h"
#include "pipeline/route.h"
#include "queue/lane_queue.h"
#include "ship/retry_options.h"

namespace forebay::pipeline {

struct LaneOptions {
  std::string name;
  admit::LaneRule rule;
  std::optional<admit::RateLimitOptions> rate_limit;
  queue::LaneQueueOptions queue;
  backlog::LaneBacklogOptions backlog;  // its max_age holds in the queue too, its turn in draining
  // After a loss the lane's next batch begins with a record that tells of it.
  bool gap_records = true;
  Watermarks watermarks;
};

// Everything that a pipeline is made from. Validated before it is given here.
struct PipelineOptions {
  std::string service_name;
  std::string instance_id;
  std::string run_directory;  // of the stats file; empty: account::run_directory()
  bool ledger_in_memory = false;
  model::Resource resource;
  std::vector<LaneOptions> lanes;
  batch::BatchOptions batch;
  compress::CompressOptions compress;
  uint64_t backlog_max_bytes = 32u << 20;
  backlog::Order backlog_order = backlog::Order::kOldestFirst;
  double backlog_stale_share = 0.25;
  ship::RetryOptions retry;
  ship::BreakerOptions breaker;
  std::vector<RouteOptions> routes{1};  // at least one
  RecorderOptions recorder;
  std::optional<MetricsOptions> metrics;  // nothing: there are no metrics, nor a lane for them
  uint64_t seed = 0;                      // of the jitter in waits; 0: the system's entropy
};

struct Lane {
  std::string name;
  std::optional<Duration> max_age;
  std::unique_ptr<queue::LaneQueue> queue;
  batch::Batcher batcher;
  // A finished batch that the backlog had no room for (`hold`): still "in batch" for the ledger.
  std::optional<EncodedBatch> waiting;
  uint64_t internal_in_batch = 0;  // of the batcher's records: those of Forebay's own
  std::optional<GapRecords> gaps;  // nothing: they are switched off
  LossNotice loss_notice;
  bool was_short = false;  // emit found no room, since the last look at the pressure
};

}  // namespace forebay::pipeline
