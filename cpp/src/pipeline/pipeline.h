// Wires the stages and owns the two threads.
//
// One process's life of a collector: a forked child makes a new one. The drain thread runs Intake,
// the ship thread Delivery; both sleep when there is nothing to do. A simulation makes a pipeline
// without threads and calls step() itself.
//
// Order of the end (shutdown): queues close, so nothing new comes; what is inside is drained and
// sent as far as the deadline allows; the threads stop; what is left is written down as
// dropped{shutdown}, or unknown where an attempt was under way; then the stats file is marked as
// ended.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "account/ledger.h"
#include "base/parker.h"
#include "base/ticks.h"
#include "pipeline/books.h"
#include "pipeline/delivery.h"
#include "pipeline/intake.h"
#include "pipeline/lane.h"
#include "pipeline/metrics_intake.h"
#include "pipeline/ready_points.h"
#include "ship/exporter.h"

namespace forebay::pipeline {

struct Audit {
  bool balanced = false;
  bool exact = false;      // false: emits ran while it counted, and only the queues may be off
  int64_t difference = 0;  // records that the ledger has too many (positive) or too few, in sum
  std::vector<int64_t> by_lane;
};

class Pipeline {
 public:
  // `exporters`: of each of options.routes, at least one. `clock` null: the system's.
  static Result<std::unique_ptr<Pipeline>> create(const PipelineOptions& options,
                                                  std::vector<Route::Exporters> exporters,
                                                  const Clock* clock = nullptr);
  // With one route and one destination.
  static Result<std::unique_ptr<Pipeline>> create(const PipelineOptions& options,
                                                  std::unique_ptr<ship::Exporter> exporter,
                                                  const Clock* clock = nullptr);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // kUnavailable where the system gives no thread: then nothing runs, and emit fills the queues.
  Status start_threads();

  [[nodiscard]] std::vector<Lane>& lanes() noexcept { return lanes_; }
  [[nodiscard]] account::Ledger& ledger() noexcept { return *ledger_; }
  // Null: options.metrics had nothing.
  [[nodiscard]] MetricsIntake* metrics() noexcept { return metrics_.get(); }
  [[nodiscard]] metrics::Store* metrics_store() noexcept {
    return metrics_ != nullptr ? &metrics_->store() : nullptr;
  }
  [[nodiscard]] const TickSource& ticks() const noexcept { return ticks_; }

  // Points that somebody else has collected: an ExportMetricsServiceRequest with so many of them.
  // Any thread. Throws std::bad_alloc, and has taken none then.
  MetricsIntake::Sent send_metrics(ByteView request, uint64_t points);
  // Lets the source put records of Forebay's own into the lanes' batches: see InternalSource. It
  // must live until the threads have ended (shutdown). Any thread.
  void add_internal_source(InternalSource& source, Duration interval);

  // Has the callbacks of observable instruments asked for who reads the series now, and waits until
  // they are through, or late; `longest` at most, after which they go on for the next reader.
  void observe(Duration longest = Duration::max());
  // Waits until what was emitted before has left; true if it has. False at once where there are no
  // threads to do it. Safe from any thread.
  bool flush(std::chrono::steady_clock::time_point deadline);
  // See above; true if nothing was left to let go, or is unknown for want of time. Once: a second
  // call finds everything done.
  bool shutdown(std::chrono::steady_clock::time_point deadline);
  // The shutdown that is under way, or the next one, has no more time than that, whatever deadline
  // it was given; flushes end with it. Any thread.
  void end_by(std::chrono::steady_clock::time_point deadline);
  Audit audit();

  [[nodiscard]] bool destination_answered() const noexcept {
    return delivery_->destination_answered();
  }
  [[nodiscard]] std::string last_error() const;
  // Of one that has metrics. Throws std::bad_alloc.
  [[nodiscard]] Health health() const;
  [[nodiscard]] uint64_t memory_bytes() const;
  // The fullest lane's fill, 0..1.
  [[nodiscard]] double fill() const noexcept;
  [[nodiscard]] const Pressure& pressure() const noexcept { return intake_->pressure(); }
  // Told on the drain thread when a lane's state changes, and at the end that nothing presses any
  // more. To be set before the threads are started.
  using PressureListener =
      std::function<void(size_t lane, PressureState lane_state, PressureState highest)>;
  void on_pressure(PressureListener listener);

