#include "metrics/exponential_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>

#include "metrics/clamped.h"

namespace forebay::metrics {
namespace {

constexpr int32_t kMantissaBits = 52;
constexpr int32_t kExponentBias = 1023;
constexpr int32_t kMinExponent = -1022;  // of a normal double

struct Parts {
  int32_t exponent;   // floor(log2(value))
  uint64_t mantissa;  // 0: a power of two
};

Parts parts_of(double value) noexcept {
  const auto bits = std::bit_cast<uint64_t>(value);
  const auto exponent = static_cast<int32_t>(bits >> kMantissaBits & 0x7ff);
  if (exponent == 0) return {kMinExponent, 0};  // subnormal
  return {exponent - kExponentBias, bits & ((uint64_t{1} << kMantissaBits) - 1)};
}

// 2^scale / ln(2)
double scale_factor(int32_t scale) noexcept {
  constexpr double kLog2E = 1.44269504088896340735992468100189214;
  return std::ldexp(kLog2E, scale);
}

}  // namespace

int32_t exponential_index(double value, int32_t scale) noexcept {
  const auto [exponent, mantissa] = parts_of(value);
  if (scale <= 0) {
    // A power of two is the upper bound of its bucket, and belongs to it.
    return (exponent - (mantissa == 0 ? 1 : 0)) >> -scale;
  }
  if (mantissa == 0) return static_cast<int32_t>((int64_t{exponent} << scale) - 1);
  // Between two powers of two: whatever the logarithm's error, it stays there.
  const auto below = static_cast<int32_t>(int64_t{exponent} << scale);
  const auto above = static_cast<int32_t>((int64_t{exponent} + 1) << scale);
  const auto index = static_cast<int32_t>(std::floor(std::log(value) * scale_factor(scale)));
  return std::clamp(index, below, above - 1);
}

double exponential_lower_bound(int32_t index, int32_t scale) noexcept {
  if (scale <= 0) return std::ldexp(1.0, static_cast<int>(int64_t{index} << -scale));
  // The power of two is kept out of exp2, which could overflow before the bound does.
  const int32_t exponent = index >> scale;
  const auto within = static_cast<double>(index - (exponent << scale));
  return std::ldexp(std::exp2(std::ldexp(within, -scale)), exponent);
}

ExponentialBuckets::ExponentialBuckets(uint32_t max_buckets)
    : max_buckets_(max_buckets), counts_(std::make_unique<uint64_t[]>(max_buckets)) {}

std::span<const uint64_t> ExponentialBuckets::counts() const noexcept {
  return {counts_.get(), empty() ? 0 : static_cast<size_t>(high_ - low_) + 1};
}

void ExponentialBuckets::add(int32_t index, uint64_t count) noexcept {
  if (empty()) {
    low_ = high_ = index;
  } else if (index < low_) {
    const auto by = static_cast<size_t>(low_ - index);
    const auto used = static_cast<size_t>(high_ - low_) + 1;
    std::memmove(counts_.get() + by, counts_.get(), used * sizeof(uint64_t));
    std::fill_n(counts_.get(), std::min(by, used), uint64_t{0});
    low_ = index;
  } else if (index > high_) {
    high_ = index;
  }
  counts_[static_cast<size_t>(index - low_)] += count;
}

void ExponentialBuckets::downscale(uint32_t by) noexcept {
  if (by == 0 || empty()) return;
  const int32_t new_low = low_ >> by;
  const int32_t new_high = high_ >> by;
  // In place: what an old bucket goes to is never behind it.
  for (int32_t index = low_; index <= high_; ++index) {
    const auto from = static_cast<size_t>(index - low_);
    const auto to = static_cast<size_t>((index >> by) - new_low);
    const uint64_t count = counts_[from];
    counts_[from] = 0;
    counts_[to] += count;
  }
  low_ = new_low;
  high_ = new_high;
}

void ExponentialBuckets::clear() noexcept {
  std::fill_n(counts_.get(), counts().size(), uint64_t{0});
  low_ = 0;
  high_ = -1;
}

ExponentialHistogram::ExponentialHistogram(uint32_t max_buckets)
    : max_buckets_(max_buckets), positive_(max_buckets) {}

bool ExponentialHistogram::need_negative() noexcept try {
  if (!negative_) negative_ = std::make_unique<ExponentialBuckets>(max_buckets_);
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

uint32_t ExponentialHistogram::make_fit(const ExponentialBuckets& buckets, int32_t low,
                                        int32_t high) noexcept {
  if (!buckets.empty()) {
    low = std::min(low, buckets.low());
    high = std::max(high, buckets.high());
  }
  uint32_t by = 0;
  while (!buckets.fits(low >> by, high >> by)) ++by;
  downscale(by);
  return by;
}

void ExponentialHistogram::downscale(uint32_t by) noexcept {
  if (by == 0) return;
  positive_.downscale(by);
  if (negative_) negative_->downscale(by);
  scale_ -= static_cast<int32_t>(by);
}

void ExponentialHistogram::add(ExponentialBuckets& buckets, double magnitude) noexcept {
  const int32_t index = exponential_index(magnitude, scale_);
  const uint32_t by = make_fit(buckets, index, index);
  buckets.add(index >> by, 1);
}

bool ExponentialHistogram::record(double value) noexcept {
  if (value < 0 && !need_negative()) return false;
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = count_ == 0 ? value : std::max(max_, value);
  ++count_;
  (void)add_clamped(sum_, value);
  if (value == 0) {
    ++zero_count_;
  } else if (value > 0) {
    add(positive_, value);
  } else {
    add(*negative_, -value);
  }
  return true;
}

bool ExponentialHistogram::prepare(const ExponentialHistogram& other) noexcept {
  return !other.negative_ || other.negative_->empty() || need_negative();
}

bool ExponentialHistogram::merge(const ExponentialHistogram& other) noexcept {
  if (other.count_ == 0) return true;
  if (!prepare(other)) return false;
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = count_ == 0 ? other.max_ : std::max(max_, other.max_);
  count_ += other.count_;
  (void)add_clamped(sum_, other.sum_);
  zero_count_ += other.zero_count_;
  if (other.scale_ < scale_) downscale(static_cast<uint32_t>(scale_ - other.scale_));
  const auto shift = [&] { return static_cast<uint32_t>(other.scale_ - scale_); };
  const auto fit = [&](const ExponentialBuckets& mine, const ExponentialBuckets& theirs) {
    if (!theirs.empty()) make_fit(mine, theirs.low() >> shift(), theirs.high() >> shift());
  };
  fit(positive_, other.positive_);
  if (other.negative_ && negative_) fit(*negative_, *other.negative_);
  const auto take = [&](ExponentialBuckets& mine, const ExponentialBuckets& theirs) {
    int32_t index = theirs.low();
    for (const uint64_t count : theirs.counts()) {
      if (count != 0) mine.add(index >> shift(), count);
      ++index;
    }
  };
  take(positive_, other.positive_);
  if (other.negative_ && negative_) take(*negative_, *other.negative_);
  return true;
}

void ExponentialHistogram::clear() noexcept {
  scale_ = kMaxScale;
  count_ = zero_count_ = 0;
  sum_ = min_ = max_ = 0;
  positive_.clear();
  if (negative_) negative_->clear();
}

uint64_t ExponentialHistogram::memory_bytes() const noexcept {
  return sizeof *this + uint64_t{max_buckets_} * sizeof(uint64_t) * (negative_ ? 2 : 1);
}

}  // namespace forebay::metrics
