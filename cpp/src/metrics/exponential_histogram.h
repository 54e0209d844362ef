// The base-2 exponential histogram of OpenTelemetry: a value falls into the bucket
// (base^index, base^(index + 1)], base = 2^(2^-scale), and the scale is as fine as `max_buckets` a
// sign allow.
//
// Source: specification/metrics/data-model.md#exponentialhistogram and metrics/sdk.md. Indexes are
// worked out by a logarithm for a scale above 0, exactly for powers of two, and from the exponent's
// bits else. A value that is subnormal counts as the smallest normal one of its sign.
//
// Not thread-safe: a cell has one writer at a time, and the collector after it.
#pragma once
#include <cstdint>
#include <memory>
#include <span>

namespace forebay::metrics {

inline constexpr int32_t kMaxScale = 20;
inline constexpr int32_t kMinScale = -10;  // all values of a sign are in two buckets
inline constexpr uint32_t kDefaultMaxBuckets = 160;

// The bucket of a value above 0.
[[nodiscard]] int32_t exponential_index(double value, int32_t scale) noexcept;
// The lower bound of a bucket, which does not belong to it. Infinite beyond what a double holds.
[[nodiscard]] double exponential_lower_bound(int32_t index, int32_t scale) noexcept;

// The counts of one sign: a window over the indexes.
class ExponentialBuckets {
 public:
  // Throws std::bad_alloc.
  explicit ExponentialBuckets(uint32_t max_buckets);

  [[nodiscard]] bool empty() const noexcept { return high_ < low_; }
  [[nodiscard]] int32_t low() const noexcept { return low_; }  // only where !empty()
  [[nodiscard]] int32_t high() const noexcept { return high_; }
  [[nodiscard]] std::span<const uint64_t> counts() const noexcept;
  // Whether `index` and what is there fit into the window.
  [[nodiscard]] bool fits(int32_t low, int32_t high) const noexcept {
    return static_cast<int64_t>(high) - low < static_cast<int64_t>(max_buckets_);
  }
  // Only where fits(min(low, index), max(high, index)).
  void add(int32_t index, uint64_t count) noexcept;
  void downscale(uint32_t by) noexcept;
  void clear() noexcept;

 private:
  const uint32_t max_buckets_;
  std::unique_ptr<uint64_t[]> counts_;  // [0] is of index low_
  int32_t low_ = 0;
  int32_t high_ = -1;
};

class ExponentialHistogram {
 public:
  // Throws std::bad_alloc. `max_buckets`: of each sign, 2..1024.
  explicit ExponentialHistogram(uint32_t max_buckets = kDefaultMaxBuckets);

  // Any finite value. False: there is no memory for the first negative value.
  bool record(double value) noexcept;
  // Makes the memory that merge() of that one needs. False: there is none.
  bool prepare(const ExponentialHistogram& other) noexcept;
  // Adds what the other one has, at the coarser of both scales or a coarser one still. False: it
  // was not prepared for, and there is no memory; nothing was added.
  bool merge(const ExponentialHistogram& other) noexcept;
  void clear() noexcept;

  [[nodiscard]] uint64_t count() const noexcept { return count_; }
  // Cut at the largest double.
  [[nodiscard]] double sum() const noexcept { return sum_; }
  [[nodiscard]] double min() const noexcept { return min_; }  // only where count() != 0
  [[nodiscard]] double max() const noexcept { return max_; }
  [[nodiscard]] uint64_t zero_count() const noexcept { return zero_count_; }
  [[nodiscard]] int32_t scale() const noexcept { return scale_; }
  [[nodiscard]] const ExponentialBuckets& positive() const noexcept { return positive_; }
  // Null: no value was negative.
  [[nodiscard]] const ExponentialBuckets* negative() const noexcept { return negative_.get(); }
  [[nodiscard]] uint64_t memory_bytes() const noexcept;

 private:
  bool need_negative() noexcept;
  void add(ExponentialBuckets& buckets, double magnitude) noexcept;
  void downscale(uint32_t by) noexcept;
  // Makes the scale as coarse as it takes for indexes low..high (at scale_) to fit `buckets` beside
  // what it has; returns by how much.
  uint32_t make_fit(const ExponentialBuckets& buckets, int32_t low, int32_t high) noexcept;

  const uint32_t max_buckets_;
  int32_t scale_ = kMaxScale;
  uint64_t count_ = 0;
  uint64_t zero_count_ = 0;
  double sum_ = 0;
  double min_ = 0;
  double max_ = 0;
  ExponentialBuckets positive_;
  std::unique_ptr<ExponentialBuckets> negative_;
};

}  // namespace forebay::metrics
