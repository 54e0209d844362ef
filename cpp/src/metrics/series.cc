#include "metrics/series.h"

#include <atomic>
#include <cmath>
#include <thread>

#include "metrics/stream.h"

namespace forebay::metrics {
namespace {

template <typename T>
std::atomic_ref<T> shared(T& value) noexcept {
  return std::atomic_ref<T>(value);
}

// False: the sum would be infinite.
bool add_real(double& sum, double value, bool is_shared) noexcept {
  if (!is_shared) {
    const double result = sum + value;
    if (!std::isfinite(result)) return false;
    sum = result;
    return true;
  }
  double before = shared(sum).load(std::memory_order_relaxed);
  do {
    if (!std::isfinite(before + value)) return false;
  } while (!shared(sum).compare_exchange_weak(before, before + value, std::memory_order_relaxed));
  return true;
}

template <typename Better>
void replace_shared(double& extreme, double value, Better better) noexcept {
  double before = shared(extreme).load(std::memory_order_relaxed);
  while (better(value, before) &&
         !shared(extreme).compare_exchange_weak(before, value, std::memory_order_relaxed)) {
  }
}

// False: the sum would wrap.
bool add_integer(SumPart& part, int64_t value, bool is_shared) noexcept {
  if (!is_shared) {
    int64_t sum = 0;
    if (__builtin_add_overflow(part.integer, value, &sum)) return false;
    part.integer = sum;
    ++part.count;
    return true;
  }
  int64_t before = shared(part.integer).load(std::memory_order_relaxed);
  int64_t sum = 0;
  do {
    if (__builtin_add_overflow(before, value, &sum)) return false;
  } while (!shared(part.integer).compare_exchange_weak(before, sum, std::memory_order_relaxed));
  shared(part.count).fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool add_to_sum(SumPart& part, Measure value, bool is_shared) noexcept {
  if (value.is_integer) return add_integer(part, value.integer, is_shared);
  if (!add_real(part.real, value.real, is_shared)) return false;
  if (is_shared) {
    shared(part.count).fetch_add(1, std::memory_order_relaxed);
  } else {
    ++part.count;
  }
  return true;
}

// The value is in its bucket also where the sum has to be cut; the fold sees that and counts it.
void add_to_histogram(HistogramPart& part, std::span<const double> bounds, double value,
                      bool is_shared) noexcept {
  if (!add_real(part.sum, value, is_shared))
    shared(part.sum).store(std::copysign(kMostReal, value));
  const auto bucket =
      static_cast<size_t>(std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin());
  if (!is_shared) {
    ++part.count;
    part.min = std::min(part.min, value);
    part.max = std::max(part.max, value);
    ++part.counts()[bucket];
    return;
  }
  shared(part.count).fetch_add(1, std::memory_order_relaxed);
  replace_shared(part.min, value, std::less<>{});
  replace_shared(part.max, value, std::greater<>{});
  shared(part.counts()[bucket]).fetch_add(1, std::memory_order_relaxed);
}

Outcome add_to_exponential(ExponentialHistogram& histogram, double value) noexcept {
  return histogram.record(value) ? Outcome::kTaken : Outcome::kNoMemory;
}

Outcome add_to_exponential(Cell& cell, uint32_t half, double value) noexcept {
  ExponentialHistogram& histogram = *cell.exponentials[half];
  if (!cell.is_shared()) return add_to_exponential(histogram, value);
  // Only the ninth thread of a series and those after it come here; what is done inside takes some
  // tens of nanoseconds.
  while (cell.lock.exchange(1, std::memory_order_acquire) != 0) std::this_thread::yield();
  const Outcome outcome = add_to_exponential(histogram, value);
  cell.lock.store(0, std::memory_order_release);
  return outcome;
}

// NaN and infinities are no measurements; a counter does not go down and a histogram has no sum
// with values below zero, whatever a view makes of them.
bool is_valid(const Series& series, Measure value) noexcept {
  if (!value.is_integer && !std::isfinite(value.real)) return false;
  return !series.only_grows || (value.is_integer ? value.integer >= 0 : value.real >= 0);
}

}  // namespace

void set_last(LastValue& last, Measure value, uint64_t ticks) noexcept {
  if (value.is_integer) {
    last.integer.store(value.integer, std::memory_order_relaxed);
    last.integer_turn.store(ticks, std::memory_order_release);
  } else {
    last.real.store(value.real, std::memory_order_relaxed);
    last.real_turn.store(ticks, std::memory_order_release);
  }
}

Cell* find_cell(Series& series, Writer& writer) noexcept {
  uint32_t nobody = Cell::kNobody;
  if (series.owner.compare_exchange_strong(nobody, writer.number, std::memory_order_relaxed)) {
    return &series.cell;
  }
  Writer::Recent& recent = writer.recent[series.id % Writer::kRecent];
  if (recent.series == series.id) return recent.cell != nullptr ? recent.cell : recent.shared;
  Cell* const cell = series.stream->find_cell(series, writer.number);
  if (cell != nullptr) {
    const bool is_shared = cell->is_shared();
    recent = {series.id, is_shared ? nullptr : cell, is_shared ? cell : nullptr};
  }
  return cell;
}

Outcome record_slowly(Series& series, Writer& writer, uint32_t half, Measure value,
                      uint64_t ticks) noexcept {
  if (!is_valid(series, value)) return Outcome::kInvalid;
  if (series.aggregation == Aggregation::kLastValue) {
    set_last(series.cell.last, value, ticks);
    return Outcome::kTaken;
  }
  Cell* cell = own_cell(series, writer);
  if (cell == nullptr) cell = find_cell(series, writer);
  if (cell == nullptr) return Outcome::kNoMemory;
  if (series.aggregation == Aggregation::kExponentialHistogram) {
    return add_to_exponential(*cell, half, value.real);
  }
  if (series.aggregation == Aggregation::kHistogram) {
    add_to_histogram(*cell->histograms[half], series.stream->options().bounds, value.real,
                     cell->is_shared());
    return Outcome::kTaken;
  }
  const bool is_taken = add_to_sum(cell->sums[half], value, cell->is_shared());
  return is_taken ? Outcome::kTaken : Outcome::kInvalid;
}

}  // namespace forebay::metrics
