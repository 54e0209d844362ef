#include "pipeline/metrics_intake.h"

#include <algorithm>
#include <new>
#include <utility>

namespace forebay::pipeline {

using account::NoteName;

namespace {

// Of what the store counts, and readers of the stats file see.
constexpr Duration kBetweenNotes = std::chrono::seconds{1};

}  // namespace

MetricsIntake::MetricsIntake(const MetricsOptions& options, uint8_t lane,
                             const MakeBatches& make_batches, std::function<Health()> look,
                             std::atomic<uint32_t>& phase, account::Ledger& ledger,
                             const TickSource& ticks)
    : options_(options),
      ledger_(ledger),
      ticks_(ticks),
      store_(options.store, phase, ticks),
      batches_(make_batches(lane, false)) {
  if (!options.reports_itself()) return;
  self_ = std::make_unique<SelfMetrics>(std::move(look), options.store.defaults.temporality,
                                        ticks.clock().wall_now());
  self_batches_ = make_batches(static_cast<uint8_t>(lane + 1), true);
}

void MetricsIntake::begin_flush(Duration time_left) noexcept {
  const MonotonicTime now = ticks_.clock().now();
  const bool is_first = flush_ == flushed_;
  ++flush_;
  flush_until_ = is_first ? now + time_left : std::min(flush_until_, now + time_left);
  // Another one has to come after the one under way.
  if (state_ == State::kObserving) give_up_at_ = std::min(give_up_at_, now + time_left / 4);
}

std::optional<MonotonicTime> MetricsIntake::next_due() const noexcept {
  return state_ == State::kObserving ? give_up_at_ : next_;
}

void MetricsIntake::close() {
  const std::lock_guard lock(store_.collecting());
  store_.close();
  is_closed_ = true;
}

MetricsIntake::Sent MetricsIntake::send(std::vector<EncodedBatch> batches) {
  if (refuses_) return Sent::kClosed;
  has_sent_ = true;
  return batches_->send(std::move(batches)) ? Sent::kTaken : Sent::kDroppedMemory;
}

void MetricsIntake::begin(MonotonicTime now, bool only_observes) {
  begun_ = now;
  only_observes_ = only_observes;
  observe_begun_ = observe_asked_.load(std::memory_order_acquire);
  give_up_at_ = now + options_.callback_timeout;
  if (flush_ != flushed_) {
    give_up_at_ = std::min(give_up_at_, now + std::max(flush_until_ - now, Duration::zero()) / 2);
  }
  since_ticks_ = ticks_.now();
  if (!only_observes) flush_begun_ = flush_;
  // From beginning to beginning; what was missed is not made up for.
  if (!only_observes && next_ && *next_ <= now) {
    const auto missed = (now - *next_) / options_.interval;
    *next_ += (missed + 1) * options_.interval;
  }
  failures_before_ = observers_.failures();
  has_late_ = false;
  count_late(observers_.ask(since_ticks_));
  state_ = State::kObserving;
}

void MetricsIntake::count_late(uint64_t late) {
  if (late == 0) return;
  ledger_.note(NoteName::kCallbacksLate, late);
  has_late_ = true;
}

void MetricsIntake::tally() {
  CollectionError error = CollectionError::kNone;
  if (observers_.failures() != failures_before_) error = CollectionError::kCallbackFailed;
  if (has_late_) error = CollectionError::kCallbackLate;
  collections_.count(error, ticks_.clock().now() - begun_);
}

MetricsIntake::Step MetricsIntake::step() {
  Step step;
  // After the last one there is nothing to collect, and its points would come too late to be sent.
  if (!has_something() || is_final_) {
    flushed_ = flush_;
    observed_.store(observe_asked_.load(std::memory_order_acquire), std::memory_order_release);
    return step;
  }
  const MonotonicTime now = ticks_.clock().now();
  if (!next_) next_ = now + options_.interval;
  if (now - noted_at_ >= kBetweenNotes) {
    noted_at_ = now;
    note_numbers();
  }
  if (state_ == State::kIdle && (now >= *next_ || flush_ != flushed_)) {
    begin(now, false);
  } else if (state_ == State::kIdle && observed_.load() != observe_asked_.load()) {
    begin(now, true);
  }
  if (state_ == State::kObserving) end_observing(now);
  if (state_ == State::kTurning) {
    const std::unique_lock lock(store_.collecting(), std::try_to_lock);
    if (lock.owns_lock() && store_.is_ready()) {
      step.batches = collect();
      tally();
      observed_.store(observe_begun_, std::memory_order_release);
      is_final_ = is_last_;
      flushed_ = flush_begun_;
      state_ = State::kIdle;
    }
  }
  step.is_busy =
      state_ != State::kIdle || flush_ != flushed_ || observed_.load() != observe_asked_.load();
  return step;
}

void MetricsIntake::end_observing(MonotonicTime now) {
  const uint64_t late = observers_.missing();
  if (late != 0 && now < give_up_at_) return;
  // A scrape may have it for as long as it writes.
  const std::unique_lock lock(store_.collecting(), std::try_to_lock);
  if (!lock.owns_lock()) return;
  if (late != 0) count_late(observers_.give_up());
  if (only_observes_) {
    store_.settle(since_ticks_);
    shown_since_ticks_ = since_ticks_;
    observed_.store(observe_begun_, std::memory_order_release);
    state_ = State::kIdle;
    return;
  }
  (void)store_.begin();
  is_last_ = is_closed_;
  state_ = State::kTurning;
}

uint64_t MetricsIntake::collect_store() {
  shown_since_ticks_ = since_ticks_;
  const uint64_t batches = batches_->take([this](model::MetricSink& sink) {
    store_.collect(metrics::Reader::kPeriodic, ticks_.clock().wall_now(), since_ticks_, sink);
  });
  note_numbers();
  return batches;
}

uint64_t MetricsIntake::collect() {
  uint64_t batches = collect_store();
  if (self_ != nullptr) {
    batches += self_batches_->take(
        [this](model::MetricSink& sink) { self_->collect(ticks_.clock().wall_now(), sink); });
  }
  return batches;
}

// What the store counted goes into the ledger, for readers of the file as well.
void MetricsIntake::note_numbers() {
  const metrics::Store::Numbers now = store_.numbers();
  const auto note = [&](NoteName name, uint64_t count, uint64_t before) {
    if (count != before) ledger_.note(name, count - before);
  };
  note(NoteName::kMeasurementsInvalid, now.invalid + now.clamped, noted_.invalid + noted_.clamped);
  note(NoteName::kMeasurementsMemory, now.out_of_memory, noted_.out_of_memory);
  note(NoteName::kCallbacksFailed, observers_.failures(), failures_noted_);
  failures_noted_ = observers_.failures();
  noted_ = now;
}

void MetricsIntake::drop_all() {
  note_numbers();
  batches_->drop_all();
  if (!store_.has_instruments() || is_final_) return;
  const std::lock_guard lock(store_.collecting());
  (void)store_.begin();
  // Who is in the middle of a measurement now leaves it uncounted: there is no time left to wait.
  if (store_.is_ready()) (void)collect_store();
}

}  // namespace forebay::pipeline
