// What Forebay reports of itself as metrics: the whole ledger, how full the lanes are, what the
// exporters do. docs/monitoring.md lists them; names under otel.sdk are OpenTelemetry's, with
// exactly its meaning.
//
// All of a collection comes from one look at the ledger: what came in is what went out, was lost
// and is held, also in the metrics.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "metrics/instrument.h"
#include "model/metric_points.h"
#include "pipeline/health.h"

namespace forebay::pipeline {

// What came since the collection before: of streams with delta temporality.
class SelfDeltas {
 public:
  explicit SelfDeltas(WallTime start) : since_(start) {}

  [[nodiscard]] WallTime since() const noexcept { return since_; }
  // Of a count that only grows: what it was when it was told last. Throws std::bad_alloc.
  uint64_t& before(const std::string& series) { return before_[series]; }
  void end(WallTime now) noexcept { since_ = now; }

 private:
  WallTime since_;  // when the collection before was
  std::unordered_map<std::string, uint64_t> before_;
};

class SelfMetrics {
 public:
  // `look` may be called by any thread. `start`: when the counts began. Throws std::bad_alloc.
  SelfMetrics(std::function<Health()> look, metrics::TemporalityPreference temporality,
              WallTime start);

  // The periodic collection; one thread. Throws std::bad_alloc, and what the sink throws.
  void collect(WallTime now, model::MetricSink& sink);
  // What came together since the start. Any thread. Throws the same.
  void show(WallTime now, model::MetricSink& sink) const;

 private:
  const std::function<Health()> look_;
  // Interned here, before there are threads: not in the middle of a fork.
  const model::Scope& scope_;
  const metrics::TemporalityPreference temporality_;
  const WallTime start_;
  SelfDeltas deltas_;
};

}  // namespace forebay::pipeline
