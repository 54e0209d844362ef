#include "base/file_system.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace forebay {
namespace {

class FileSystemTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/forebay-test-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    dir = pattern;
  }
  void TearDown() override {
    const std::string command = "rm -rf " + dir;
    EXPECT_EQ(std::system(command.c_str()), 0);
  }
  static std::string content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  static mode_t mode_of(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 0777;
  }

  std::string dir;
  FileSystem& files = FileSystem::system();
};

TEST_F(FileSystemTest, directories_are_made_with_their_parents_for_the_owner_alone) {
  EXPECT_TRUE(files.make_directories(dir + "/a/b/c").is_ok());
  EXPECT_EQ(mode_of(dir + "/a"), 0700u);
  EXPECT_EQ(mode_of(dir + "/a/b/c"), 0700u);
  EXPECT_TRUE(files.make_directories(dir + "/a/b/c").is_ok());
  EXPECT_TRUE(files.make_directories(dir + "/a//b/d/").is_ok());
}

TEST_F(FileSystemTest, a_file_in_the_way_of_a_directory_is_an_error_that_names_it) {
  ASSERT_TRUE(files.open_append(dir + "/file").is_ok());
  const Status status = files.make_directories(dir + "/file/sub");
  EXPECT_FALSE(status.is_ok());
  EXPECT_NE(status.message().find(dir + "/file"), std::string::npos);
  EXPECT_FALSE(files.make_directories(dir + "/file").is_ok());
}

TEST_F(FileSystemTest, appending_goes_on_where_the_file_ends) {
  const std::string path = dir + "/f";
  {
    auto file = files.open_append(path);
    ASSERT_TRUE(file.is_ok());
    EXPECT_TRUE((*file)->append(as_bytes("one")).is_ok());
    EXPECT_EQ((*file)->size(), 3u);
    EXPECT_TRUE((*file)->sync().is_ok());
  }
  auto file = files.open_append(path);
  ASSERT_TRUE(file.is_ok());
  EXPECT_EQ((*file)->size(), 3u);
  EXPECT_TRUE((*file)->append(as_bytes("two")).is_ok());
  EXPECT_TRUE((*file)->append({}).is_ok());
  EXPECT_EQ(content(path), "onetwo");
  EXPECT_EQ(mode_of(path), 0600u);
}

TEST_F(FileSystemTest, a_symbolic_link_is_not_followed_and_a_fifo_not_waited_for) {
  ASSERT_EQ(::symlink("/dev/null", (dir + "/link").c_str()), 0);
  EXPECT_FALSE(files.open_append(dir + "/link").is_ok());
  ASSERT_EQ(::mkfifo((dir + "/fifo").c_str(), 0600), 0);
  EXPECT_FALSE(files.open_append(dir + "/fifo").is_ok());
  EXPECT_FALSE(files.open_append(dir).is_ok());
}

TEST_F(FileSystemTest, a_program_that_is_started_inherits_no_file) {
  auto file = files.open_append(dir + "/f");
  ASSERT_TRUE(file.is_ok());
  bool found = false;
  for (int fd = 0; fd < 256; ++fd) {
    char target[512];
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ssize_t length = ::readlink(link.c_str(), target, sizeof target);
    if (length <= 0 || std::string(target, static_cast<size_t>(length)) != dir + "/f") continue;
    found = true;
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_TRUE(found);
}

TEST_F(FileSystemTest, a_write_that_does_not_fit_leaves_nothing_behind) {
  // A limit on the file's size stands in for a full disk: a short write, and then an error.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* old = std::signal(SIGXFSZ, SIG_IGN);
  auto file = files.open_append(dir + "/f");
  ASSERT_TRUE(file.is_ok());
  ASSERT_TRUE((*file)->append(as_bytes("whole\n")).is_ok());
  rlimit small = before;
  small.rlim_cur = 1000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status status = (*file)->append(as_bytes(std::string(5000, 'x')));
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old);
  EXPECT_FALSE(status.is_ok());
  EXPECT_NE(status.message().find(dir + "/f: write: "), std::string::npos) << status.message();
  EXPECT_EQ((*file)->size(), 6u);
  EXPECT_EQ(content(dir + "/f"), "whole\n");
  EXPECT_TRUE((*file)->append(as_bytes("next\n")).is_ok());
  EXPECT_EQ(content(dir + "/f"), "whole\nnext\n");
}

TEST_F(FileSystemTest, list_names_regular_files_with_size_and_time) {
  {
    auto file = files.open_append(dir + "/b");
    ASSERT_TRUE(file.is_ok() && (*file)->append(as_bytes("1234")).is_ok());
  }
  ASSERT_TRUE(files.open_append(dir + "/a").is_ok());
  ASSERT_TRUE(files.make_directories(dir + "/c").is_ok());
  ASSERT_EQ(::symlink("b", (dir + "/d").c_str()), 0);
  const auto listed = files.list(dir);
  ASSERT_TRUE(listed.is_ok());
  ASSERT_EQ((*listed).size(), 2u);
  EXPECT_EQ((*listed)[0].name, "a");
  EXPECT_EQ((*listed)[1].name, "b");
  EXPECT_EQ((*listed)[1].bytes, 4u);
  EXPECT_NEAR(static_cast<double>((*listed)[1].modified_unix_s),
              static_cast<double>(::time(nullptr)), 60);
  EXPECT_FALSE(files.list(dir + "/nowhere").is_ok());
}

TEST_F(FileSystemTest, rename_and_remove) {
  ASSERT_TRUE(files.open_append(dir + "/a").is_ok());
  EXPECT_TRUE(files.rename(dir + "/a", dir + "/b").is_ok());
  EXPECT_TRUE(files.remove(dir + "/b").is_ok());
  const Status status = files.remove(dir + "/b");
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("No such file"), std::string::npos);
  EXPECT_FALSE(files.rename(dir + "/a", dir + "/b").is_ok());
}

}  // namespace
}  // namespace forebay
