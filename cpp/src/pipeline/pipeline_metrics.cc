// What a pipeline has of metrics: their intake, beside that of log records on the drain thread.
#include <algorithm>

#include "pipeline/pipeline.h"

namespace forebay::pipeline {
namespace {

// A collection that waits for callbacks, or for a thread to come out of a measurement.
constexpr Duration kLookSoon = std::chrono::milliseconds{1};

}  // namespace

void Pipeline::make_metrics(const PipelineOptions& options) {
  std::atomic<uint32_t>* const phase =
      options.metrics->phase != nullptr ? options.metrics->phase : &metrics_phase_;
  metrics_ = std::make_unique<MetricsIntake>(
      *options.metrics, options.resource, options.batch.max_bytes,
      static_cast<uint8_t>(lanes_.size()), *phase, *intake_, *ledger_, *books_, ticks_);
}

Intake::Step Pipeline::drain(bool everything) {
  Intake::Step step = intake_->step(everything);
  if (metrics_ == nullptr) return step;
  const MetricsIntake::Step of_metrics = metrics_->step();
  step.batches += of_metrics.batches;
  metrics_are_busy_ = of_metrics.is_busy;
  return step;
}

bool Pipeline::is_drained() const noexcept {
  return intake_->is_flushed() && (metrics_ == nullptr || metrics_->is_flushed());
}

std::optional<MonotonicTime> Pipeline::next_due() const noexcept {
  std::optional<MonotonicTime> due = intake_->next_due();
  if (metrics_ == nullptr) return due;
  const auto sooner = [&](std::optional<MonotonicTime> other) {
    if (other && (!due || *other < *due)) due = other;
  };
  sooner(metrics_->next_due());
  if (metrics_are_busy_) sooner(ticks_.clock().now() + kLookSoon);
  return due;
}

}  // namespace forebay::pipeline
