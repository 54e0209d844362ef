#include "account/dead_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>

#include "ledger_fixture.h"

namespace forebay::account {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr int64_t kDayNs = 86'400LL * 1'000'000'000;

class DeadFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/forebay-dead-files-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root_ = name;
    fs::create_directory(root_ / "run");
    fs::create_directory(root_ / "made");
    LedgerOptions options = ledger_options((root_ / "made").string());
    options.in_memory = false;
    const auto ledger = Ledger::create(options, Clock::system());
    ASSERT_FALSE(ledger->path().empty()) << ledger->warning();
    std::ifstream file(ledger->path(), std::ios::binary);
    image_.assign(std::istreambuf_iterator<char>(file), {});
    ASSERT_GT(image_.size(), sizeof(StatsHeader));
  }
  void TearDown() override { fs::remove_all(root_); }

  template <class Value>
  static void put(std::string& image, size_t offset, Value value) {
    std::memcpy(image.data() + offset, &value, sizeof value);
  }
  // This living process's file, with what `change` made of it; last seen so long ago.
  void write(const std::string& name, int64_t days_ago, bool ended,
             const std::function<void(std::string&)>& change = {}) {
    std::string image = image_;
    const int64_t seen = now_ns() - days_ago * kDayNs;
    put(image, offsetof(StatsHeader, started_wall_ns), seen - kDayNs);
    put(image, offsetof(StatsHeader, heartbeat_wall_ns), seen);
    if (ended) {
      put(image, offsetof(StatsHeader, state), static_cast<uint32_t>(RunState::kEnded));
      put(image, offsetof(StatsHeader, ended_wall_ns), seen);
    }
    if (change) change(image);
    const std::string path = (root_ / "run" / name).string();
    std::ofstream(path, std::ios::binary) << image;
    const timespec times[2] = {{seen / 1'000'000'000, 0}, {seen / 1'000'000'000, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  static void other_start(std::string& image) {
    put(image, offsetof(StatsHeader, start_ticks), uint64_t{1});
  }
  static void other_boot(std::string& image) {
    put(image, offsetof(StatsHeader, boot_id), uint64_t{1});
  }
  static void no_such_pid(std::string& image) {
    put(image, offsetof(StatsHeader, pid), uint64_t{1} << 40);
  }
  static void other_namespace(std::string& image) {
    put(image, offsetof(StatsHeader, pid_namespace), uint64_t{1});
  }

  int64_t now_ns() const { return now_.time_since_epoch().count(); }
  std::set<std::string> left(const DeadFilesKept& kept = {}) {
    const int fd = ::open((root_ / "run").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    EXPECT_GE(fd, 0);
    remove_dead_files(fd, now_, kept);
    EXPECT_EQ(::close(fd), 0) << "the descriptor stays the caller's";
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(root_ / "run")) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }

  fs::path root_;
  std::string image_;
  WallTime now_ = Clock::system().wall_now();
};

using Names = std::set<std::string>;

TEST_F(DeadFilesTest, a_file_goes_a_week_after_the_last_sign_of_life_of_a_process_that_is_gone) {
  write("ended-old.forebay", 8, true);
  write("ended-new.forebay", 6, true);
  write("killed-old.forebay", 8, false, other_start);
  write("killed-new.forebay", 6, false, other_start);
  write("other-boot.forebay", 8, false, other_boot);
  write("no-pid.forebay", 8, false, no_such_pid);
  EXPECT_EQ(left(), (Names{"ended-new.forebay", "killed-new.forebay"}));
}

TEST_F(DeadFilesTest, a_living_process_keeps_its_file_however_long_it_was_silent) {
  write("alive.forebay", 400, false);
  EXPECT_EQ(left({.files = 0}), Names{"alive.forebay"});
}

TEST_F(DeadFilesTest, beyond_the_number_the_oldest_go) {
  for (int i = 0; i < 5; ++i) write("d" + std::to_string(i) + ".forebay", i, true);
  write("alive.forebay", 5, false);
  EXPECT_EQ(left({.files = 2}), (Names{"d0.forebay", "d1.forebay", "alive.forebay"}));
}

TEST_F(DeadFilesTest, one_of_another_pid_namespace_goes_only_when_its_heart_has_stopped) {
  write("beats.forebay", 6, false, other_namespace);
  write("stopped.forebay", 8, false, other_namespace);
  write("never-beat.forebay", 8, false, [](std::string& image) {
    other_namespace(image);
    put(image, offsetof(StatsHeader, heartbeat_wall_ns), int64_t{0});
  });
  write("ended.forebay", 8, true, other_namespace);
  EXPECT_EQ(left({.files = 0}), (Names{"beats.forebay", "never-beat.forebay"}));
}

TEST_F(DeadFilesTest, what_is_no_stats_file_of_ours_stays) {
  write("not-ready.forebay", 30, true, [](std::string& image) { put(image, 0, uint64_t{0}); });
  write("newer.forebay", 30, true, [](std::string& image) {
    put(image, offsetof(StatsHeader, format_version), kFormatVersion + 1);
  });
  write("cut.forebay", 30, true, [](std::string& image) { image.resize(100); });
  write("named-otherwise.txt", 30, true);
  fs::create_symlink("/dev/zero", root_ / "run" / "link.forebay");
  ASSERT_EQ(::mkfifo((root_ / "run" / "fifo.forebay").c_str(), 0600), 0);
  fs::create_directory(root_ / "run" / "folder.forebay");
  EXPECT_EQ(left({.files = 0}).size(), 7u);
}

TEST_F(DeadFilesTest, only_so_many_are_looked_at) {
  for (int i = 0; i < 10; ++i) write("d" + std::to_string(i) + ".forebay", 30, true);
  EXPECT_EQ(left({.looked_at = 4}).size(), 6u);
}

TEST_F(DeadFilesTest, a_new_ledger_removes_them) {
  write("old.forebay", 8, true);
  write("new.forebay", 6, true);
  LedgerOptions options = ledger_options((root_ / "run").string());
  options.in_memory = false;
  const auto ledger = Ledger::create(options, Clock::system());
  EXPECT_FALSE(ledger->path().empty()) << ledger->warning();
  EXPECT_FALSE(fs::exists(root_ / "run" / "old.forebay"));
  EXPECT_TRUE(fs::exists(root_ / "run" / "new.forebay"));
  EXPECT_TRUE(fs::exists(ledger->path()));
}

}  // namespace
}  // namespace forebay::account
