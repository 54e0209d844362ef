// One series of a stream: the measurements of one set of attributes.
//
// Made at the first measurement with these attributes, under the stream's lock; read by anyone who
// is inside (writer.h). What a thread touches at each measurement lies in the first two cache
// lines, the first of which is only read.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "metrics/cell.h"
#include "metrics/instrument.h"
#include "metrics/writer.h"

namespace forebay::metrics {

class Stream;

// What all collections so far came to: `total` since the series began, `pending` since the last one
// that took it (of streams with delta temporality). Only a collection touches them.
struct Totals {
  SumPart sum_total;
  SumPart sum_pending;
  OwnedHistogramPart histogram_total;
  OwnedHistogramPart histogram_pending;
  std::unique_ptr<ExponentialHistogram> exponential_total;
  std::unique_ptr<ExponentialHistogram> exponential_pending;
  bool has_real = false;      // a floating point number was added: it is one from then on
  bool has_negative = false;  // of an up-down counter as a histogram: there is no sum any more
};

// What was observed in one round, of a series that adds up; under the stream's lock.
struct RoundSum {
  uint64_t since = 0;  // which round
  SumPart sum;
  bool has_real = false;
};

struct alignas(64) Series {
  Series() = default;
  ~Series();
  Series(const Series&) = delete;
  Series& operator=(const Series&) = delete;

  // 0: the store is closed, or this is a forked child; else the half that is written to, and 1.
  const std::atomic<uint32_t>* phase = nullptr;
  // Whose the first cell is. Not in the cell: other threads ask, and its line is written to.
  std::atomic<uint32_t> owner{Cell::kNobody};
  Aggregation aggregation = Aggregation::kSum;  // in the cells: what is observed is a last value
  bool only_grows = false;                      // a value below zero is none
  bool adds_up = false;  // several observations of one round are one value: their sum
  bool is_overflow = false;
  bool is_retired = false;  // taken out of the table; the collector's
  uint64_t id = 0;          // never used again
  Stream* stream = nullptr;
  std::atomic<Cell*> more{nullptr};

  Cell cell;  // begins a line

  uint64_t hash = 0;
  ByteBuffer attributes;  // a set (model/attribute_set.h)
  WallTime start{};
  uint64_t accounted_bytes = 0;      // of the memory bound; the stream's lock
  std::atomic<uint32_t> handles{0};  // that are bound to it: it stays for them
  Totals totals;
  RoundSum round;
};

// A measurement's value.
struct Measure {
  bool is_integer;
  int64_t integer;
  double real;

  static constexpr Measure of(int64_t value) noexcept {
    return {true, value, static_cast<double>(value)};
  }
  static constexpr Measure of(double value) noexcept { return {false, 0, value}; }
};

// The thread's cell of a series that it does not own the first cell of. Null where there is no
// memory for one.
Cell* find_cell(Series& series, Writer& writer) noexcept;

// The thread's own cell, where it is at hand; null: it has to be looked for, or it is shared.
inline Cell* own_cell(Series& series, const Writer& writer) noexcept {
  if (series.owner.load(std::memory_order_relaxed) == writer.number) [[likely]]
    return &series.cell;
  const Writer::Recent& recent = writer.recent[series.id % Writer::kRecent];
  return recent.series == series.id ? recent.cell : nullptr;
}

// Sets what a gauge or an observation is, at that time.
void set_last(LastValue& last, Measure value, uint64_t ticks) noexcept;

// What became of a measurement. The worse one of two series is the larger one.
enum class Outcome : uint8_t {
  kTaken,
  kInvalid,  // none that can be taken, or one that the sum cannot hold
  kNoMemory,
};

// Counts a measurement that was not taken; the thread is inside.
inline void count(Outcome outcome, Writer& writer) noexcept {
  if (outcome == Outcome::kInvalid) Writer::count(writer.invalid);
  if (outcome == Outcome::kNoMemory) Writer::count(writer.out_of_memory);
}

// The ways that are not a plain addition.
Outcome record_slowly(Series& series, Writer& writer, uint32_t half, Measure value,
                      uint64_t ticks) noexcept;

// Takes a measurement that is a plain addition to a cell at hand; false where it is not. Calls
// nothing, so that whoever calls it needs no more registers than there are.
[[gnu::always_inline]] inline bool add_at_once(Series& series, Writer& writer, uint32_t half,
                                               int64_t value) noexcept {
  if (series.aggregation != Aggregation::kSum || (value < 0 && series.only_grows)) return false;
  Cell* const cell = own_cell(series, writer);
  if (cell == nullptr) return false;
  SumPart& part = cell->sums[half];
  int64_t sum = 0;
  if (__builtin_add_overflow(part.integer, value, &sum)) return false;
  part.integer = sum;
  ++part.count;
  return true;
}
[[gnu::always_inline]] inline bool add_at_once(Series& series, Writer& writer, uint32_t half,
                                               double value) noexcept {
  if (series.aggregation != Aggregation::kSum || !(value >= 0)) return false;
  Cell* const cell = own_cell(series, writer);
  if (cell == nullptr) return false;
  SumPart& part = cell->sums[half];
  const double sum = part.real + value;
  if (!(sum <= std::numeric_limits<double>::max())) return false;
  part.real = sum;
  ++part.count;
  return true;
}

// Takes one measurement; the thread is inside, and `half` is what the phase says. Where it was left
// out, that is the caller's to count: once, whichever views there are.
template <typename Value>
Outcome record(Series& series, Writer& writer, uint32_t half, Value value,
               uint64_t ticks) noexcept {
  if (add_at_once(series, writer, half, value)) [[likely]]
    return Outcome::kTaken;
  return record_slowly(series, writer, half, Measure::of(value), ticks);
}

}  // namespace forebay::metrics
