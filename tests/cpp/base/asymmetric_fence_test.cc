#include "base/asymmetric_fence.h"

#include <gtest/gtest.h>

#include <thread>

namespace forebay {
namespace {

// The promise itself: of two threads that each store and then look, at least one sees the other.
// Returns how often neither did.
int both_missed(bool light, int rounds) {
  std::atomic<uint64_t> a{0};
  std::atomic<uint64_t> b{0};
  std::atomic<int> light_turn{0};
  std::atomic<int> light_done{0};
  std::atomic<uint64_t> light_saw{0};
  std::thread thread([&] {
    for (int round = 1; round <= rounds; ++round) {
      while (light_turn.load(std::memory_order_acquire) < round) std::this_thread::yield();
      store_then_fence(a, static_cast<uint64_t>(round), light);
      light_saw.store(b.load(std::memory_order_seq_cst), std::memory_order_relaxed);
      light_done.store(round, std::memory_order_release);
    }
  });
  int missed = 0;
  for (int round = 1; round <= rounds; ++round) {
    const auto value = static_cast<uint64_t>(round);
    light_turn.store(round, std::memory_order_release);
    b.store(value, light ? std::memory_order_relaxed : std::memory_order_seq_cst);
    heavy_fence();
    const bool heavy_sees = a.load(std::memory_order_seq_cst) == value;
    while (light_done.load(std::memory_order_acquire) < round) std::this_thread::yield();
    const bool light_sees = light_saw.load(std::memory_order_relaxed) == value;
    missed += !heavy_sees && !light_sees;
  }
  thread.join();
  return missed;
}

TEST(AsymmetricFenceTest, at_least_one_side_sees_the_other) {
  const bool light = enable_asymmetric_fence();
  EXPECT_EQ(both_missed(light, 20'000), 0);
}

TEST(AsymmetricFenceTest, the_promise_holds_without_membarrier_too) {
  enable_asymmetric_fence();
  EXPECT_EQ(both_missed(false, 20'000), 0);
}

TEST(AsymmetricFenceTest, enabling_again_gives_the_same_answer) {
  const bool first = enable_asymmetric_fence();
  EXPECT_EQ(enable_asymmetric_fence(), first);
}

TEST(AsymmetricFenceTest, the_value_is_stored_whichever_fence_it_is) {
  std::atomic<uint64_t> word{0};
  store_then_fence(word, 5, true);
  EXPECT_EQ(word.load(), 5u);
  store_then_fence(word, 6, false);
  EXPECT_EQ(word.load(), 6u);
}

}  // namespace
}  // namespace forebay