  // For a simulation, instead of threads: one round of both; or of one after the other.
  void step();
  // After the clock was moved by hand, beside the threads: what the drain thread has to do by now
  // is done when it returns; what is to be shipped is begun. May throw std::bad_alloc.
  void look_again() {
    {
      const std::lock_guard lock(drain_mutex_);
      (void)drain(false);
    }
    drain_parker_.wake();
    delivery_->wake();
  }
  Intake& intake() noexcept { return *intake_; }
  Delivery& delivery() noexcept { return *delivery_; }
  Books& books() noexcept { return *books_; }
  // Null: there is none.
  [[nodiscard]] FlightRecorder* recorder() noexcept { return recorder_.get(); }
  // Releases what the flight recorder has of the last `window` (none: the options').
  void dump_recorder(std::optional<Duration> window = std::nullopt) noexcept {
    if (recorder_ != nullptr && recorder_->ask(window)) drain_parker_.wake();
  }

  // In a forked child: forgets everything without touching what is the parent's. The object is
  // leaked.
  void abandon_in_child() noexcept;

 private:
  Pipeline(const PipelineOptions& options, const Clock* clock);
  void run_drain() noexcept;
  void run_ship() noexcept;
  // A step of the intake, and of the metrics' beside it.
  Intake::Step drain(bool everything);
  [[nodiscard]] bool is_drained() const noexcept;
  [[nodiscard]] std::optional<MonotonicTime> next_due() const noexcept;
  void make_metrics(const PipelineOptions& options);
  void tell(const std::vector<Pressure::Change>& changes);
  // Some lane has no room, and its state does not say so yet.
  [[nodiscard]] bool is_newly_full() const noexcept;
  bool start_over_if_lost() noexcept;
  [[nodiscard]] Duration flush_time_left() const;
  void serve_flushes(bool is_flushed);
  void stop_threads();
  void let_go_of_the_rest();
  // What was lost and nobody was told of. Throws std::bad_alloc.
  void tell_losses() const;
  Audit look_inside();

  const TickSource ticks_;
  std::unique_ptr<account::Ledger> ledger_;
  std::vector<Lane> lanes_;
  std::unique_ptr<Books> books_;
  std::unique_ptr<FlightRecorder> recorder_;
  std::unique_ptr<Intake> intake_;
  std::unique_ptr<MetricsIntake> metrics_;
  ReadyLimits ready_limits_;
  std::atomic<uint32_t> metrics_phase_{0};  // where the options name no other
  bool metrics_are_busy_ = false;           // of the drain thread: in the middle of a collection
  std::unique_ptr<Delivery> delivery_;
  PressureListener listener_;

  // Held by the drain thread during a step, and by audit() to stop it between two.
  std::mutex drain_mutex_;
  Parker drain_parker_;
  std::atomic<bool> is_held_{
      false};  // the drain thread waits for the backlog: lanes need not wake it
  std::atomic<bool> stopping_{false};
  std::atomic<bool> has_threads_{false};
  bool is_lost_ = false;  // of the ship thread: a step ran out of memory
  // Between whoever asks and the ship thread, which alone touches the shippers.
  std::atomic<bool> retry_now_{false};
  std::atomic<uint32_t> flushes_{0};       // that somebody waits for
  std::atomic<uint64_t> intake_bytes_{0};  // as of the last step

  // Flush. Requests are numbered; the drain thread answers with the number of the last batch that
  // holds records from before the request.
  mutable std::mutex flush_mutex_;
  std::condition_variable flush_changed_;
  std::atomic<uint64_t> flush_asked_{0};
  std::chrono::steady_clock::time_point flush_deadline_;  // of those that are not drained
  std::chrono::steady_clock::time_point ends_by_ = std::chrono::steady_clock::time_point::max();
  uint64_t flush_begun_ = 0;    // drain thread
  uint64_t flush_drained_ = 0;  // up to this request, all is in the backlog or beyond
  uint64_t flush_last_batch_ = 0;

  std::atomic<bool> is_shut_down_{false};
  bool left_nothing_ = true;
  std::thread drain_thread_;
  std::thread ship_thread_;
};

}  // namespace forebay::pipeline
