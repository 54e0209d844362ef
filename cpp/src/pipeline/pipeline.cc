#include "pipeline/pipeline.h"

#include <pthread.h>

#include <algorithm>
#include <new>
#include <system_error>

#include "base/diagnostics.h"
#include "base/signals_blocked.h"

namespace forebay::pipeline {
namespace {

constexpr Duration kShortestNap = std::chrono::microseconds{50};
constexpr Duration kLongestNap = std::chrono::milliseconds{100};
constexpr Duration kShipNap = std::chrono::seconds{1};
constexpr Duration kWaitForMemory = std::chrono::milliseconds{10};

}  // namespace

Result<std::unique_ptr<Pipeline>> Pipeline::create(const PipelineOptions& options,
                                                   std::unique_ptr<ship::Exporter> exporter,
                                                   const Clock* clock) {
  std::vector<Route::Exporters> exporters(1);
  exporters[0].push_back(std::move(exporter));
  return create(options, std::move(exporters), clock);
}

Result<std::unique_ptr<Pipeline>> Pipeline::create(const PipelineOptions& options,
                                                   std::vector<Route::Exporters> exporters,
                                                   const Clock* clock) {
  std::unique_ptr<Pipeline> pipeline(new Pipeline(options, clock));
  account::LedgerOptions ledger;
  ledger.directory = options.run_directory;
  ledger.instance_id = options.instance_id;
  ledger.service_name = options.service_name;
  ledger.in_memory = options.ledger_in_memory;
  std::vector<backlog::BacklogOptions> backlogs;
  uint64_t smallest_backlog = options.backlog_max_bytes;
  for (size_t r = 0; r < options.routes.size(); ++r) {
    ledger.routes.push_back(options.routes[r].name);
    backlogs.push_back(route_backlog(options, r));
    smallest_backlog = std::min(smallest_backlog, backlogs.back().max_bytes);
  }
  double common = 1.0;
  for (const LaneOptions& lane : options.lanes) common -= lane.backlog.share;
  for (const LaneOptions& lane : options.lanes) {
    // A batch must fit what its lane may have of the backlog, or it could only be let go: with room
    // for two, one can be sent while the next waits.
    batch::BatchOptions batch = options.batch;
    const double reach =
        (lane.backlog.share + std::max(common, 0.0)) * static_cast<double>(smallest_backlog) / 2;
    batch.max_bytes = std::clamp<uint64_t>(static_cast<uint64_t>(reach), 1024, batch.max_bytes);
    ledger.lanes.push_back(lane.name);
    auto queue =
        queue::LaneQueue::create(lane.queue, static_cast<uint32_t>(pipeline->lanes_.size()));
    if (!queue) return queue.status();
    pipeline->lanes_.push_back({lane.name,
                                lane.backlog.max_age,
                                queue.take(),
                                batch::Batcher(batch),
                                {},
                                0,
                                {},
                                {},
                                false});
    if (lane.gap_records) {
      pipeline->lanes_.back().gaps.emplace(pipeline->ticks_.clock().wall_now());
    }
  }
  if (options.metrics) ledger.metric_lanes = options.metrics->lane_names();
  pipeline->ledger_ = account::Ledger::create(ledger, pipeline->ticks_.clock());
  if (!pipeline->ledger_->warning().empty()) warn("ledger", pipeline->ledger_->warning());
  pipeline->books_ = std::make_unique<Books>(backlogs, *pipeline->ledger_);
  pipeline->intake_ = std::make_unique<Intake>(options, pipeline->lanes_, *pipeline->ledger_,
                                               *pipeline->books_, pipeline->ticks_);
  if (options.metrics) pipeline->make_metrics(options);
  if (options.recorder.is_on()) {
    auto recorder = FlightRecorder::create(options.recorder, pipeline->ticks_);
    if (!recorder) return recorder.status();
    pipeline->recorder_ = recorder.take();
    pipeline->intake_->set_recorder(pipeline->recorder_.get());
  }
  pipeline->delivery_ = std::make_unique<Delivery>(
      options.routes, std::move(exporters), options.retry, options.breaker,
      options.seed != 0 ? Random(options.seed) : Random::from_system(), *pipeline->books_,
      pipeline->ticks_.clock());
  for (Lane& lane : pipeline->lanes_) {
    lane.queue->on_wanted(
        [](void* context) {
          auto* self = static_cast<Pipeline*>(context);
          // While the backlog holds there is nothing to drain, but that a lane is full is news.
          if (!self->is_held_.load(std::memory_order_relaxed) || self->is_newly_full()) {
            self->drain_parker_.wake();
          }
        },
        pipeline.get());
  }
  return pipeline;
}

Pipeline::Pipeline(const PipelineOptions& /*options*/, const Clock* clock) : ticks_(clock) {}

Pipeline::~Pipeline() {
  if (drain_thread_.joinable() || ship_thread_.joinable()) stop_threads();
}

Status Pipeline::start_threads() try {
  const SignalsBlocked blocked;
  drain_thread_ = std::thread([this] { run_drain(); });
  pthread_setname_np(drain_thread_.native_handle(), "forebay-drain");
  ship_thread_ = std::thread([this] { run_ship(); });
  pthread_setname_np(ship_thread_.native_handle(), "forebay-ship");
  has_threads_.store(true, std::memory_order_release);
  return Status::ok();
} catch (const std::system_error& error) {
  if (drain_thread_.joinable()) stop_threads();
  return Status::unavailable(std::string("no thread: ") + error.what());
}

void Pipeline::add_internal_source(InternalSource& source, Duration interval) {
  const std::lock_guard lock(drain_mutex_);
  intake_->add_source(source, interval);
}

void Pipeline::on_pressure(PressureListener listener) { listener_ = std::move(listener); }

void Pipeline::tell(const std::vector<Pressure::Change>& changes) {
  if (!listener_) return;
  for (const Pressure::Change& change : changes) {
    listener_(change.lane, change.lane_state, change.highest);
  }
}

bool Pipeline::is_newly_full() const noexcept {
  for (size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i].queue->room() == 0 && pressure().lane(i).state() != PressureState::kFull) {
      return true;
    }
  }
  return false;
}

