// The flight recorder: what was not worth sending, kept for a while in case it turns out to be.
//
// Records below their logger's level go into a ring of their own instead of a lane. Nothing of it
// is sent, until a record of `trigger` or above is emitted, or somebody asks: then the drain thread
// takes out what is not older than `window`, and from there on these are records like others,
// `emitted` then, with the time when they were recorded and the attribute
// `forebay.flight_recorder`.
//
// The ring is a lane's queue that drops the oldest and that nobody drains, so it costs what an emit
// into a full lane costs, its memory is bounded whatever the number of threads, and each thread
// overwrites its own oldest first. It is not in the ledger: its numbers are its own, and
//   recorded = overwritten + expired + released + held.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "account/thread_counters.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/ticks.h"
#include "model/record.h"
#include "model/record_writer.h"
#include "queue/lane_queue.h"

namespace forebay::pipeline {

struct RecorderOptions {
  // Lowest severity number that is recorded. 1..24; 0: there is no recorder.
  uint32_t min_severity = 0;
  // Room of the ring in slots of 128 bytes, all threads together. 64..2^20.
  uint32_t slots = 8'192;
  // What is older is not released. Unit: ns, 1 ms..1 day.
  Duration window = std::chrono::seconds{10};
  // An emitted record of this severity number or above releases what is there. 1..25; 25: none
  // does.
  uint32_t trigger_severity = 17;

  [[nodiscard]] bool is_on() const noexcept { return min_severity != 0; }
  [[nodiscard]] Status validate() const;  // names the field, its value and the range
};

class FlightRecorder {
 public:
  static Result<std::unique_ptr<FlightRecorder>> create(const RecorderOptions& options,
                                                        const TickSource& ticks);
  ~FlightRecorder();
  FlightRecorder(const FlightRecorder&) = delete;
  FlightRecorder& operator=(const FlightRecorder&) = delete;

  // -- application threads --
  // A thread's end of it.
  struct Counters;
  struct Writer {
    queue::Producer* producer = nullptr;  // null: memory ran out
    account::ThreadCounters counters;
    Counters* row = nullptr;
  };
  Writer attach() noexcept;
  void detach(const Writer& writer) noexcept;
  // Copies the record into the ring. A record that is larger than a quarter of the ring, or finds
  // no memory, is counted as overwritten at once.
  [[gnu::always_inline]] void record(const Writer& writer,
                                     const model::RecordInput& input) noexcept {
    using account::EmitName;
    if (writer.producer == nullptr) [[unlikely]]
      return;
    const SeverityClass severity = severity_class(input.severity);
    const uint64_t size = model::measure_record(input);
    writer.counters.add(0, EmitName::kEmitted, severity);
    if (size > largest_record_) [[unlikely]] {
      writer.counters.add(0, EmitName::kDroppedTooLarge, severity);
      return;
    }
    const queue::Admission admission = ring_->emit(
        *writer.producer, input, static_cast<uint32_t>(size), ticks_, 0, writer.counters);
    if (admission == queue::Admission::kRefusedShutdown) [[unlikely]] {
      writer.counters.add(0, EmitName::kRefusedShutdown, severity);
    }
  }

  // -- anyone --
  // Asks for what was recorded in the last `window` (none: the options'). The drain thread does it
  // in its next step. True where it must be woken: nobody had asked yet.
  bool ask(std::optional<Duration> window = std::nullopt) noexcept;
  [[nodiscard]] uint32_t trigger_severity() const noexcept { return options_.trigger_severity; }
  struct Numbers {
    uint64_t recorded = 0;
    uint64_t overwritten = 0;
    uint64_t expired = 0;   // too old when others were released
    uint64_t released = 0;  // emitted
    uint64_t held = 0;      // still in the ring
  };
  [[nodiscard]] Numbers numbers() const;
  [[nodiscard]] uint64_t memory_bytes() const noexcept { return ring_->memory_bytes(); }
  // At the end: nothing is recorded from here on.
  void close() noexcept;

  // -- drain thread --
  // Whether there is something to release: asked for, or begun.
  [[nodiscard]] bool is_asked() const noexcept {
    return left_ != 0 || window_ns_.load(std::memory_order_acquire) != kNotAsked;
  }
  // The next record to release, valid until pop(); null: that was all. `ticks_per_ns` turns the
  // window into ticks.
  const uint8_t* front(double ticks_per_ns);
  void pop() noexcept;

 private:
  static constexpr int64_t kNotAsked = -1;

  FlightRecorder(const RecorderOptions& options, const TickSource& ticks,
                 std::unique_ptr<queue::LaneQueue> ring);

  const RecorderOptions options_;
  const TickSource& ticks_;
  const std::unique_ptr<queue::LaneQueue> ring_;
  const uint64_t largest_record_;  // of the ring. Unit: bytes
  std::atomic<int64_t> window_ns_{kNotAsked};

  // As the ledger has them: a thread's row of counters, never zeroed, leased again.
  mutable std::mutex counters_mutex_;
  std::vector<std::unique_ptr<Counters>> counters_;

  // Drain thread's own, but for the numbers.
  uint64_t left_ = 0;          // records that this release may still take
  uint64_t oldest_ticks_ = 0;  // of what is released
  std::atomic<uint64_t> expired_{0};
  std::atomic<uint64_t> released_{0};
};

}  // namespace forebay::pipeline
