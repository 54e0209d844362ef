// From the instruments to the backlog: collects once an interval, encodes, compresses. Passive: the
// drain thread or a simulation calls step().
//
// A collection goes through three states, and step() never waits in one: the callbacks of
// observable instruments are asked, and have until callback_timeout; the phase of the store is
// turned, and threads that are in the middle of a measurement come out of it; then all is collected
// at once, and is in the backlog when step() returns. What Forebay reports of itself is collected
// with it, into a lane of its own. Who scrapes has the callbacks asked in between.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "account/ledger.h"
#include "base/ticks.h"
#include "metrics/store.h"
#include "pipeline/collection_tally.h"
#include "pipeline/metric_batches.h"
#include "pipeline/metrics_options.h"
#include "pipeline/observers.h"
#include "pipeline/self_metrics.h"

namespace forebay::pipeline {

class MetricsIntake {
 public:
  // A lane's way to the backlog, by its number.
  using MakeBatches = std::function<std::unique_ptr<MetricBatches>(uint8_t lane, bool is_internal)>;

  // `lane`: the number of its lane; Forebay's own comes after it. `look`: at the pipeline, for what
  // it reports of itself. `phase`: of the store.
  MetricsIntake(const MetricsOptions& options, uint8_t lane, const MakeBatches& make_batches,
                std::function<Health()> look, std::atomic<uint32_t>& phase, account::Ledger& ledger,
                const TickSource& ticks);

  [[nodiscard]] metrics::Store& store() noexcept { return store_; }
  [[nodiscard]] Observers& observers() noexcept { return observers_; }
  // How many lanes are of points: one, or two with Forebay's own.
  [[nodiscard]] size_t lanes() const noexcept { return self_ != nullptr ? 2 : 1; }
  // Null: it reports nothing of itself.
  [[nodiscard]] const SelfMetrics* self() const noexcept { return self_.get(); }
  [[nodiscard]] const CollectionTally& collections() const noexcept { return collections_; }
  // -- any thread --
  // Asks the callbacks for a reader of its own, and nothing else is collected; has_observed(round)
  // once they are through, or late.
  uint64_t ask_to_observe() noexcept { return observe_asked_.fetch_add(1) + 1; }
  [[nodiscard]] bool has_observed(uint64_t round) const noexcept {
    return observed_.load(std::memory_order_acquire) >= round;
  }
  [[nodiscard]] Duration callback_timeout() const noexcept { return options_.callback_timeout; }
  // Under store().collecting(): what was observed since then was asked for last.
  [[nodiscard]] uint64_t shown_since_ticks() const noexcept { return shown_since_ticks_; }

  // -- the drain thread --
  struct Step {
    uint64_t batches = 0;  // handed to the backlog
    bool is_busy = false;  // in the middle of a collection: look again soon
  };
  Step step();
  // Points of somebody else's, from any thread that has the drain thread's mutex.
  enum class Sent : uint8_t { kTaken, kClosed, kDroppedMemory };
  Sent send(std::vector<EncodedBatch> batches);
  // From now on there are none of these.
  void refuse() noexcept { refuses_ = true; }
  // One more collection that begins after this; is_flushed() once it is in the backlog.
  // `time_left`: of it, callbacks are waited for no longer than half, so that what was collected
  // can be sent.
  void begin_flush(Duration time_left) noexcept;
  [[nodiscard]] bool is_flushed() const noexcept { return flushed_ == flush_; }
  // When the next collection begins, or the one under way gives up on callbacks; nothing where
  // there is nothing to collect.
  [[nodiscard]] std::optional<MonotonicTime> next_due() const noexcept;
  // At the end. Nothing is measured from here on; the next flush collects what was.
  void close();
  // After close(): what no flush has collected is let go as
  // dropped{shutdown}.
  void drop_all();

 private:
  enum class State : uint8_t { kIdle, kObserving, kTurning };

  void begin(MonotonicTime now, bool only_observes);
  // Goes on where the callbacks are through, or late.
  void end_observing(MonotonicTime now);
  void count_late(uint64_t late);
  uint64_t collect();
  uint64_t collect_store();
  [[nodiscard]] bool has_something() const noexcept {
    return store_.has_instruments() || has_sent_ || options_.self_report == SelfReport::kAlways;
  }
  void note_numbers();
  void tally();

  const MetricsOptions options_;
  account::Ledger& ledger_;
  const TickSource& ticks_;
  metrics::Store store_;
  Observers observers_;
  const std::unique_ptr<MetricBatches> batches_;
  // Null: nothing is reported of Forebay itself.
  std::unique_ptr<SelfMetrics> self_;
  std::unique_ptr<MetricBatches> self_batches_;

  State state_ = State::kIdle;
  std::optional<MonotonicTime> next_;  // when the next collection is due
  MonotonicTime begun_{};              // when the one under way began
  MonotonicTime give_up_at_{};         // on callbacks, in the one under way
  MonotonicTime flush_until_{};
  bool only_observes_ = false;  // the one under way
  uint64_t since_ticks_ = 0;    // the same, of what is observed in it
  uint64_t shown_since_ticks_ = 0;
  uint64_t flush_ = 0;        // the last flush that was asked for
  uint64_t flush_begun_ = 0;  // that the collection under way is for
  uint64_t flushed_ = 0;
  metrics::Store::Numbers noted_;
  MonotonicTime noted_at_{};
  uint64_t failures_noted_ = 0;
  CollectionTally collections_;
  uint64_t failures_before_ = 0;  // at the beginning of the collection under way
  bool has_late_ = false;         // that one lacks what a callback observes
  uint64_t observe_begun_ = 0;    // that the one under way is for
  std::atomic<uint64_t> observe_asked_{0};
  std::atomic<uint64_t> observed_{0};
  bool has_sent_ = false;  // points of somebody else's
  bool refuses_ = false;   // no more of them
  bool is_closed_ = false;
  bool is_last_ = false;  // the phase was turned after the close: the collection under way gets all
  bool is_final_ = false;  // that one is through
};

}  // namespace forebay::pipeline
