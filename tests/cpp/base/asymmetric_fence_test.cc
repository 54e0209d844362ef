#include "base/asymmetric_fence.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace forebay {
namespace {

// ThreadSanitizer makes each step a hundred times as long, and looks at every one: there fewer do.
#if defined(__SANITIZE_THREAD__)
constexpr bool kIsSlow = true;
#elif defined(__has_feature)
constexpr bool kIsSlow = __has_feature(thread_sanitizer);
#else
constexpr bool kIsSlow = false;
#endif

struct Missed {
  int looks = 0;   // of the heavy side, while the light side ran
  int missed = 0;  // looks after which neither side had seen the other's store
};

// The promise itself, with both sides running free: the light side stores 1, 2, 3 … and looks each
// time, the heavy side does the same with its own word. Where the heavy side saw `r`, the light
// side's store of r + 1 was unseen, so the look after that store must have seen the heavy side's.
Missed race(bool light) {
  constexpr uint32_t kStores = kIsSlow ? 500'000 : 3'000'000;
  alignas(64) std::atomic<uint64_t> light_word{0};
  alignas(64) std::atomic<uint64_t> heavy_word{0};
  std::atomic<bool> started{false};
  std::vector<uint32_t> light_saw(kStores + 2);
  std::thread thread([&] {
    started.store(true);
    for (uint32_t i = 1; i <= kStores; ++i) {
      store_then_fence(light_word, i, light);
      light_saw[i] = static_cast<uint32_t>(heavy_word.load(std::memory_order_seq_cst));
    }
  });
  while (!started.load()) {
  }
  std::vector<uint64_t> heavy_saw = {0};
  while (heavy_saw.back() < kStores) {
    heavy_word.store(heavy_saw.size(),
                     light ? std::memory_order_relaxed : std::memory_order_seq_cst);
    heavy_fence();
    heavy_saw.push_back(light_word.load(std::memory_order_seq_cst));
  }
  thread.join();
  Missed result;
  for (size_t look = 1; look < heavy_saw.size() && heavy_saw[look] < kStores; ++look) {
    ++result.looks;
    result.missed += light_saw[heavy_saw[look] + 1] < look;
  }
  return result;
}

// Several races: on a busy machine the two sides may hardly run at the same time in one.
void expect_none_missed(bool light) {
  for (int i = 0; i < 8; ++i) {
    const Missed result = race(light);
    EXPECT_EQ(result.missed, 0) << "of " << result.looks;
  }
}

// First of all: once membarrier is enabled, heavy_fence() would cover for a light side's mistake.
TEST(AsymmetricFenceTest, the_promise_holds_without_membarrier) { expect_none_missed(false); }

TEST(AsymmetricFenceTest, at_least_one_side_sees_the_other) {
  const bool light = enable_asymmetric_fence();
  expect_none_missed(light);
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
