#include "metrics/exponential_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

namespace forebay::metrics {
namespace {

constexpr double kSmallestNormal = std::numeric_limits<double>::min();
constexpr double kSmallestSubnormal = std::numeric_limits<double>::denorm_min();
constexpr double kLargest = std::numeric_limits<double>::max();

TEST(ExponentialIndexTest, a_power_of_two_is_the_upper_bound_of_its_bucket_at_every_scale) {
  for (int32_t scale = kMinScale; scale <= kMaxScale; ++scale) {
    for (int32_t exponent = -1021; exponent <= 1023; exponent += 7) {
      const double value = std::ldexp(1.0, exponent);
      const int32_t index = exponential_index(value, scale);
      const int64_t expected =
          scale >= 0 ? (int64_t{exponent} << scale) - 1 : (int64_t{exponent} - 1) >> -scale;
      ASSERT_EQ(index, expected) << "2^" << exponent << " at scale " << scale;
    }
  }
}

TEST(ExponentialIndexTest, a_value_lies_between_the_bounds_of_its_bucket_but_for_rounding) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> exponents(-1020, 1020);
  for (int i = 0; i < 20'000; ++i) {
    const double value = std::exp2(exponents(random));
    const auto scale = static_cast<int32_t>(random() % 31) - 10;
    const int32_t index = exponential_index(value, scale);
    const double lower = exponential_lower_bound(index, scale);
    const double upper = exponential_lower_bound(index + 1, scale);
    // The error of two logarithms, far less than a bucket.
    ASSERT_LE(lower, value * (1 + 1e-12)) << value << " at scale " << scale;
    ASSERT_GE(upper, value * (1 - 1e-12)) << value << " at scale " << scale;
  }
}

TEST(ExponentialIndexTest, a_coarser_scale_puts_buckets_together_and_never_across) {
  std::mt19937_64 random(8);
  std::uniform_real_distribution<double> exponents(-1020, 1020);
  for (int i = 0; i < 20'000; ++i) {
    const double value = std::exp2(exponents(random));
    for (int32_t scale = kMaxScale; scale > kMinScale; --scale) {
      const int32_t fine = exponential_index(value, scale);
      const int32_t coarse = exponential_index(value, scale - 1);
      // The specification allows an error of one; powers of two and scales below 1 are exact.
      ASSERT_LE(std::abs((fine >> 1) - coarse), scale > 0 ? 1 : 0) << value << " " << scale;
    }
  }
}

TEST(ExponentialIndexTest, subnormal_values_count_as_the_smallest_normal_one) {
  for (int32_t scale = kMinScale; scale <= kMaxScale; ++scale) {
    const int32_t least = exponential_index(kSmallestNormal, scale);
    EXPECT_EQ(exponential_index(kSmallestSubnormal, scale), least);
    EXPECT_EQ(exponential_index(kSmallestNormal / 2, scale), least);
  }
}

uint64_t total(const ExponentialBuckets& buckets) {
  uint64_t sum = 0;
  for (const uint64_t count : buckets.counts()) sum += count;
  return sum;
}

TEST(ExponentialHistogramTest, no_or_one_value_has_the_finest_scale) {
  ExponentialHistogram histogram;
  EXPECT_EQ(histogram.scale(), kMaxScale);
  EXPECT_TRUE(histogram.record(3.5));
  EXPECT_EQ(histogram.scale(), kMaxScale);
  EXPECT_TRUE(histogram.record(3.5));
  EXPECT_EQ(histogram.scale(), kMaxScale);
  EXPECT_EQ(histogram.positive().counts().size(), 1U);
}

TEST(ExponentialHistogramTest, the_whole_range_of_doubles_fits_into_two_buckets) {
  ExponentialHistogram histogram(2);
  for (const double value : {kSmallestSubnormal, kSmallestNormal, 1e-100, 1.0, 1e100, kLargest}) {
    ASSERT_TRUE(histogram.record(value));
  }
  EXPECT_EQ(histogram.scale(), kMinScale);
  EXPECT_EQ(total(histogram.positive()), 6U);
  EXPECT_EQ(histogram.max(), kLargest);
  EXPECT_EQ(histogram.min(), kSmallestSubnormal);
}

// The specification's rules, taken literally: all values are kept, and the finest scale at which
// they fit is looked for.
struct Reference {
  std::vector<double> values;

