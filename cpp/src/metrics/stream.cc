#include "metrics/stream.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace forebay::metrics {
namespace {

constexpr size_t kFirstSlots = 16;

// {otel.metric.overflow: true}
forebay_attribute overflow_attribute() noexcept {
  static constexpr std::string_view kKey = "otel.metric.overflow";
  forebay_attribute attribute{};
  attribute.key = kKey.data();
  attribute.key_size = kKey.size();
  attribute.value.type = FOREBAY_BOOL;
  attribute.value.as.i64 = 1;
  return attribute;
}

bool is_set(const Series& series, ByteView set) noexcept {
  const ByteView mine = series.attributes.view();
  return mine.size() == set.size() &&
         (set.empty() || std::memcmp(mine.data(), set.data(), set.size()) == 0);
}

}  // namespace

Stream::Stream(StreamOptions options, const StreamSurroundings& surroundings)
    : options_(std::move(options)),
      surroundings_(surroundings),
      interval_start_(surroundings.clock->wall_now()) {
  tables_.push_back(std::make_unique<Table>(kFirstSlots));
  const forebay_attribute overflow = overflow_attribute();
  const model::AttributeSetKey key(&overflow, 1);
  overflow_ = make(key.bytes(), key.hash(), true);
  insert(*tables_.back(), overflow_);
  table_.store(tables_.back().get(), std::memory_order_release);
}

Stream::~Stream() = default;

Series::~Series() {
  const auto free_parts = [this](Cell& cell) {
    for (uint32_t half = 0; half < kHalves; ++half) {
      if (aggregation == Aggregation::kHistogram) HistogramPart::Free{}(cell.histograms[half]);
      if (aggregation == Aggregation::kExponentialHistogram) delete cell.exponentials[half];
    }
  };
  free_parts(cell);
  for (Cell* next = more.load(std::memory_order_relaxed); next != nullptr;) {
    const std::unique_ptr<Cell> owned(next);
    next = owned->next;
    free_parts(*owned);
  }
}

Series* Stream::look_up(const Table& table, ByteView set, uint64_t hash) noexcept {
  for (size_t slot = hash & table.mask;; slot = (slot + 1) & table.mask) {
    Series* const series = table.slots[slot].load(std::memory_order_acquire);
    if (series == nullptr || (series->hash == hash && is_set(*series, set))) return series;
  }
}

void Stream::insert(Table& table, Series* series) noexcept {
  size_t slot = series->hash & table.mask;
  while (table.slots[slot].load(std::memory_order_relaxed) != nullptr) {
    slot = (slot + 1) & table.mask;
  }
  table.slots[slot].store(series, std::memory_order_release);
}

Series* Stream::find(const model::AttributeSetKey& key) noexcept {
  Series* const found = look_up(*table_.load(std::memory_order_acquire), key.bytes(), key.hash());
  if (found != nullptr) return found;
  const std::lock_guard lock(mutex_);
  return find_locked(key);
}

Series* Stream::find_locked(const model::AttributeSetKey& key) noexcept {
  if (Series* found = look_up(*tables_.back(), key.bytes(), key.hash())) return found;
  if (live_.load(std::memory_order_relaxed) >= options_.cardinality_limit) return overflow_;
  const uint64_t bytes = cell_bytes() + sizeof(Series) + key.bytes().size();
  if (!surroundings_.memory->take(bytes)) return overflow_;
  try {
    grow_table(live_.load(std::memory_order_relaxed) + 2);
    Series* const series = make(key.bytes(), key.hash(), false);
    series->accounted_bytes = bytes;
    insert(*tables_.back(), series);
    live_.fetch_add(1, std::memory_order_relaxed);
    return series;
  } catch (const std::bad_alloc&) {
    surroundings_.memory->give_back(bytes);
    return overflow_;
  }
}

Series* Stream::make(ByteView set, uint64_t hash, bool is_overflow) {
  auto series = std::make_unique<Series>();
  series->phase = surroundings_.phase;
  series->aggregation =
      is_observable(options_.kind) ? Aggregation::kLastValue : options_.aggregation;
  series->only_grows = options_.kind == InstrumentKind::kCounter ||
                       options_.kind == InstrumentKind::kHistogram ||
                       (options_.is_monotonic() && options_.aggregation == Aggregation::kSum);
  series->is_overflow = is_overflow;
  series->adds_up = is_observable(options_.kind) && options_.aggregation == Aggregation::kSum &&
                    (is_overflow || options_.filters_attributes());
  series->stream = this;
  series->id = surroundings_.next_series_id->fetch_add(1, std::memory_order_relaxed);
  series->hash = hash;
  series->attributes = ByteBuffer::copy_of(set);
  series->start = surroundings_.clock->wall_now();
  if (series->aggregation == Aggregation::kLastValue) {
    new (&series->cell.last) LastValue;
  } else {
    add_part(series->cell);
  }
  Totals& totals = series->totals;
  const bool is_delta = options_.temporality == model::Temporality::kDelta;
  const size_t buckets = options_.bounds.size() + 1;
  if (series->aggregation == Aggregation::kHistogram) {
    totals.histogram_total.reset(HistogramPart::make(buckets));
    if (is_delta) totals.histogram_pending.reset(HistogramPart::make(buckets));
  } else if (series->aggregation == Aggregation::kExponentialHistogram) {
    const uint32_t most = options_.max_buckets;
    totals.exponential_total = std::make_unique<ExponentialHistogram>(most);
    if (is_delta) totals.exponential_pending = std::make_unique<ExponentialHistogram>(most);
  }
  series_.reserve(series_.size() + 1);
  series_.push_back(std::move(series));
  return series_.back().get();
}

