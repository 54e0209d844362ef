// Groups the records of one lane by scope until count, bytes or age says stop.
//
// Passive: the pipeline encodes a record into segment(), tells the batcher with added(), and asks
// full() and due(). Not thread-safe: the drain thread's.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/severity_class.h"
#include "base/status.h"

namespace forebay::batch {

struct BatchOptions {
  // Most records in a batch. Unit: records, 1..1,000,000. Larger compresses better and loses more
  // at once where a batch is given up.
  uint32_t max_records = 8192;
  // Most bytes of a batch before compression; the record that crosses it still belongs to it. Unit:
  // bytes, 1 KiB..16 MiB (the Collector refuses 20 MiB).
  uint64_t max_bytes = 4u << 20;
  // Longest time that the oldest record waits in a batch. Unit: ns, 0..1 h. Zero: a batch is
  // finished as soon as the queue is empty.
  Duration max_delay = std::chrono::seconds{1};

  [[nodiscard]] Status validate() const;  // names the field, its value and the range
};

class Batcher {
 public:
  struct Segment {
    uint32_t scope = 0;
    uint64_t records = 0;
    ByteBuffer bytes;
  };

  explicit Batcher(const BatchOptions& options);

  // Where the next encoded record of that scope goes. Valid until the next call of a non-const
  // function.
  ByteBuffer& segment(uint32_t scope);
  // The record just appended to segment(scope). `emitted`: when it was emitted, by both clocks;
  // `now`: when it came here; `represents`: how many emitted records it stands for.
  void added(SeverityClass severity, MonotonicTime emitted, WallTime emitted_wall,
             MonotonicTime now, uint64_t represents = 1);

  [[nodiscard]] bool empty() const noexcept { return records_ == 0; }
  [[nodiscard]] bool full() const noexcept;
  // max_delay has passed since the first record came here.
  [[nodiscard]] bool due(MonotonicTime now) const noexcept;
  [[nodiscard]] MonotonicTime due_at() const noexcept;  // only where !empty()

  [[nodiscard]] std::span<const Segment> segments() const noexcept;  // those with records
  [[nodiscard]] const SeverityCounts& counts() const noexcept { return counts_; }
  [[nodiscard]] uint64_t records() const noexcept { return records_; }
  [[nodiscard]] uint64_t represented() const noexcept { return represented_; }
  [[nodiscard]] uint64_t bytes() const noexcept { return bytes_; }  // of the segments
  [[nodiscard]] uint64_t memory_bytes() const noexcept;             // held, used or not
  [[nodiscard]] MonotonicTime oldest() const noexcept { return oldest_; }
  [[nodiscard]] MonotonicTime newest() const noexcept { return newest_; }
  [[nodiscard]] WallTime oldest_wall() const noexcept { return oldest_wall_; }

  // Starts over; keeps the memory of segments that were used this time, at most two batches' worth.
  void clear();

 private:
  BatchOptions options_;
  std::vector<Segment> segments_;  // the first used_ have records
  size_t used_ = 0;
  size_t last_ = 0;         // index of the segment asked for last; used_: it has no record yet
  size_t size_before_ = 0;  // bytes of that segment when it was asked for
  // Where each scope's segment was seen last. Never cleared: an entry counts only where the segment
  // it names is in use and is that scope's.
  std::vector<uint32_t> index_by_scope_;
  uint64_t bytes_ = 0;
  uint64_t records_ = 0;
  uint64_t represented_ = 0;
  SeverityCounts counts_;
  MonotonicTime first_seen_{};
  MonotonicTime oldest_{};
  MonotonicTime newest_{};
  WallTime oldest_wall_{};
};

}  // namespace forebay::batch
