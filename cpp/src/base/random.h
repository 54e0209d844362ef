// Randomness, as the core is given it: a seed makes a run repeatable.
#pragma once
#include <cstdint>

namespace forebay {

// xoshiro256** (Blackman and Vigna, public domain algorithm). Not for secrets; not thread-safe.
class Random {
 public:
  explicit Random(uint64_t seed) noexcept;
  // Seeded from the system's entropy.
  static Random from_system() noexcept;

  uint64_t next() noexcept;
  // Uniform in [0, bound); 0 where bound is 0.
  uint64_t below(uint64_t bound) noexcept;
  // Uniform in [0, 1).
  double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  uint64_t state_[4];
};

}  // namespace forebay
