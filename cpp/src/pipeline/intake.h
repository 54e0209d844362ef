// From the queues to the backlog: drains lanes, builds batches, encodes, compresses. Passive: the
// drain thread or a simulation calls step().
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "account/ledger.h"
#include "base/ticks.h"
#include "compress/batch_compressor.h"
#include "encode/otlp_logs.h"
#include "pipeline/books.h"
#include "pipeline/drain_round.h"
#include "pipeline/flight_recorder.h"
#include "pipeline/internal_records.h"
#include "pipeline/lane.h"
#include "pipeline/recorded_lanes.h"

namespace forebay::pipeline {

class Intake final : private InternalSink {
 public:
  Intake(const PipelineOptions& options, std::vector<Lane>& lanes, account::Ledger& ledger,
         Books& books, const TickSource& ticks);

  // Whose records are released when it is asked. Before the first step; null: there is none.
  void set_recorder(FlightRecorder* recorder);

  struct Step {
    uint64_t records = 0;  // taken from the queues
    uint64_t bytes = 0;    // of these records
    uint64_t batches = 0;  // handed to the backlog
    bool is_held = false;  // a lane waits for room in the backlog
    bool is_dry = false;   // nothing was left in queues and batches
  };
  // One round over the lanes (DrainRound). `everything`: open runs and unfinished batches too
  // (flush, shutdown).
  Step step(bool everything);

  // Asks the source for records from now on, once an interval and at each flush. It must live as
  // long as this does.
  void add_source(InternalSource& source, Duration interval);
  // Puts a record of Forebay's own into the lane's batch: counted as internal, and a record like
  // any other from then on. False: see InternalSink.
  bool add_internal(size_t lane, const InternalRecord& record) override;

  // For flush: begin_flush(), then step(true) until is_flushed(): what was emitted before is in the
  // backlog or beyond then, in batches up to last_batch().
  void begin_flush() noexcept;
  [[nodiscard]] bool is_flushed() const noexcept;

  [[nodiscard]] Pressure& pressure() noexcept { return pressure_; }
  [[nodiscard]] const Pressure& pressure() const noexcept { return pressure_; }
  // When the next batch is due by age; nothing where no batch is being built.
  [[nodiscard]] std::optional<MonotonicTime> next_due() const noexcept;
  // For who makes batches beside it, on the same thread.
  BatchId next_batch_id() { return id_prefix_ + std::to_string(++last_batch_); }
  compress::BatchCompressor& compressor() noexcept { return compressor_; }
  // The number of the last batch that was named.
  [[nodiscard]] uint64_t last_batch() const noexcept { return last_batch_; }
  // At the end: what is in queues and batches is let go as dropped{shutdown}.
  void drop_all();
  // What is really inside, by lane: queues, batches being built, batches that wait for room.
  [[nodiscard]] SeverityCounts in_queue(size_t lane) { return lanes_[lane].queue->count_inside(); }
  [[nodiscard]] SeverityCounts in_batch(size_t lane) const;
  [[nodiscard]] uint64_t memory_bytes() const noexcept;

  // How often the books are asked what was lost, for the times that a gap record names.
  static constexpr Duration kLossLook = std::chrono::milliseconds{10};
  // A thread that is active keeps its open run at most this long.
  static constexpr Duration kLinger = std::chrono::milliseconds{10};
  // Records of one turn of a lane.
  static constexpr uint64_t kRecordsAtOnce = 4096;

 private:
  // One turn of a lane. True where that was not enough for all that it has.
  bool drain(size_t index, bool everything, Step& step);
  void release_recorded(Step& step);
  // Encodes one record into the lane's batch. False: memory ran out, and the record is let go.
  bool append(Lane& lane, const uint8_t* record, SeverityClass severity, MonotonicTime emitted,
              MonotonicTime now);
  void finish(size_t index, Step& step);
  // Counts what the records that are let go here stood for, themselves included.
  void lose(uint64_t represented) noexcept;
  void let_go_of_batch(size_t index, const SeverityCounts& counts, std::string_view why);
  account::LaneLosses look_for_losses(size_t index);
  // Where there is something to tell: encodes the lane's gap record into gap_, and counts it.
  bool write_gap(size_t index) noexcept;
  void collect_internal(MonotonicTime now, bool final);
  bool push(Lane& lane, Step& step);

  std::vector<Lane>& lanes_;
  account::Ledger& ledger_;
  Books& books_;
  const TickSource& ticks_;
  TickConverter converter_;
  MonotonicTime converter_renewed_{};
  encode::LogEncoder encoder_;
  compress::BatchCompressor compressor_;
  model::Resource resource_;
  std::string id_prefix_;
  ByteBuffer request_;
  ByteBuffer internal_scratch_;
  ByteBuffer gap_;
  MonotonicTime looked_for_losses_{};
  uint64_t last_batch_ = 0;

  struct Source {
    InternalSource* source = nullptr;
    Duration interval{};
    MonotonicTime asked{};
  };
  std::vector<Source> sources_;
  Step internal_step_;             // batches that internal records made full, told by the next step
  bool internal_is_left_ = false;  // in the last step, a record had to wait for room in the backlog
  bool is_ending_ = false;

  Pressure pressure_;

  struct FlushMark {
    uint64_t bound = 0;         // most records that were there when it was set
    uint64_t records_left = 0;  // to drain, where the queue is never found empty
    bool is_through = false;  // all of them are drained: in the batch, in one that waits, or beyond
    bool is_dry = true;       // and in the backlog, or beyond
  };
  std::vector<FlushMark> flush_marks_;
  DrainRound round_;

  FlightRecorder* recorder_ = nullptr;
  account::ThreadCounters released_;             // where released records are counted as emitted
  std::optional<RecordedLanes> recorded_lanes_;  // where there is a recorder
};

}  // namespace forebay::pipeline