void Stream::grow_table(size_t series) {
  const Table& now = *tables_.back();
  if (2 * (series + 1) <= now.mask + 1) return;
  tables_.reserve(tables_.size() + 1);
  auto larger = std::make_unique<Table>(2 * (now.mask + 1));
  for (size_t slot = 0; slot <= now.mask; ++slot) {
    if (Series* one = now.slots[slot].load(std::memory_order_relaxed)) insert(*larger, one);
  }
  tables_.push_back(std::move(larger));
  table_.store(tables_.back().get(), std::memory_order_release);
}

uint64_t Stream::cell_bytes() const noexcept {
  switch (is_observable(options_.kind) ? Aggregation::kLastValue : options_.aggregation) {
    case Aggregation::kHistogram:
      return 4 * HistogramPart::bytes(options_.bounds.size() + 1);
    case Aggregation::kExponentialHistogram:
      return uint64_t{4} * (sizeof(ExponentialHistogram) + 8 * options_.max_buckets);
    default:
      return 0;
  }
}

void Stream::add_part(Cell& cell) const {
  if (options_.aggregation == Aggregation::kHistogram) {
    const size_t buckets = options_.bounds.size() + 1;
    OwnedHistogramPart first(HistogramPart::make(buckets));
    cell.histograms[1] = HistogramPart::make(buckets);
    cell.histograms[0] = first.release();
  } else if (options_.aggregation == Aggregation::kExponentialHistogram) {
    auto first = std::make_unique<ExponentialHistogram>(options_.max_buckets);
    cell.exponentials[1] = new ExponentialHistogram(options_.max_buckets);
    cell.exponentials[0] = first.release();
  }
}

Cell* Stream::find_cell(Series& series, uint32_t number) noexcept try {
  const std::lock_guard lock(mutex_);
  uint32_t owned = 0;
  Cell* shared = nullptr;
  for (Cell* cell = series.more.load(std::memory_order_relaxed); cell != nullptr;
       cell = cell->next) {
    const uint32_t owner = cell->owner.load(std::memory_order_relaxed);
    if (owner == number) return cell;
    if (owner == Cell::kShared) {
      shared = cell;
    } else {
      ++owned;
    }
  }
  const uint64_t bytes = sizeof(Cell) + cell_bytes() / 2;
  const bool may_own = owned < kOwnedCells && surroundings_.memory->take(bytes);
  if (!may_own && shared != nullptr) return shared;
  auto cell = std::make_unique<Cell>();
  add_part(*cell);
  if (may_own) series.accounted_bytes += bytes;
  cell->owner.store(may_own ? number : Cell::kShared, std::memory_order_relaxed);
  cell->next = series.more.load(std::memory_order_relaxed);
  series.more.store(cell.get(), std::memory_order_release);
  return cell.release();
} catch (const std::bad_alloc&) {
  return nullptr;
}

Series* Stream::bind(const model::AttributeSetKey& key) noexcept {
  const std::lock_guard lock(mutex_);
  Series* const series = find_locked(key);
  series->handles.fetch_add(1, std::memory_order_relaxed);
  return series;
}

void Stream::unbind(Series& series) noexcept {
  series.handles.fetch_sub(1, std::memory_order_relaxed);
}

void Stream::observe(const model::AttributeSetKey& key, Measure value, uint64_t ticks,
                     uint64_t since) noexcept {
  const std::lock_guard lock(mutex_);
  Series* const series = find_locked(key);
  if (!series->adds_up) {
    set_last(series->cell.last, value, ticks);
    return;
  }
  // Seen only when its round is over: half of a sum would look like a counter that began anew.
  RoundSum& round = series->round;
  if (since < round.since) return;  // late: another round has begun
  if (since > round.since) round = {.since = since, .sum = {}, .has_real = false};
  const bool fits = value.is_integer ? add_clamped(round.sum.integer, value.integer)
                                     : add_clamped(round.sum.real, value.real);
  if (!fits) clamped_.fetch_add(1, std::memory_order_relaxed);
  round.has_real |= !value.is_integer;
}

}  // namespace forebay::metrics
