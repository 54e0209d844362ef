// What a pipeline has of metrics: their intake, beside that of log records on the drain thread.
#include <algorithm>
#include <new>
#include <thread>

#include "pipeline/pipeline.h"

namespace forebay::pipeline {
namespace {

// A collection that waits for callbacks, or for a thread to come out of a measurement.
constexpr Duration kLookSoon = std::chrono::milliseconds{1};

}  // namespace

void Pipeline::make_metrics(const PipelineOptions& options) {
  std::atomic<uint32_t>* const phase =
      options.metrics->phase != nullptr ? options.metrics->phase : &metrics_phase_;
  ready_limits_ = {.max_points = options.metrics->max_batch_points,
                   .max_bytes = options.batch.max_bytes,
                   .compress = options.compress};
  const auto make_batches = [&](uint8_t lane, bool is_internal) {
    return std::make_unique<MetricBatches>(options.resource, options.metrics->max_batch_points,
                                           options.batch.max_bytes, lane, is_internal, *intake_,
                                           *ledger_, *books_, ticks_);
  };
  metrics_ = std::make_unique<MetricsIntake>(
      *options.metrics, static_cast<uint8_t>(lanes_.size()), make_batches,
      [this] { return health(); }, *phase, *ledger_, ticks_);
}

MetricsIntake::Sent Pipeline::send_metrics(ByteView request, uint64_t points) {
  if (points == 0) return MetricsIntake::Sent::kTaken;
  // Not under the mutex: meanwhile nothing would be drained.
  auto batches = cut_ready_points(request, points, ready_limits_);
  if (!batches) throw std::bad_alloc();  // its points were counted before: there is no other reason
  const auto sent = [&] {
    const std::lock_guard lock(drain_mutex_);
    return metrics_->send(batches.take());
  }();
  delivery_->wake();
  return sent;
}

void Pipeline::observe(Duration longest) {
  // Longer than the callbacks have: the clock that they have it by may be set by hand.
  const auto deadline = std::chrono::steady_clock::now() +
                        std::min(metrics_->callback_timeout() + kLookSoon * 100, longest);
  if (!has_threads_.load(std::memory_order_acquire) || !metrics_->observers().has_some()) return;
  const uint64_t round = metrics_->ask_to_observe();
  drain_parker_.wake();
  for (Duration nap = kLookSoon / 20; !metrics_->has_observed(round);
       nap = std::min(2 * nap, kLookSoon)) {
    if (stopping_.load(std::memory_order_acquire)) return;
    if (std::chrono::steady_clock::now() >= deadline) return;
    std::this_thread::sleep_for(nap);
  }
}

Health Pipeline::health() const {
  Health health;
  health.ledger = ledger_->snapshot();
  for (size_t i = 0; i < lanes_.size(); ++i) {
    const queue::LaneQueue& queue = *lanes_[i].queue;
    const LanePressure& of_lane = pressure().lane(i);
    health.lanes.push_back({.slots = queue.slots(),
                            .fill = queue.fill(),
                            .state = of_lane.state(),
                            .time_to_full = of_lane.time_to_full()});
  }
  delivery_->look(health);
  health.collections = &metrics_->collections();
  health.memory_bytes = memory_bytes();
  health.backlog_bytes = books_->backlog_bytes();
  return health;
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
