#include "pipeline/metrics_intake.h"

#include <algorithm>
#include <new>

#include "base/diagnostics.h"

namespace forebay::pipeline {

using account::EmitName;
using account::IntakeName;
using account::NoteName;

namespace {

// Of what the store counts, and readers of the stats file see.
constexpr Duration kBetweenNotes = std::chrono::seconds{1};

SeverityCounts points_of(uint64_t points) noexcept {
  SeverityCounts counts;
  counts[SeverityClass::kUnspecified] = points;
  return counts;
}

}  // namespace

MetricsIntake::MetricsIntake(const MetricsOptions& options, const model::Resource& resource,
                             uint64_t max_bytes, uint8_t lane, std::atomic<uint32_t>& phase,
                             Intake& intake, account::Ledger& ledger, Books& books,
                             const TickSource& ticks)
    : options_(options),
      lane_(lane),
      intake_(intake),
      ledger_(ledger),
      books_(books),
      ticks_(ticks),
      store_(options.store, phase, ticks),
      encoder_(resource, options.max_batch_points, max_bytes,
               [this](encode::MetricRequest&& request) { take(request); }) {}

void MetricsIntake::begin_flush() noexcept { ++flush_; }

std::optional<MonotonicTime> MetricsIntake::next_due() const noexcept {
  return state_ == State::kObserving ? begun_ + options_.callback_timeout : next_;
}

void MetricsIntake::close() {
  const std::lock_guard lock(store_.collecting());
  store_.close();
  is_closed_ = true;
}

void MetricsIntake::begin(MonotonicTime now) {
  begun_ = now;
  since_ticks_ = ticks_.now();
  flush_begun_ = flush_;
  // From beginning to beginning; what was missed is not made up for.
  if (next_ && *next_ <= now) {
    const auto missed = (now - *next_) / options_.interval;
    *next_ += (missed + 1) * options_.interval;
  }
  if (const uint64_t late = observers_.ask(since_ticks_); late != 0) {
    ledger_.note(NoteName::kCallbacksLate, late);
  }
  state_ = State::kObserving;
}

MetricsIntake::Step MetricsIntake::step() {
  Step step;
  // After the last one there is nothing to collect, and its points would come too late to be sent.
  if (!store_.has_instruments() || is_final_) {
    flushed_ = flush_;
    return step;
  }
  const MonotonicTime now = ticks_.clock().now();
  if (!next_) next_ = now + options_.interval;
  if (now - noted_at_ >= kBetweenNotes) {
    noted_at_ = now;
    note_numbers();
  }
  if (state_ == State::kIdle && (now >= *next_ || flush_ != flushed_)) begin(now);
  if (state_ == State::kObserving) {
    const bool is_late = now - begun_ >= options_.callback_timeout;
    if (const uint64_t late = observers_.missing(); late == 0 || is_late) {
      // A scrape may have it for as long as it writes.
      const std::unique_lock lock(store_.collecting(), std::try_to_lock);
      if (lock.owns_lock()) {
        if (late != 0) ledger_.note(NoteName::kCallbacksLate, observers_.give_up());
        (void)store_.begin();
        is_last_ = is_closed_;
        state_ = State::kTurning;
      }
    }
  }
  if (state_ == State::kTurning) {
    const std::unique_lock lock(store_.collecting(), std::try_to_lock);
    if (lock.owns_lock() && store_.is_ready()) {
      step.batches = collect();
      is_final_ = is_last_;
      flushed_ = flush_begun_;
      state_ = State::kIdle;
    }
  }
  step.is_busy = state_ != State::kIdle || flush_ != flushed_;
  return step;
}

uint64_t MetricsIntake::collect() {
  ++collection_;
  batches_ = 0;
  is_whole_ = true;
  shown_since_ticks_ = since_ticks_;
  try {
    store_.collect(metrics::Reader::kPeriodic, ticks_.clock().wall_now(), since_ticks_, encoder_);
    encoder_.finish();
    note_numbers();
  } catch (const std::bad_alloc&) {
    // What was taken out of the series, and is in no request that was handed out.
    const uint64_t lost = encoder_.clear();
    count_drained(lost);
    ledger_.intake(IntakeName::kDroppedMemory, lane_, points_of(lost));
    warn("metrics_memory", "no memory for a collection; its points are counted as dropped{memory}");
    return batches_;
  }
  if (batches_ != 0 && is_whole_) books_.supersede(lane_, collection_);
  return batches_;
}

void MetricsIntake::count_drained(uint64_t points) {
  if (points == 0) return;
  // Only for this moment: each slot that is leased is a thread that may be killed in between.
  const account::ThreadCounters counters = ledger_.lease();
  counters.add(lane_, EmitName::kEmitted, SeverityClass::kUnspecified, points);
  ledger_.give_back(counters);
  ledger_.drained(lane_, points_of(points));
}

void MetricsIntake::take(const encode::MetricRequest& request) {
  count_drained(request.points);
  const auto let_go = [&](IntakeName name) {
    ledger_.intake(name, lane_, points_of(request.points));
  };
  if (drops_all_) {
    let_go(IntakeName::kDroppedShutdown);
    return;
  }
  try {
    auto body = intake_.compressor().compress(request.body.view());
    if (!body) throw std::bad_alloc();
    EncodedBatch batch;
    batch.id = intake_.next_batch_id();
    batch.signal = Signal::kMetrics;
    batch.lane = lane_;
    batch.codec = intake_.compressor().codec();
    batch.counts = points_of(request.points);
    batch.oldest = batch.newest = ticks_.clock().now();
    batch.oldest_wall = ticks_.clock().wall_now();
    batch.raw_bytes = request.body.size();
    batch.body = body.take();
    batch.collection = collection_;
    batch.can_be_superseded = request.is_cumulative;
    (void)books_.push(batch, batch.newest);
    ++batches_;
  } catch (const std::bad_alloc&) {
    let_go(IntakeName::kDroppedMemory);
    is_whole_ = false;
    warn("metrics_memory", "no memory for a batch of metrics; it is counted as dropped{memory}");
  }
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
  drops_all_ = true;
  if (!store_.has_instruments() || is_final_) return;
  const std::lock_guard lock(store_.collecting());
  (void)store_.begin();
  // Who is in the middle of a measurement now leaves it uncounted: there is no time left to wait.
  if (store_.is_ready()) (void)collect();
}

}  // namespace forebay::pipeline
