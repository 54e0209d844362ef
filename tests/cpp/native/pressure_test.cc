// The pressure of a collector as native code sees it: one load, callbacks, numbers; and what a
// forked child makes of its parent's.
#include "forebay/pressure.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "forebay/forebay.h"

namespace {

using forebay::Collector;
using forebay::Options;
using forebay::Pressure;
using namespace std::chrono_literals;

Options small() {
  return {.service_name = "pressed",
          .exporter = forebay::MemoryExporter{},
          .lanes = {{.name = "calm", .logger = "calm"}, {.name = "small", .queue_records = 64}},
          .ledger_in_memory = true};
}

Collector made_of(const Options& options) {
  auto made = Collector::create(options);
  EXPECT_TRUE(made.is_ok()) << made.message();
  return *made;
}

// Emits faster than anybody drains until it holds; false where that takes too long.
template <class Condition>
bool flood_until(const forebay::Logger& log, Condition holds) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    for (int i = 0; i < 1000; ++i) FOREBAY_INFO(log, "flood", {"i", i});
  }
  return true;
}

template <class Condition>
bool wait_until(Condition holds) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(NativePressureTest, a_flood_is_seen_by_the_word_the_callback_and_the_numbers) {
  const Collector collector = made_of(small());
  EXPECT_EQ(collector.pressure(), Pressure::kNormal);
  std::atomic<uint32_t> calls_when_full{0};
  std::atomic<bool> is_over{false};
  forebay::PressureSubscription subscription =
      collector.on_pressure([&](const forebay::PressureChange& change) {
        EXPECT_EQ(change.lane, "small");
        EXPECT_EQ(change.state, change.lane_state);
        if (change.state == Pressure::kFull) ++calls_when_full;
        is_over = change.state == Pressure::kNormal;
      });
  ASSERT_TRUE(subscription);
  const forebay::Logger log = collector.logger("native.pressure");
  EXPECT_TRUE(flood_until(log, [&] { return calls_when_full != 0; }));
  EXPECT_TRUE(flood_until(log, [&] {
    const forebay::Stats stats = collector.stats();
    return stats.pressure == Pressure::kFull && stats.lane("small").number("state") == 2 &&
           stats.lane("small").number("fill_permille") > 0 &&
           stats.lane("calm").number("state") == 0;
  }));
  EXPECT_TRUE(flood_until(log, [&] { return collector.pressure() == Pressure::kFull; }));
  EXPECT_TRUE(wait_until([&] { return is_over.load(); }));
  EXPECT_EQ(collector.pressure(), Pressure::kNormal);
  EXPECT_TRUE(collector.shutdown(30s).complete);
  EXPECT_EQ(collector.stats().difference(), 0);
  EXPECT_TRUE(collector.audit().balanced);
  EXPECT_FALSE(collector.on_pressure([](const forebay::PressureChange&) {}));
}

TEST(NativePressureTest, a_subscription_that_has_ended_is_not_called_again) {
  const Collector collector = made_of(small());
  const forebay::Logger log = collector.logger("native.pressure");
  std::atomic<int> first{0};
  std::atomic<int> second{0};
  forebay::PressureSubscription ends = collector.on_pressure([&](const auto&) { ++first; });
  forebay::PressureSubscription stays = collector.on_pressure([&](const auto&) { ++second; });
  EXPECT_TRUE(flood_until(log, [&] { return first != 0 && second != 0; }));
  forebay::PressureSubscription moved = std::move(ends);
  moved.end();
  const int before = first;
  EXPECT_TRUE(wait_until([&] { return collector.pressure() == Pressure::kNormal; }));
  const int seen = second;
  EXPECT_TRUE(flood_until(log, [&] { return second != seen; }));
  EXPECT_EQ(first, before);
  EXPECT_TRUE(collector.shutdown(30s).complete);
  EXPECT_TRUE(collector.audit().balanced);
}

TEST(NativePressureTest, the_shutdown_of_a_collector_that_is_full_ends_the_pressure) {
  Options options = small();
  options.exporter = forebay::OtlpHttpExporter{.endpoint = "http://127.0.0.1:1"};
  options.backlog.max_bytes = 64 << 10;
  const Collector collector = made_of(options);
  const forebay::Logger log = collector.logger("native.pressure");
  EXPECT_TRUE(flood_until(log, [&] { return collector.pressure() == Pressure::kFull; }));
  collector.shutdown(0s);
  EXPECT_EQ(collector.pressure(), Pressure::kNormal);
  EXPECT_EQ(collector.stats().difference(), 0);
  EXPECT_TRUE(collector.audit().balanced);
}

TEST(NativePressureTest, a_forked_child_starts_without_pressure_and_callbacks) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
  GTEST_SKIP() << "the sanitizer's runtime does not survive a fork (see CollectorForkTest)";
#endif
#endif
  const Collector collector = made_of(small());
  const forebay::Logger log = collector.logger("native.pressure");
  std::atomic<int> calls{0};
  forebay::PressureSubscription subscription = collector.on_pressure([&](const auto&) { ++calls; });
  EXPECT_TRUE(flood_until(log, [&] { return collector.pressure() == Pressure::kFull; }));
  const pid_t child = fork();
  ASSERT_NE(child, -1);
  if (child == 0) {
    if (collector.pressure() != Pressure::kNormal) _exit(1);
    const int before = calls;
    std::atomic<int> own{0};
    forebay::PressureSubscription fresh = collector.on_pressure([&](const auto&) { ++own; });
    if (!flood_until(log, [&] { return own != 0; })) _exit(2);
    if (calls != before) _exit(3);
    subscription.end();  // the parent's: not known here
    fresh.end();
    collector.shutdown(30s);
    _exit(collector.audit().balanced && collector.stats().difference() == 0 ? 0 : 4);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  subscription.end();
  EXPECT_TRUE(collector.shutdown(30s).complete);
  EXPECT_TRUE(collector.audit().balanced);
}

TEST(NativePressureTest, an_empty_collector_presses_nobody) {
  const Collector none;
  EXPECT_EQ(none.pressure(), Pressure::kNormal);
  EXPECT_FALSE(none.on_pressure([](const auto&) {}));
}

}  // namespace
