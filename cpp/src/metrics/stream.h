// A stream: an instrument seen through a view, with its series.
//
// Who records looks a series up without a lock, while it is inside (writer.h): the table is an
// array of pointers that are only ever filled in, and a larger one takes its place when it is half
// full. Series, cells and tables are made under the stream's lock. What is taken out is freed by a
// later collection, when nobody who is inside can know it any more.
//
// Once there are `cardinality_limit` series, measurements with further attributes go into one more,
// {otel.metric.overflow: true}, which was made first; so they do where memory has come to its
// bound. None is lost. With delta temporality a series that nothing was measured for since the last
// collection makes room, where more than half of the limit is used.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "metrics/instrument.h"
#include "metrics/series.h"
#include "model/attribute_set.h"
#include "model/metric_points.h"

namespace forebay::metrics {

// What the series of a store may take, together.
class MemoryBound {
 public:
  explicit MemoryBound(uint64_t max_bytes) noexcept : max_bytes_(max_bytes) {}
  // False: it would be over the bound.
  bool take(uint64_t bytes) noexcept {
    if (used_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= max_bytes_) return true;
    give_back(bytes);
    return false;
  }
  void give_back(uint64_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }

 private:
  const uint64_t max_bytes_;
  std::atomic<uint64_t> used_{0};
};

// What a store's streams share.
struct StreamSurroundings {
  const std::atomic<uint32_t>* phase = nullptr;
  MemoryBound* memory = nullptr;
  const Clock* clock = nullptr;
  std::atomic<uint64_t>* next_series_id = nullptr;
};

// Who collects. The periodic reader has the temporality of the stream, and takes what is pending;
// others see what came together since each series began, and take nothing.
enum class Reader : uint8_t { kPeriodic, kCumulative };

class Stream {
 public:
  // `options.scope` etc. must live as long. Throws std::bad_alloc.
  Stream(StreamOptions options, const StreamSurroundings& surroundings);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] const StreamOptions& options() const noexcept { return options_; }

  // -- who is inside --
  // The series of that set: found, made, or the overflow's. Never null.
  [[nodiscard]] Series* find(const model::AttributeSetKey& key) noexcept;
  // A cell for one more thread of a series; null where there is no memory.
  Cell* find_cell(Series& series, uint32_t number) noexcept;

  // -- anyone --
  // The set by which it knows these attributes: those that its view keeps. Throws std::bad_alloc.
  [[nodiscard]] model::AttributeSetKey key(const forebay_attribute* attributes,
                                           uint32_t count) const {
    return {attributes, count, options_.filters_attributes() ? keeps : nullptr, &options_};
  }
  // The same, for a handle that stays bound to it.
  [[nodiscard]] Series* bind(const model::AttributeSetKey& key) noexcept;
  void unbind(Series& series) noexcept;
  // Of an observable instrument: what was observed. `ticks` is a time, `since` when this round of
  // observations began. What a sum's view or the overflow tells apart no more is added up.
  void observe(const model::AttributeSetKey& key, Measure value, uint64_t ticks,
               uint64_t since) noexcept;
  [[nodiscard]] uint32_t series() const noexcept { return live_.load(std::memory_order_relaxed); }

  // -- the collector, one at a time --
  // After the phase was turned and all are past it: takes what the old half has into the totals.
  void fold(uint32_t half);
  // The round of observations that began then is over, and its sums are seen; a periodic collection
  // does that by itself.
  void settle(uint64_t since) noexcept;
  // Hands the points over. `since`: of an observable instrument, only what was observed after it.
  void collect(Reader reader, WallTime now, uint64_t since, model::MetricSink& sink);
  // Measurements that are in a sum which was cut at the largest number that it can hold.
  [[nodiscard]] uint64_t clamped() const noexcept {
    return clamped_.load(std::memory_order_relaxed);
  }

 private:
  struct Table {
    explicit Table(size_t slots)
        : mask(slots - 1), slots(std::make_unique<std::atomic<Series*>[]>(slots)) {}
    const size_t mask;
    std::unique_ptr<std::atomic<Series*>[]> slots;
  };

  static bool keeps(const void* options, std::string_view key) {
    return static_cast<const StreamOptions*>(options)->keeps(key);
  }
  static Series* look_up(const Table& table, ByteView set, uint64_t hash) noexcept;
  static void insert(Table& table, Series* series) noexcept;
  Series* make(ByteView set, uint64_t hash, bool is_overflow);      // locked
  Series* find_locked(const model::AttributeSetKey& key) noexcept;  // made, or the overflow's
  void grow_table(size_t series);                                   // locked
  void add_part(Cell& cell) const;
  [[nodiscard]] uint64_t cell_bytes() const noexcept;
  void fold_series(Series& series, uint32_t half) noexcept;
  void fold_cell(Series& series, Cell& cell, uint32_t half) noexcept;
  // Nothing was measured since the last collection; of streams with delta temporality.
  [[nodiscard]] bool is_idle(const Series& series) const noexcept;
  void adopt(Series& live, Series& retired) noexcept;
  void settle_retired();
  void retire(const std::vector<Series*>& idle);
  class Points;  // one collection of the stream
  void emit(Series& series, Points& points);
  void emit_sum(Series& series, Points& points);
  void emit_last_value(Series& series, Points& points);
  static void settle_locked(Series& series, uint64_t since) noexcept;
  void emit_histogram(Series& series, Points& points);
  void emit_exponential(Series& series, Points& points);
  [[nodiscard]] bool is_delta(Reader reader) const noexcept {
    return reader == Reader::kPeriodic && options_.temporality == model::Temporality::kDelta;
  }

  const StreamOptions options_;
  const StreamSurroundings surroundings_;
  std::atomic<Table*> table_{nullptr};
  std::atomic<uint32_t> live_{0};  // series in the table, without the overflow's
  std::atomic<uint64_t> clamped_{0};
  WallTime interval_start_;  // of the deltas that are pending

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Series>> series_;  // all, the retired ones included
  std::vector<std::unique_ptr<Table>> tables_;   // the last one is in use
  Series* overflow_ = nullptr;
  // The collector's.
  std::vector<Series*> collected_;
  std::vector<Series*> retired_;
  size_t old_tables_ = 0;  // of tables_, from the front: known to nobody at the next fold()
};

}  // namespace forebay::metrics
