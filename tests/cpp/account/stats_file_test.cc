#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <sstream>

#include "account/ledger.h"
#include "account/stats_image.h"

namespace forebay::account {
namespace {

using ::testing::HasSubstr;

mode_t mode_of(const std::string& path) {
  struct stat file {};
  EXPECT_EQ(::stat(path.c_str(), &file), 0) << path;
  return file.st_mode & 0777;
}

// Sets an environment variable, and puts it back.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~ScopedVariable() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

// Runs `body` in a forked child; its result is the child's exit status.
template <typename Body>
int in_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(StatsFileTest, the_header_says_whose_ledger_it_is) {
  ScratchDirectory scratch;
  ManualClock clock;
  auto ledger = Ledger::create(ledger_options(scratch.path()), clock);
  EXPECT_EQ(ledger->warning(), "");
  EXPECT_EQ(ledger->path(), scratch.path() + "/instance.forebay");
  const StatsImage image(ledger->path());
  const StatsHeader& header = image.header();
  EXPECT_EQ(header.magic, kStatsMagic);
  EXPECT_EQ(header.pid, static_cast<uint64_t>(::getpid()));
  EXPECT_EQ(header.started_wall_ns, clock.wall_now().time_since_epoch().count());
  EXPECT_EQ(header.state, static_cast<uint32_t>(RunState::kRunning));

  std::string field;
  std::ifstream stat("/proc/self/stat");
  for (int i = 1; i <= 22; ++i) stat >> field;  // this program's name holds no blank
  EXPECT_EQ(std::to_string(header.start_ticks), field);

  struct stat pid_namespace {};
  ASSERT_EQ(::stat("/proc/self/ns/pid", &pid_namespace), 0);
  EXPECT_EQ(header.pid_namespace, pid_namespace.st_ino);

  std::string boot_id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot_id;
  std::erase(boot_id, '-');
  std::ostringstream ours;
  for (const uint8_t byte : header.boot_id) {
    ours << "0123456789abcdef"[byte >> 4] << "0123456789abcdef"[byte & 15];
  }
  EXPECT_EQ(ours.str(), boot_id);
}

TEST(StatsFileTest, how_each_lane_is_stands_in_the_file_until_the_end) {
  ScratchDirectory scratch;
  auto ledger = Ledger::create(ledger_options(scratch.path()), Clock::system());
  ledger->gauges(1, {.state = 2, .fill_permille = 875, .ms_to_full = 40});
  const auto gauge = [&](uint32_t lane, GaugeName name) {
    return StatsImage(ledger->path()).gauge(lane, name);
  };
  EXPECT_EQ(gauge(1, GaugeName::kState), 2u);
  EXPECT_EQ(gauge(1, GaugeName::kFillPermille), 875u);
  EXPECT_EQ(gauge(1, GaugeName::kMsToFull), 40u);
  EXPECT_EQ(gauge(0, GaugeName::kFillPermille), 0u) << "the other lane";
  ledger->gauges(1, {.state = 2, .fill_permille = 1000, .ms_to_full = 0});
  EXPECT_EQ(gauge(1, GaugeName::kMsToFull), 1u) << "zero is: it does not fill";
  ledger->mark_ended();
  EXPECT_EQ(gauge(1, GaugeName::kState), 0u) << "nothing presses on who has ended";
  EXPECT_EQ(gauge(1, GaugeName::kFillPermille), 0u);
  EXPECT_EQ(gauge(1, GaugeName::kMsToFull), 0u);
}

TEST(StatsFileTest, file_and_directory_are_for_this_user_alone) {
  ScratchDirectory scratch;
  auto ledger = Ledger::create(ledger_options(scratch.path() + "/deep/run"), Clock::system());
  EXPECT_EQ(ledger->warning(), "");
  EXPECT_EQ(mode_of(ledger->path()), 0600u);
  EXPECT_EQ(mode_of(scratch.path() + "/deep/run"), 0700u);
  EXPECT_EQ(mode_of(scratch.path() + "/deep"), 0700u);
}

TEST(StatsFileTest, the_run_directory_is_looked_for_in_three_places) {
  const ScopedVariable named("FOREBAY_RUN_DIR", "/a/b");
  EXPECT_EQ(run_directory(), "/a/b");
  const ScopedVariable unnamed("FOREBAY_RUN_DIR", nullptr);
  const ScopedVariable runtime("XDG_RUNTIME_DIR", "/run/user/7");
  EXPECT_EQ(run_directory(), "/run/user/7/forebay");
  const ScopedVariable no_runtime("XDG_RUNTIME_DIR", nullptr);
  EXPECT_EQ(run_directory(), "/tmp/forebay-" + std::to_string(::getuid()));
}

TEST(StatsFileTest, a_default_directory_that_others_may_enter_or_that_is_a_link_is_not_used) {
  ScratchDirectory scratch;
  const ScopedVariable unnamed("FOREBAY_RUN_DIR", nullptr);
  const ScopedVariable runtime("XDG_RUNTIME_DIR", scratch.path().c_str());
  LedgerOptions options = ledger_options("");
  options.in_memory = false;
  const std::string directory = scratch.path() + "/forebay";
  ASSERT_EQ(::mkdir(directory.c_str(), 0755), 0);
  ASSERT_EQ(::chmod(directory.c_str(), 0755), 0);
  auto open_to_all = Ledger::create(options, Clock::system());
  EXPECT_EQ(open_to_all->path(), "");
  EXPECT_THAT(open_to_all->warning(), HasSubstr("only this user may enter"));

  ASSERT_EQ(::rename(directory.c_str(), (scratch.path() + "/elsewhere").c_str()), 0);
  ASSERT_EQ(::symlink((scratch.path() + "/elsewhere").c_str(), directory.c_str()), 0);
  auto linked = Ledger::create(options, Clock::system());
  EXPECT_EQ(linked->path(), "");
  EXPECT_THAT(linked->warning(), HasSubstr("kept in memory only"));
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path() + "/elsewhere"));
}