  static std::map<int32_t, uint64_t> at(const std::vector<double>& values, double sign,
                                        int32_t scale) {
    std::map<int32_t, uint64_t> counts;
    for (const double value : values) {
      // By halving from the finest scale, as downscaling does.
      if (value * sign > 0) {
        ++counts[exponential_index(value * sign, kMaxScale) >> (kMaxScale - scale)];
      }
    }
    return counts;
  }
  [[nodiscard]] int32_t scale(uint32_t max_buckets) const {
    for (int32_t scale = kMaxScale;; --scale) {
      bool fits = true;
      for (const double sign : {1.0, -1.0}) {
        const auto counts = at(values, sign, scale);
        if (counts.empty()) continue;
        fits &= int64_t{counts.rbegin()->first} - counts.begin()->first < max_buckets;
      }
      if (fits) return scale;
    }
  }
};

// Within one of the reference: what a logarithm says at one scale may differ by one bucket from
// what it says at a finer one, halved.
void expect_close(const ExponentialBuckets* buckets, const std::map<int32_t, uint64_t>& expected) {
  std::map<int32_t, uint64_t> counts;
  if (buckets != nullptr && !buckets->empty()) {
    for (size_t i = 0; i < buckets->counts().size(); ++i) {
      if (buckets->counts()[i] != 0) {
        counts[buckets->low() + static_cast<int32_t>(i)] = buckets->counts()[i];
      }
    }
  }
  uint64_t sum = 0;
  uint64_t expected_sum = 0;
  for (const auto& [index, count] : counts) sum += count;
  for (const auto& [index, count] : expected) expected_sum += count;
  EXPECT_EQ(sum, expected_sum);
  // How many lie at or below an index, up to one index further.
  uint64_t below = 0;
  for (const auto& [index, count] : expected) {
    below += count;
    uint64_t mine = 0;
    for (const auto& [i, n] : counts) mine += i <= index + 1 ? n : 0;
    EXPECT_GE(mine, below) << "up to " << index;
  }
}

TEST(ExponentialHistogramTest, random_values_have_the_scale_and_the_counts_of_the_reference) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    std::mt19937_64 random(seed);
    const auto max_buckets = static_cast<uint32_t>(2 + random() % 40);
    ExponentialHistogram histogram(max_buckets);
    Reference reference;
    std::normal_distribution<double> exponents(0, static_cast<double>(1 + random() % 200));
    double sum = 0;
    const auto values = random() % 200;
    for (uint64_t i = 0; i < values; ++i) {
      double value = std::exp2(std::clamp(exponents(random), -1000.0, 1000.0));
      if (random() % 4 == 0) value = -value;
      if (random() % 10 == 0) value = 0;
      ASSERT_TRUE(histogram.record(value));
      reference.values.push_back(value);
      sum += value;
    }
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto zeros = static_cast<uint64_t>(std::ranges::count(reference.values, 0.0));
    EXPECT_EQ(histogram.count(), values);
    EXPECT_EQ(histogram.zero_count(), zeros);
    EXPECT_EQ(histogram.sum(), sum);
    const uint64_t negative = histogram.negative() == nullptr ? 0 : total(*histogram.negative());
    EXPECT_EQ(histogram.count(), zeros + total(histogram.positive()) + negative);
    const int32_t scale = reference.scale(max_buckets);
    EXPECT_LE(std::abs(histogram.scale() - scale), 1);
    if (histogram.scale() != scale) continue;
    expect_close(&histogram.positive(), Reference::at(reference.values, 1, scale));
    expect_close(histogram.negative(), Reference::at(reference.values, -1, scale));
  }
}

TEST(ExponentialHistogramTest, merging_parts_is_recording_all_of_them) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto max_buckets = static_cast<uint32_t>(2 + random() % 40);
    ExponentialHistogram whole(max_buckets);
    ExponentialHistogram merged(max_buckets);
    for (int part = 0; part < 4; ++part) {
      ExponentialHistogram one(max_buckets);
      std::normal_distribution<double> exponents(static_cast<double>(random() % 100), 20);
      for (uint64_t i = random() % 60; i > 0; --i) {
        const double value = std::exp2(exponents(random)) * (random() % 3 == 0 ? -1 : 1);
        ASSERT_TRUE(one.record(value));
        ASSERT_TRUE(whole.record(value));
      }
      ASSERT_TRUE(merged.merge(one));
    }
    EXPECT_EQ(merged.count(), whole.count());
    EXPECT_EQ(total(merged.positive()), total(whole.positive()));
    if (whole.count() == 0) continue;
    EXPECT_EQ(merged.min(), whole.min());
    EXPECT_EQ(merged.max(), whole.max());
    EXPECT_LE(std::abs(merged.scale() - whole.scale()), 1);
  }
}

TEST(ExponentialHistogramTest, cleared_it_is_as_new) {
  ExponentialHistogram histogram(4);
  for (const double value : {-5.0, 0.0, 1e-9, 7.0, 1e9}) ASSERT_TRUE(histogram.record(value));
  histogram.clear();
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.scale(), kMaxScale);
  EXPECT_TRUE(histogram.positive().empty());
  EXPECT_TRUE(histogram.negative()->empty());
  ASSERT_TRUE(histogram.record(2.0));
  EXPECT_EQ(total(histogram.positive()), 1U);
  EXPECT_EQ(histogram.min(), 2.0);
}

}  // namespace
}  // namespace forebay::metrics
