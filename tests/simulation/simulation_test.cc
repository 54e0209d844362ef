// Hundreds of seeds in each run. FOREBAY_SIM_SEEDS=20000 runs more of them, FOREBAY_TEST_SEED=17
// just that one.
#include "simulation.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>

namespace forebay::simulation {
namespace {

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// What did not hold, or nothing.
std::string fault_of(uint64_t seed, Outcome* outcome = nullptr) {
  try {
    Simulation simulation(seed);
    const Outcome of_this = simulation.run();
    if (outcome != nullptr) *outcome = of_this;
    return "";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

TEST(SimulationTest, the_ledger_balances_after_every_step_of_any_seed) {
  const bool one = std::getenv("FOREBAY_TEST_SEED") != nullptr;
  const uint64_t first = from_environment("FOREBAY_TEST_SEED", 1);
  const uint64_t seeds = one ? 1 : from_environment("FOREBAY_SIM_SEEDS", 300);
  std::map<std::string, int64_t> sums;
  uint64_t flushes = 0;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    Outcome outcome;
    const std::string fault = fault_of(seed, &outcome);
    ASSERT_EQ(fault, "") << "again with FOREBAY_TEST_SEED=" << seed;
    for (const auto& [name, n] : outcome.numbers) sums[name] += n;
    flushes += outcome.flushes;
  }
  if (one) return;
  // A campaign that never came to a place has not tested it.
  EXPECT_GT(flushes, 0u);
  for (const char* name : {"delivered",
                           "internal",
                           "expired",
                           "unknown",
                           "refused.queue_full",
                           "refused.block_timeout",
                           "refused.shutdown",
                           "dropped.queue_full_newest",
                           "dropped.queue_full_oldest",
                           "dropped.backlog_full",
                           "dropped.retry_exhausted",
                           "dropped.shutdown",
                           "dropped.encode_error",
                           "dropped.too_large",
                           "rejected.partial_success",
                           "rejected.bad_request",
                           "notes.splits",
                           "notes.ambiguous_attempts",
                           "notes.breaker_opens",
                           "dropped.lower_priority",
                           "dropped.early_drop",
                           "sampled_out",
                           "rate_limited",
                           "recorder.released",
                           "recorder.overwritten",
                           "recorder.expired",
                           "represented.delivered",
                           "represented.lost"}) {
    if (seeds >= 300) {
      EXPECT_GT(sums[name], 0) << name << " never came about in these seeds";
    }
  }
}

TEST(SimulationTest, one_seed_gives_the_same_history_each_time) {
  Outcome first;
  Outcome second;
  ASSERT_EQ(fault_of(42, &first), "");
  ASSERT_EQ(fault_of(42, &second), "");
  EXPECT_EQ(first, second);
  EXPECT_GT(first.numbers["emitted"], 0);
}

}  // namespace
}  // namespace forebay::simulation