TEST(StatsFileTest, an_instance_id_neither_leads_out_of_the_directory_nor_overwrites_a_file) {
  ScratchDirectory scratch;
  LedgerOptions options = ledger_options(scratch.path() + "/run");
  options.instance_id = "../pod/1";
  auto first = Ledger::create(options, Clock::system());
  EXPECT_EQ(first->path(), scratch.path() + "/run/_.._pod_1.forebay");
  auto second = Ledger::create(options, Clock::system());
  EXPECT_EQ(second->path(), scratch.path() + "/run/_.._pod_1~1.forebay");
}

TEST(StatsFileTest, the_file_grows_by_groups_of_threads_and_holds_no_descriptor) {
  ScratchDirectory scratch;
  auto ledger = Ledger::create(ledger_options(scratch.path()), Clock::system());
  const size_t empty = StatsImage(ledger->path()).size();
  const size_t group = StatsImage(ledger->path()).header().group_bytes;
  std::vector<ThreadCounters> leases;
  for (uint32_t i = 0; i < kSlotsPerGroup + 1; ++i) leases.push_back(ledger->lease());
  leases.back().add(0, EmitName::kEmitted, SeverityClass::kInfo, 9);
  const StatsImage image(ledger->path());
  EXPECT_EQ(image.size(), empty + 2 * group);
  EXPECT_EQ(image.header().groups, 2u);
  EXPECT_EQ(image.header().leased_slots, kSlotsPerGroup + 1);
  EXPECT_EQ(image.slot(kSlotsPerGroup, 0, EmitName::kEmitted), 9u);
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    EXPECT_NE(std::filesystem::read_symlink(entry, ignored).string(), ledger->path());
  }
}

TEST(StatsFileTest, a_file_that_was_replaced_is_left_alone_and_threads_share_a_slot) {
  ScratchDirectory scratch;
  auto ledger = Ledger::create(ledger_options(scratch.path()), Clock::system());
  ASSERT_EQ(::unlink(ledger->path().c_str()), 0);
  std::ofstream(ledger->path()) << "somebody else's";
  ThreadCounters counters = ledger->lease();
  EXPECT_TRUE(counters.is_shared());
  counters.add(0, EmitName::kEmitted, SeverityClass::kInfo);
  EXPECT_EQ(ledger->snapshot().lanes[0][EmitName::kEmitted].total(), 1u);
  EXPECT_EQ(std::filesystem::file_size(ledger->path()), 15u);
}

