// Sums that are cut where they end instead of wrapping, or becoming infinite.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace forebay::metrics {

// Adds; where the result is no number that it can hold, the largest or smallest one is left, and it
// says false.
inline bool add_clamped(int64_t& sum, int64_t more) noexcept {
  int64_t result = 0;
  if (!__builtin_add_overflow(sum, more, &result)) {
    sum = result;
    return true;
  }
  sum = more > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
  return false;
}
inline constexpr double kMostReal = std::numeric_limits<double>::max();
inline bool add_clamped(double& sum, double more) noexcept {
  const double result = sum + more;
  sum = std::clamp(result, -kMostReal, kMostReal);
  return sum == result;
}
// Of a histogram: whether it is none that was cut.
inline bool is_whole(double sum) noexcept { return std::abs(sum) < kMostReal; }

}  // namespace forebay::metrics
