// A forked child and its parent's ledger.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "account/ledger.h"
#include "account/stats_image.h"

namespace forebay::account {
namespace {

int status_of(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool is_mapped_here(const std::string& path) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(path) != std::string::npos) return true;
  }
  return false;
}

TEST(ForkTest, a_child_has_no_mapping_of_its_parents_counters) {
  ScratchDirectory scratch;
  auto ledger = Ledger::create(ledger_options(scratch.path()), Clock::system());
  (void)ledger->lease();
  ASSERT_TRUE(is_mapped_here(ledger->path()));
  const pid_t child = ::fork();
  if (child == 0) ::_exit(is_mapped_here(ledger->path()) ? 1 : 0);
  EXPECT_EQ(status_of(child), 0);
}

TEST(ForkTest, a_child_that_forked_in_the_middle_of_a_count_changes_nothing_of_its_parents) {
  ScratchDirectory scratch;
  for (const bool in_memory : {false, true}) {
    LedgerOptions options = ledger_options(scratch.path());
    options.in_memory = in_memory;
    auto ledger = Ledger::create(options, Clock::system());
    ThreadCounters counters = ledger->lease();
    counters.add(0, EmitName::kEmitted, SeverityClass::kInfo, 7);
    const pid_t child = ::fork();
    if (child == 0) {
      ledger->abandon_in_child();
      counters.add(0, EmitName::kEmitted, SeverityClass::kInfo, 1000);
      ledger->give_back(counters);
      ledger->mark_ended();
      ledger.reset();
      ::_exit(0);
    }
    EXPECT_EQ(status_of(child), 0);
    EXPECT_EQ(ledger->snapshot().lanes[0][EmitName::kEmitted].total(), 7u);
    if (in_memory) continue;
    const StatsImage image(ledger->path());
    EXPECT_EQ(image.header().state, static_cast<uint32_t>(RunState::kRunning));
    EXPECT_EQ(image.header().leased_slots, 1u);
  }
}

TEST(ForkTest, a_child_that_never_abandoned_the_ledger_may_still_destroy_it) {
  ScratchDirectory scratch;
  auto ledger = Ledger::create(ledger_options(scratch.path()), Clock::system());
  const pid_t child = ::fork();
  if (child == 0) {
    ledger->mark_ended();
    ledger.reset();
    ::_exit(0);
  }
  EXPECT_EQ(status_of(child), 0);
  EXPECT_EQ(StatsImage(ledger->path()).header().state, static_cast<uint32_t>(RunState::kRunning));
}

TEST(ForkTest, a_child_does_not_wait_for_a_lock_that_a_thread_of_its_parent_held) {
  ScratchDirectory scratch;
  auto ledger = Ledger::create(ledger_options(scratch.path()), Clock::system());
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    while (!stop) ledger->give_back(ledger->lease());
  });
  threads.emplace_back([&] {
    while (!stop) ledger->batched(0, counts(SeverityClass::kInfo, 1));
  });
  ThreadCounters counters = ledger->lease();
  for (int i = 0; i < 50; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(60);  // a deadlock ends as a signal
      ledger->abandon_in_child();
      ledger->give_back(counters);
      delete ledger.release();
      ::_exit(0);
    }
    ASSERT_EQ(status_of(child), 0) << "fork " << i;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace forebay::account
