// From the instruments to the backlog: collects once an interval, encodes, compresses. Passive: the
// drain thread or a simulation calls step().
//
// A collection goes through three states, and step() never waits in one: the callbacks of
// observable instruments are asked, and have until callback_timeout; the phase of the store is
// turned, and threads that are in the middle of a measurement come out of it; then all is collected
// at once, and is in the backlog when step() returns.
//
// In the ledger a point is emitted, drained and batched with its batch: it is nowhere in between.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "account/ledger.h"
#include "base/ticks.h"
#include "encode/otlp_metrics.h"
#include "metrics/store.h"
#include "pipeline/books.h"
#include "pipeline/intake.h"
#include "pipeline/metrics_options.h"
#include "pipeline/observers.h"

namespace forebay::pipeline {

inline constexpr std::string_view kMetricsLane = "metrics";

class MetricsIntake {
 public:
  // `lane`: the number of its lane. `intake` names and compresses the batches. `phase`: of the
  // store.
  MetricsIntake(const MetricsOptions& options, const model::Resource& resource, uint64_t max_bytes,
                uint8_t lane, std::atomic<uint32_t>& phase, Intake& intake, account::Ledger& ledger,
                Books& books, const TickSource& ticks);

  [[nodiscard]] metrics::Store& store() noexcept { return store_; }
  [[nodiscard]] Observers& observers() noexcept { return observers_; }
  // Under store().collecting(): what was observed since then was in the last collection.
  [[nodiscard]] uint64_t shown_since_ticks() const noexcept { return shown_since_ticks_; }

  // -- the drain thread --
  struct Step {
    uint64_t batches = 0;  // handed to the backlog
    bool is_busy = false;  // in the middle of a collection: look again soon
  };
  Step step();
  // One more collection that begins after this; is_flushed() once it is in the backlog.
  void begin_flush() noexcept;
  [[nodiscard]] bool is_flushed() const noexcept { return flushed_ == flush_; }
  // When the next collection begins, or the one under way gives up on callbacks; nothing where
  // there is no instrument.
  [[nodiscard]] std::optional<MonotonicTime> next_due() const noexcept;
  // At the end. Nothing is measured from here on; the next flush collects what was.
  void close();
  // After close(): what no flush has collected is let go as
  // dropped{shutdown}.
  void drop_all();

 private:
  enum class State : uint8_t { kIdle, kObserving, kTurning };

  void begin(MonotonicTime now);
  uint64_t collect();
  void take(const encode::MetricRequest& request);
  // Points that are in no batch yet come, and go on.
  void count_drained(uint64_t points);
  void note_numbers();

  const MetricsOptions options_;
  const uint8_t lane_;
  Intake& intake_;
  account::Ledger& ledger_;
  Books& books_;
  const TickSource& ticks_;
  metrics::Store store_;
  Observers observers_;
  encode::MetricEncoder encoder_;

  State state_ = State::kIdle;
  std::optional<MonotonicTime> next_;  // when the next collection is due
  MonotonicTime begun_{};              // when the one under way began
  uint64_t since_ticks_ = 0;           // the same, of what is observed in it
  uint64_t collection_ = 0;            // its number
  uint64_t batches_ = 0;               // of it, so far
  bool is_whole_ = true;               // and none was let go
  uint64_t shown_since_ticks_ = 0;
  uint64_t flush_ = 0;        // the last flush that was asked for
  uint64_t flush_begun_ = 0;  // that the collection under way is for
  uint64_t flushed_ = 0;
  metrics::Store::Numbers noted_;
  MonotonicTime noted_at_{};
  uint64_t failures_noted_ = 0;
  bool is_closed_ = false;
  bool is_last_ = false;  // the phase was turned after the close: the collection under way gets all
  bool is_final_ = false;  // that one is through
  bool drops_all_ = false;
};

}  // namespace forebay::pipeline
