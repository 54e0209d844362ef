// What is in the file after the process was killed at any moment.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <random>
#include <thread>

#include "account/ledger.h"
#include "account/stats_image.h"

namespace forebay::account {
namespace {

constexpr int kEmitters = 3;

// How far the child has come, in memory that outlives it: stored after each count.
struct Progress {
  std::array<std::atomic<uint64_t>, kEmitters> emitted;
  std::array<std::atomic<uint32_t>, kEmitters> slot;
  std::atomic<uint64_t> batches;
};

// Emits and settles until it is killed.
[[noreturn]] void live(const std::string& directory, Progress& progress) {
  auto ledger = Ledger::create(ledger_options(directory), Clock::system());
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kEmitters; ++t) {
    threads.emplace_back([&, t] {
      ThreadCounters counters = ledger->lease();
      progress.slot[t] = counters.slot();
      for (uint64_t n = 1;; ++n) {
        counters.add(0, EmitName::kEmitted, SeverityClass::kInfo);
        progress.emitted[t].store(n, std::memory_order_release);
      }
    });
  }
  SeverityCounts batch = counts(SeverityClass::kInfo, 40);
  batch[SeverityClass::kError] = 2;
  for (uint64_t n = 1;; ++n) {
    ledger->drained(1, batch);
    ledger->batched(1, batch);
    ledger->move(0, 1, batch, Place::kBacklog, Place::kFlight);
    ledger->move(0, 1, batch, Place::kFlight, Place::kBacklog);
    ledger->move(0, 1, batch, Place::kBacklog, Place::kFlight);
    ledger->end(0, 1, batch, Place::kFlight, RouteName::kDelivered);
    progress.batches.store(n, std::memory_order_release);
  }
}

void check(const StatsImage& image, const Progress& progress) {
  for (size_t t = 0; t < kEmitters; ++t) {
    const uint64_t counted = image.slot(progress.slot[t], 0, EmitName::kEmitted);
    const uint64_t known = progress.emitted[t];
    EXPECT_TRUE(counted == known || counted == known + 1) << counted << " for " << known;
  }
  const uint64_t batches = progress.batches;
  const uint64_t drained = image.intake(1, IntakeName::kDrained);
  EXPECT_TRUE(drained == batches * 42 || drained == (batches + 1) * 42);
  const uint64_t batched = image.intake(1, IntakeName::kBatched);
  EXPECT_TRUE(batched == drained || batched + 42 == drained);
  const uint64_t delivered = image.route(0, 1, RouteName::kDelivered);
  EXPECT_EQ(batched, delivered + image.place(0, 1, Place::kBacklog) +
                         image.place(0, 1, Place::kFlight) + image.place(0, 1, Place::kSpool));
  EXPECT_EQ(image.header().state, static_cast<uint32_t>(RunState::kRunning));
}

TEST(CrashTest, after_sigkill_the_last_word_of_every_counter_is_in_the_file) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  int cut_short = 0;
  for (int life = 0; life < 40; ++life) {
    ScratchDirectory scratch;
    void* memory = ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    Progress& progress = *new (memory) Progress{};
    const pid_t child = ::fork();
    if (child == 0) live(scratch.path(), progress);

    const uint64_t enough = 1 + random() % 5'000;
    const auto has_come_far_enough = [&] {
      for (const auto& emitted : progress.emitted) {
        if (emitted < enough) return false;
      }
      return progress.batches >= enough / 10;
    };
    while (!has_come_far_enough()) std::this_thread::yield();
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);

    const StatsImage image(scratch.path() + "/instance.forebay");
    cut_short += image.was_cut_short() ? 1 : 0;
    check(image, progress);
    ::munmap(memory, sizeof(Progress));
  }
  std::cout << cut_short << " of 40 were killed in the middle of a step\n";
}

}  // namespace
}  // namespace forebay::account