void Pipeline::run_drain() noexcept {
  Duration nap = kShortestNap;
  while (!stopping_.load(std::memory_order_acquire)) {
    Intake::Step step;
    std::optional<MonotonicTime> due;
    bool flushing = false;
    std::vector<Pressure::Change> changes;
    {
      const std::lock_guard lock(drain_mutex_);
      const uint64_t asked = flush_asked_.load(std::memory_order_acquire);
      if (asked != flush_begun_) {
        flush_begun_ = asked;
        intake_->begin_flush();
        if (metrics_ != nullptr) metrics_->begin_flush(flush_time_left());
      }
      flushing = flush_begun_ != flush_drained_;
      try {
        step = drain(flushing);
        changes = intake_->pressure().take_changes();
      } catch (const std::bad_alloc&) {
        // Every record is where it was, or written down; what is left is looked at again.
        step.is_held = true;
      }
      intake_bytes_.store(intake_->memory_bytes(), std::memory_order_relaxed);
      if (flushing) serve_flushes(is_drained());
      flushing = flush_begun_ != flush_drained_;
      due = next_due();
    }
    tell(changes);
    if (step.batches != 0) delivery_->wake();
    is_held_.store(step.is_held, std::memory_order_relaxed);
    if (step.records != 0 || flushing) {
      nap = kShortestNap;
    } else {
      nap = std::min(nap * 2, kLongestNap);
    }
    // A thread that emits is only looked at again after kLinger: naps grow past single records.
    Duration wait = step.is_held ? std::max(nap, Duration{std::chrono::milliseconds{1}}) : nap;
    if (due) wait = std::clamp(*due - ticks_.clock().now(), Duration::zero(), wait);
    drain_parker_.park(wait);
  }
}

