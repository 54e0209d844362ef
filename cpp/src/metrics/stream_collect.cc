// The collector's part of a stream: what the cells have goes into the totals, and these go out as
// points.
#include <algorithm>
#include <cmath>

#include "metrics/stream.h"

namespace forebay::metrics {
namespace {

using model::ExponentialHistogramPoint;
using model::HistogramPoint;
using model::NumberPoint;

bool merge(SumPart& into, const SumPart& part) noexcept {
  into.count += part.count;
  const bool fits = add_clamped(into.real, part.real);
  return add_clamped(into.integer, part.integer) && fits;
}

ExponentialHistogramPoint::Buckets buckets_of(const ExponentialBuckets* buckets) noexcept {
  if (buckets == nullptr || buckets->empty()) return {};
  return {buckets->low(), buckets->counts()};
}

model::PointKind point_kind(Aggregation aggregation) noexcept {
  switch (aggregation) {
    case Aggregation::kLastValue:
      return model::PointKind::kGauge;
    case Aggregation::kHistogram:
      return model::PointKind::kHistogram;
    case Aggregation::kExponentialHistogram:
      return model::PointKind::kExponentialHistogram;
    case Aggregation::kSum:
      break;
  }
  return model::PointKind::kSum;
}

}  // namespace

class Stream::Points {
 public:
  Points(const StreamOptions& options, Reader reader, bool is_delta, WallTime interval_start,
         WallTime now, uint64_t since, model::MetricSink& sink)
      : since(since),
        takes_all(reader == Reader::kPeriodic),
        is_delta(is_delta),
        options_(options),
        interval_start_(interval_start),
        now_(now),
        sink_(sink) {}

  const uint64_t since;
  const bool takes_all;  // it ends what is pending, and the round of observations
  const bool is_delta;

  template <typename Point>
  void add(const Series& series, Point& point) {
    if (!has_begun_) {
      sink_.begin_stream({
          .scope = options_.scope,
          .name = options_.name,
          .description = options_.description,
          .unit = options_.unit,
          .kind = point_kind(options_.aggregation),
          .temporality = is_delta ? model::Temporality::kDelta : model::Temporality::kCumulative,
          .is_monotonic = options_.is_monotonic(),
      });
      has_begun_ = true;
    }
    point.attributes = series.attributes.view();
    point.time = now_;
    if (options_.aggregation != Aggregation::kLastValue) {
      point.start = is_delta ? interval_start_ : series.start;
    }
    sink_.add(point);
  }

