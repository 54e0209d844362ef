#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

namespace forebay {
namespace {

TEST(RandomTest, a_seed_makes_a_run_repeatable) {
  Random a(42);
  Random b(42);
  Random c(43);
  int differing = 0;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t x = a.next();
    EXPECT_EQ(x, b.next());
    differing += x != c.next();
  }
  EXPECT_EQ(differing, 1000);
}

TEST(RandomTest, gives_the_published_sequence) {
  // xoshiro256** over a state filled by splitmix64 from the seed 0, as its authors recommend;
  // worked out by a separate program.
  Random random(0);
  EXPECT_EQ(random.next(), 0x99ec5f36cb75f2b4ULL);
  EXPECT_EQ(random.next(), 0xbf6e1f784956452aULL);
  EXPECT_EQ(random.next(), 0x1a5f849d4933e6e0ULL);
}

TEST(RandomTest, below_stays_below_and_reaches_every_number_equally_often) {
  Random random(7);
  constexpr uint64_t kBound = 10;
  std::array<int, kBound> seen{};
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t x = random.below(kBound);
    ASSERT_LT(x, kBound);
    ++seen[x];
  }
  // 10,000 each; the standard deviation is 95.
  EXPECT_GT(*std::min_element(seen.begin(), seen.end()), 9'500);
  EXPECT_LT(*std::max_element(seen.begin(), seen.end()), 10'500);
}

TEST(RandomTest, below_zero_and_below_one_are_zero) {
  Random random(7);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(random.below(0), 0u);
    EXPECT_EQ(random.below(1), 0u);
  }
}

TEST(RandomTest, unit_lies_in_zero_to_one_around_a_half) {
  Random random(9);
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) {
    const double x = random.unit();
    ASSERT_GE(x, 0.0);
    ASSERT_LT(x, 1.0);
    sum += x;
  }
  EXPECT_NEAR(sum / 100'000, 0.5, 0.01);
}

TEST(RandomTest, the_system_gives_another_seed_each_time) {
  std::set<uint64_t> seen;
  for (int i = 0; i < 100; ++i) seen.insert(Random::from_system().next());
  EXPECT_EQ(seen.size(), 100u);
}

}  // namespace
}  // namespace forebay