void Pipeline::step() {
  const std::lock_guard lock(drain_mutex_);
  (void)drain(false);
  intake_bytes_.store(intake_->memory_bytes(), std::memory_order_relaxed);
  (void)delivery_->step(Duration::zero());
}

Duration Pipeline::flush_time_left() const {
  constexpr Duration kMost = std::chrono::hours{1};
  const std::lock_guard lock(flush_mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (flush_deadline_ >= now + kMost) return kMost;
  return std::max<Duration>(flush_deadline_ - now, Duration::zero());
}

void Pipeline::serve_flushes(bool is_flushed) {
  if (!is_flushed) return;
  const std::lock_guard lock(flush_mutex_);
  flush_drained_ = flush_begun_;
  flush_last_batch_ = intake_->last_batch();
  flush_changed_.notify_all();
}

// After a step of the ship thread that ran out of memory. False: it ran out again.
bool Pipeline::start_over_if_lost() noexcept try {
  if (!is_lost_) return true;
  warn("ship_memory", "no memory on the way to the destination: batches under way are sent again");
  delivery_->start_over();
  is_lost_ = false;
  return true;
} catch (const std::bad_alloc&) {
  std::this_thread::sleep_for(kWaitForMemory);
  return false;
}

void Pipeline::run_ship() noexcept {
  while (!stopping_.load(std::memory_order_acquire)) {
    if (retry_now_.exchange(false, std::memory_order_acquire)) delivery_->retry_now();
    if (!start_over_if_lost()) continue;
    const bool hurried = flushes_.load(std::memory_order_relaxed) != 0;
    bool freed = false;
    try {
      freed = delivery_->step(delivery_->idle_for(kShipNap, hurried), hurried);
    } catch (const std::bad_alloc&) {
      is_lost_ = true;
    }
    if (freed) {
      if (is_held_.load(std::memory_order_relaxed)) drain_parker_.wake();
      const std::lock_guard lock(flush_mutex_);
      flush_changed_.notify_all();
    }
  }
}

bool Pipeline::flush(std::chrono::steady_clock::time_point deadline) {
  if (is_shut_down_.load(std::memory_order_acquire)) return true;
  if (!has_threads_.load(std::memory_order_acquire)) return false;  // nobody would do it
  struct Count {
    explicit Count(std::atomic<uint32_t>& of) noexcept : of(of) { ++of; }
    ~Count() { --of; }
    std::atomic<uint32_t>& of;
  } const counted(flushes_);
  std::unique_lock lock(flush_mutex_);
  deadline = std::min(deadline, ends_by_);
  // Of several at once, the one that has the least time.
  if (flush_drained_ >= flush_asked_.load() || deadline < flush_deadline_) {
    flush_deadline_ = deadline;
  }
  const uint64_t mine = flush_asked_.fetch_add(1, std::memory_order_acq_rel) + 1;
  retry_now_.store(true, std::memory_order_release);
  is_held_.store(false, std::memory_order_relaxed);
  drain_parker_.wake();
  delivery_->wake();
  const auto wait = [&](const std::function<bool()>& done) {
    // Not only notifications end the wait: batches also leave the backlog on the drain thread.
    while (!done()) {
      if (stopping_.load(std::memory_order_acquire)) return done();
      const auto next = std::chrono::steady_clock::now() + std::chrono::milliseconds{50};
      flush_changed_.wait_until(lock, std::min({deadline, ends_by_, next}));
      if (std::chrono::steady_clock::now() >= std::min(deadline, ends_by_)) return done();
    }
    return true;
  };
  if (!wait([&] { return flush_drained_ >= mine; })) return false;
  const uint64_t last = flush_last_batch_;
  return wait([&] { return books_->is_clear_to(last); });
}

void Pipeline::end_by(std::chrono::steady_clock::time_point deadline) {
  {
    const std::lock_guard lock(flush_mutex_);
    if (deadline >= ends_by_) return;
    ends_by_ = deadline;
    if (flush_drained_ < flush_asked_.load()) {
      // What was begun with more time is asked again, with less of it for callbacks.
      flush_deadline_ = std::min(flush_deadline_, deadline);
      flush_asked_.fetch_add(1, std::memory_order_acq_rel);
    }
    flush_changed_.notify_all();
  }
  drain_parker_.wake();
}

bool Pipeline::shutdown(std::chrono::steady_clock::time_point deadline) {
  if (is_shut_down_.load(std::memory_order_acquire)) return left_nothing_;
  for (Lane& lane : lanes_) lane.queue->close();
  if (metrics_ != nullptr) {
    metrics_->close();
    // Who sends points at this moment has pushed them when the lock is ours; later ones are
    // refused.
    const std::lock_guard lock(drain_mutex_);
    metrics_->refuse();
  }
  const bool has_threads = drain_thread_.joinable();
  if (has_threads) {
    // Also without time: what is in the queues reaches at least the books in order.
    (void)flush(deadline);
    stop_threads();
  }
  const uint64_t unknown = books_->unknown();
  try {
    delivery_->stop();
  } catch (const std::bad_alloc&) {
    // What it had not settled may have arrived, for all that is known.
  }
  books_->give_up_in_flight();
  let_go_of_the_rest();
  if (recorder_ != nullptr) recorder_->close();
  if (books_->unknown() != unknown) left_nothing_ = false;
  ledger_->mark_ended();
  try {
    tell_losses();
    tell(intake_->pressure().end());
  } catch (const std::bad_alloc&) {
    // Whoever listens learns it from the shutdown itself.
  }
  is_shut_down_.store(true, std::memory_order_release);
  return left_nothing_;
}

void Pipeline::tell_losses() const {
  uint8_t index = 0;
  for (const Lane& lane : lanes_) {
    if (const auto text = lane.loss_notice.end(lane.name, books_->losses(index++))) say(*text);
  }
}

void Pipeline::let_go_of_the_rest() {
  SeverityCounts left;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    left += intake_->in_queue(i);
    left += intake_->in_batch(i);
    left += books_->inside(static_cast<uint8_t>(i)).waiting;
  }
  for (size_t i = 0; metrics_ != nullptr && i < metrics_->lanes(); ++i) {
    left += books_->inside(static_cast<uint8_t>(lanes_.size() + i)).waiting;
  }
  left_nothing_ = left.total() == 0;
  intake_->drop_all();
  if (metrics_ != nullptr) metrics_->drop_all();
  books_->drop_all();
  for (Lane& lane : lanes_) lane.queue->release_memory();
}

void Pipeline::stop_threads() {
  stopping_.store(true, std::memory_order_release);
  drain_parker_.wake();
  delivery_->wake();
  if (drain_thread_.joinable()) drain_thread_.join();
  if (ship_thread_.joinable()) ship_thread_.join();
}

std::string Pipeline::last_error() const { return delivery_->last_error(); }

uint64_t Pipeline::memory_bytes() const {
  uint64_t bytes = books_->backlog_bytes() + intake_bytes_.load(std::memory_order_relaxed);
  for (const Lane& lane : lanes_) bytes += lane.queue->memory_bytes();
  if (recorder_ != nullptr) bytes += recorder_->memory_bytes();
  if (metrics_ != nullptr) bytes += metrics_->store().memory_bytes();
  return bytes;
}

double Pipeline::fill() const noexcept {
  double most = 0;
  for (const Lane& lane : lanes_) most = std::max(most, lane.queue->fill());
  return most;
}

void Pipeline::abandon_in_child() noexcept {
  // The threads are not in this process. Their objects are left as they are: joining would hang,
  // and detaching would write to what the C library keeps of threads that never were.
  ledger_->abandon_in_child();
}

}  // namespace forebay::pipeline