 private:
  const StreamOptions& options_;
  const WallTime interval_start_;
  const WallTime now_;
  model::MetricSink& sink_;
  bool has_begun_ = false;
};

// With deltas the total is only what a scrape shows: it has no say in what is lost.
void Stream::fold_cell(Series& series, Cell& cell, uint32_t half) noexcept {
  Totals& totals = series.totals;
  const bool has_pending = options_.temporality == model::Temporality::kDelta;
  const auto count = [&](bool fits, uint64_t measurements) {
    if (!fits) clamped_.fetch_add(measurements, std::memory_order_relaxed);
  };
  if (series.aggregation == Aggregation::kSum) {
    SumPart& part = cell.sums[half];
    if (part.count == 0) return;
    totals.has_real |= part.real != 0;
    bool fits = merge(totals.sum_total, part);
    if (has_pending) fits = merge(totals.sum_pending, part);
    count(fits, part.count);
    part = {};
  } else if (series.aggregation == Aggregation::kHistogram) {
    HistogramPart& part = *cell.histograms[half];
    if (part.count == 0) return;
    totals.has_negative |= part.min < 0;
    bool fits = totals.histogram_total->merge(part);
    if (has_pending) fits = totals.histogram_pending->merge(part);
    count(fits && is_whole(part.sum), part.count);
    part.clear();
  } else if (series.aggregation == Aggregation::kExponentialHistogram) {
    ExponentialHistogram& part = *cell.exponentials[half];
    if (part.count() == 0) return;
    // Where there is no memory it stays where it is, for the next time that this half is read.
    if (!totals.exponential_total->prepare(part)) return;
    if (has_pending && !totals.exponential_pending->prepare(part)) return;
    totals.has_negative |= part.min() < 0;
    const ExponentialHistogram& told =
        has_pending ? *totals.exponential_pending : *totals.exponential_total;
    const bool fits = std::isfinite(told.sum() + part.sum());
    count(fits && is_whole(part.sum()), part.count());
    totals.exponential_total->merge(part);
    if (has_pending) totals.exponential_pending->merge(part);
    part.clear();
  }
}

void Stream::fold_series(Series& series, uint32_t half) noexcept {
  fold_cell(series, series.cell, half);
  for (Cell* cell = series.more.load(std::memory_order_acquire); cell != nullptr;
       cell = cell->next) {
    fold_cell(series, *cell, half);
  }
}

void Stream::fold(uint32_t half) {
  {
    const std::lock_guard lock(mutex_);
    settle_retired();
    collected_.clear();
    collected_.reserve(series_.size());
    for (const auto& series : series_) collected_.push_back(series.get());
  }
  for (Series* series : collected_) fold_series(*series, half);
}

// Nobody can know the retired series any more, but for who came here before they were: what these
// still measured goes to the living series of the same set, or it lives on.
void Stream::settle_retired() {
  tables_.erase(tables_.begin(), tables_.begin() + static_cast<std::ptrdiff_t>(old_tables_));
  old_tables_ = 0;
  std::vector<Series*> gone;
  gone.reserve(retired_.size());
  for (Series* series : retired_) {
    for (uint32_t half = 0; half < kHalves; ++half) fold_series(*series, half);
    if (!is_idle(*series)) {
      Series* live = look_up(*tables_.back(), series->attributes.view(), series->hash);
      if (live == nullptr) {
        grow_table(live_.load(std::memory_order_relaxed) + 2);
        insert(*tables_.back(), series);
        live_.fetch_add(1, std::memory_order_relaxed);
        series->is_retired = false;
        continue;
      }
      adopt(*live, *series);
    }
    gone.push_back(series);
  }
  retired_.clear();
  if (gone.empty()) return;
  std::ranges::sort(gone);
  std::erase_if(series_, [&](const std::unique_ptr<Series>& series) {
    if (!std::ranges::binary_search(gone, series.get())) return false;
    surroundings_.memory->give_back(series->accounted_bytes);
    return true;
  });
}

bool Stream::is_idle(const Series& series) const noexcept {
  const Totals& totals = series.totals;
  switch (series.aggregation) {
    case Aggregation::kHistogram:
      return totals.histogram_pending->count == 0;
    case Aggregation::kExponentialHistogram:
      return totals.exponential_pending->count() == 0;
    case Aggregation::kLastValue:  // a gauge has no deltas
    case Aggregation::kSum:
      break;
  }
  return totals.sum_pending.count == 0;
}

void Stream::adopt(Series& live, Series& retired) noexcept {
  Totals& to = live.totals;
  const Totals& from = retired.totals;
  to.has_real |= from.has_real;
  to.has_negative |= from.has_negative;
  if (live.aggregation == Aggregation::kSum) {
    merge(to.sum_total, from.sum_pending);
    merge(to.sum_pending, from.sum_pending);
  } else if (live.aggregation == Aggregation::kHistogram) {
    to.histogram_total->merge(*from.histogram_pending);
    to.histogram_pending->merge(*from.histogram_pending);
  } else if (live.aggregation == Aggregation::kExponentialHistogram) {
    to.exponential_total->merge(*from.exponential_pending);
    to.exponential_pending->merge(*from.exponential_pending);
  }
}

// Takes them out of the table. They are freed by a later fold().
void Stream::retire(const std::vector<Series*>& idle) {
  const std::lock_guard lock(mutex_);
  const size_t slots = tables_.back()->mask + 1;
  retired_.reserve(retired_.size() + idle.size());
  tables_.reserve(tables_.size() + 1);
  auto table = std::make_unique<Table>(slots);
  uint32_t count = 0;
  for (Series* series : idle) {
    if (series->handles.load(std::memory_order_relaxed) != 0) continue;
    series->is_retired = true;
    retired_.push_back(series);
    ++count;
  }
  for (const auto& series : series_) {
    if (!series->is_retired) insert(*table, series.get());
  }
  old_tables_ = tables_.size();
  tables_.push_back(std::move(table));
  live_.fetch_sub(count, std::memory_order_relaxed);
  table_.store(tables_.back().get(), std::memory_order_release);
}

void Stream::collect(Reader reader, WallTime now, uint64_t since, model::MetricSink& sink) {
  Points points(options_, reader, is_delta(reader), interval_start_, now, since, sink);
  std::vector<Series*> idle;
  const bool wants_room = is_delta(reader) && !is_observable(options_.kind) &&
                          live_.load(std::memory_order_relaxed) > options_.cardinality_limit / 2;
  for (Series* series : collected_) {
    if (series->is_retired) continue;
    if (wants_room && !series->is_overflow && is_idle(*series)) idle.push_back(series);
    emit(*series, points);
  }
  if (!is_delta(reader)) return;
  interval_start_ = now;
  if (!idle.empty()) retire(idle);
}

void Stream::emit(Series& series, Points& points) {
  switch (series.aggregation) {
    case Aggregation::kSum:
      emit_sum(series, points);
      break;
    case Aggregation::kLastValue:
      emit_last_value(series, points);
      break;
    case Aggregation::kHistogram:
      emit_histogram(series, points);
      break;
    case Aggregation::kExponentialHistogram:
      emit_exponential(series, points);
      break;
  }
}

void Stream::emit_sum(Series& series, Points& points) {
  Totals& totals = series.totals;
  const SumPart& part = points.is_delta ? totals.sum_pending : totals.sum_total;
  if (part.count == 0) return;
  NumberPoint point;
  point.is_integer = !options_.is_real && !totals.has_real;
  point.integer = part.integer;
  point.real = static_cast<double>(part.integer) + part.real;
  points.add(series, point);
  if (points.is_delta) totals.sum_pending = {};
}

// What this round of observations added up to, once it is over.
void Stream::settle_locked(Series& series, uint64_t since) noexcept {
  const RoundSum& round = series.round;
  if (round.since != since) return;
  LastValue& last = series.cell.last;
  series.totals.has_real |= round.has_real;
  last.integer.store(round.sum.integer, std::memory_order_relaxed);
  last.real.store(round.sum.real, std::memory_order_relaxed);
  last.integer_turn.store(since, std::memory_order_release);
}

void Stream::settle(uint64_t since) noexcept {
  const std::lock_guard lock(mutex_);
  for (const auto& series : series_) {
    if (series->adds_up) settle_locked(*series, since);
  }
}

void Stream::emit_last_value(Series& series, Points& points) {
  const LastValue& last = series.cell.last;
  Totals& totals = series.totals;
  if (series.adds_up && points.takes_all) {
    const std::lock_guard lock(mutex_);
    settle_locked(series, points.since);
  }
  const uint64_t integer_turn = last.integer_turn.load(std::memory_order_acquire);
  const uint64_t real_turn = last.real_turn.load(std::memory_order_acquire);
  const uint64_t turn = std::max(integer_turn, real_turn);
  if (turn == 0 || (is_observable(options_.kind) && turn < points.since)) return;
  totals.has_real |= options_.is_real || real_turn > integer_turn;
  NumberPoint point;
  point.is_integer = !totals.has_real;
  point.integer = last.integer.load(std::memory_order_relaxed);
  point.real = static_cast<double>(point.integer);
  const double real = last.real.load(std::memory_order_relaxed);
  if (series.adds_up) {
    (void)add_clamped(point.real, real);
  } else if (integer_turn < real_turn) {
    point.real = real;
  }
  if (options_.aggregation == Aggregation::kSum && points.is_delta) {
    // What was reported so far; a counter that went down began anew.
    SumPart& before = totals.sum_pending;
    const SumPart now{point.integer, point.real, 1};
    const bool is_less = point.is_integer ? now.integer < before.integer : now.real < before.real;
    if (!options_.is_monotonic() || !is_less) {
      (void)add_clamped(point.real, -before.real);
      if (__builtin_sub_overflow(point.integer, before.integer, &point.integer)) {
        point.is_integer = false;
      }
    }
    points.add(series, point);
    before = now;
    return;
  }
  points.add(series, point);
}

void Stream::emit_histogram(Series& series, Points& points) {
  Totals& totals = series.totals;
  HistogramPart& part = points.is_delta ? *totals.histogram_pending : *totals.histogram_total;
  if (part.count == 0) return;
  HistogramPoint point;
  point.count = part.count;
  point.has_sum = !totals.has_negative;
  point.sum = part.sum;
  point.min = part.min;
  point.max = part.max;
  point.bounds = options_.bounds;
  point.bucket_counts = {part.counts(), part.buckets};
  points.add(series, point);
  if (points.is_delta) part.clear();
}

void Stream::emit_exponential(Series& series, Points& points) {
  Totals& totals = series.totals;
  ExponentialHistogram& part =
      points.is_delta ? *totals.exponential_pending : *totals.exponential_total;
  if (part.count() == 0) return;
  ExponentialHistogramPoint point;
  point.count = part.count();
  point.has_sum = !totals.has_negative;
  point.sum = part.sum();
  point.min = part.min();
  point.max = part.max();
  point.scale = part.scale();
  point.zero_count = part.zero_count();
  point.positive = buckets_of(&part.positive());
  point.negative = buckets_of(part.negative());
  points.add(series, point);
  if (points.is_delta) part.clear();
}

}  // namespace forebay::metrics