TEST(StatsFileTest, an_end_is_written_down_and_the_numbers_stay) {
  ScratchDirectory scratch;
  ManualClock clock;
  auto ledger = Ledger::create(ledger_options(scratch.path()), clock);
  const std::string path = ledger->path();
  ledger->lease().add(1, EmitName::kEmitted, SeverityClass::kInfo, 5);
  ledger->heartbeat(clock.wall_now() + std::chrono::seconds{1});
  clock.advance(std::chrono::seconds{2});
  ledger->mark_ended();
  ledger.reset();
  const StatsImage image(path);
  EXPECT_EQ(image.header().state, static_cast<uint32_t>(RunState::kEnded));
  EXPECT_EQ(image.header().ended_wall_ns, clock.wall_now().time_since_epoch().count());
  EXPECT_EQ(image.header().heartbeat_wall_ns, image.header().ended_wall_ns - 1'000'000'000);
  EXPECT_EQ(image.emit(1, EmitName::kEmitted), 5u);
}

// In the child: leases until the file cannot grow, counts on, and compares.
int counts_survive_a_file_that_cannot_grow(const std::string& directory) {
  auto ledger = Ledger::create(ledger_options(directory), Clock::system());
  if (ledger->path().empty()) return 1;
  std::vector<ThreadCounters> leases;
  for (uint32_t i = 0; i < 3 * kSlotsPerGroup; ++i) {
    leases.push_back(ledger->lease());
    leases.back().add(0, EmitName::kEmitted, SeverityClass::kInfo);
  }
  if (leases.front().is_shared() || !leases.back().is_shared()) return 2;
  if (ledger->snapshot().lanes[0][EmitName::kEmitted].total() != leases.size()) return 3;
  return StatsImage(ledger->path()).emit(0, EmitName::kEmitted) == leases.size() ? 0 : 4;
}

// In the child: no room even for the empty file.
int a_ledger_without_room_works_in_memory(const std::string& directory) {
  auto ledger = Ledger::create(ledger_options(directory), Clock::system());
  if (!ledger->path().empty() || ledger->warning().empty()) return 1;
  if (!std::filesystem::is_empty(directory)) return 2;
  ledger->lease().add(0, EmitName::kEmitted, SeverityClass::kInfo, 8);
  return ledger->snapshot().lanes[0].in_queue() == 8 ? 0 : 3;
}

TEST(StatsFileTest, a_file_size_limit_neither_kills_the_process_nor_loses_a_count) {
  ScratchDirectory scratch;
  const auto limited = [&](rlim_t bytes, auto body) {
    return in_child([&] {
      std::signal(SIGXFSZ, SIG_DFL);
      const struct rlimit limit { bytes, bytes };
      return ::setrlimit(RLIMIT_FSIZE, &limit) == 0 ? body(scratch.path()) : 9;
    });
  };
  EXPECT_EQ(limited(4096, a_ledger_without_room_works_in_memory), 0);
  EXPECT_EQ(limited(64 << 10, counts_survive_a_file_that_cannot_grow), 0);
}

// A disk of 64 KiB in a mount namespace of the child's own. 77: this system does not let us.
template <typename Body>
int on_a_tiny_disk(const std::string& at, const char* size, Body body) {
  return in_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", at.c_str(), "tmpfs", 0, size) != 0) {
      return 77;
    }
    return body(at);
  });
}

TEST(StatsFileTest, a_full_disk_is_never_a_sigbus) {
  ScratchDirectory scratch;
  const int without_room =
      on_a_tiny_disk(scratch.path(), "size=8k,mode=700", a_ledger_without_room_works_in_memory);
  // Who may not mount has the file size limit's test for the same two ways through the code.
  if (without_room == 77) GTEST_SKIP() << "may not mount a tmpfs here";
  EXPECT_EQ(without_room, 0);
  EXPECT_EQ(
      on_a_tiny_disk(scratch.path(), "size=64k,mode=700", counts_survive_a_file_that_cannot_grow),
      0);
}

}  // namespace
}  // namespace forebay::account
