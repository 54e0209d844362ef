// Where measurements are added up: the cells of a series.
//
// A cell has two halves. Threads write into the half that the store's phase names; a collection
// turns the phase, waits until no thread is in the middle of a measurement that began before
// (writer.h), and then has the other half for itself: it reads it and leaves it empty. So no half
// is ever read while it is written, and a measurement is in exactly one collection.
//
// A cell has one owner, a thread, which adds with plain loads and stores. A series has one cell
// inside it, and gets more as more threads come, up to kOwnedCells; those beyond share one, where
// every add is a read-modify-write.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <span>

#include "metrics/clamped.h"
#include "metrics/exponential_histogram.h"

namespace forebay::metrics {

inline constexpr uint32_t kHalves = 2;
inline constexpr uint32_t kOwnedCells = 8;  // of a series, besides its first

// Integers and floating point numbers are added up apart, so that integers stay exact.
struct SumPart {
  int64_t integer = 0;
  double real = 0;
  uint64_t count = 0;
};

// Followed by its bucket counts.
struct HistogramPart {
  uint64_t count = 0;
  double sum = 0;
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  uint64_t buckets = 0;  // how many

  [[nodiscard]] uint64_t* counts() noexcept { return reinterpret_cast<uint64_t*>(this + 1); }
  [[nodiscard]] const uint64_t* counts() const noexcept {
    return reinterpret_cast<const uint64_t*>(this + 1);
  }
  void clear() noexcept {
    const uint64_t kept = buckets;
    *this = {};
    buckets = kept;
    std::fill_n(counts(), kept, uint64_t{0});
  }
  // False: the sum was cut.
  bool merge(const HistogramPart& other) noexcept {
    count += other.count;
    const bool fits = add_clamped(sum, other.sum);
    min = std::min(min, other.min);
    max = std::max(max, other.max);
    for (uint64_t i = 0; i < buckets; ++i) counts()[i] += other.counts()[i];
    return fits;
  }
  static constexpr size_t bytes(size_t buckets) noexcept {
    return (sizeof(HistogramPart) + buckets * sizeof(uint64_t) + 63) / 64 * 64;
  }
  // Throws std::bad_alloc.
  static HistogramPart* make(size_t buckets) {
    void* memory = std::aligned_alloc(64, bytes(buckets));
    if (memory == nullptr) throw std::bad_alloc();
    auto* part = new (memory) HistogramPart;
    part->buckets = buckets;
    std::fill_n(part->counts(), buckets, uint64_t{0});
    return part;
  }
  struct Free {
    void operator()(HistogramPart* part) const noexcept { std::free(part); }
  };
};
using OwnedHistogramPart = std::unique_ptr<HistogramPart, HistogramPart::Free>;

// What a gauge was set to last, by any thread. The later of two turns is the one that holds: an
// integer and a floating point number may be set by turns.
struct LastValue {
  std::atomic<int64_t> integer{0};
  std::atomic<uint64_t> integer_turn{0};  // ticks; 0: never
  std::atomic<double> real{0};
  std::atomic<uint64_t> real_turn{0};
};

struct alignas(64) Cell {
  static constexpr uint32_t kNobody = 0;
  static constexpr uint32_t kShared = ~uint32_t{0};

  // Writer::number. Of a series' first cell: see there.
  std::atomic<uint32_t> owner{kNobody};
  std::atomic<uint32_t> lock{0};  // of a shared exponential histogram: 1, a thread is in it
  Cell* next = nullptr;
  union {
    SumPart sums[kHalves];
    HistogramPart* histograms[kHalves];
    ExponentialHistogram* exponentials[kHalves];
    LastValue last;
  };

  Cell() noexcept : sums{} {}
  [[nodiscard]] bool is_shared() const noexcept {
    return owner.load(std::memory_order_relaxed) == kShared;
  }
};
static_assert(sizeof(Cell) == 64);

}  // namespace forebay::metrics
