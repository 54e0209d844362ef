#include "base/cgroup.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace forebay {
namespace {

namespace fs = std::filesystem;

// A tree with proc and sys as the kernel has them.
class CgroupTest : public ::testing::Test {
 protected:
  // Tests run beside each other.
  CgroupTest()
      : root_(fs::path(::testing::TempDir()) / ("cgroup_test-" + std::to_string(getpid()))) {
    fs::remove_all(root_);
    write("proc/self/cgroup", "");
  }
  ~CgroupTest() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  [[nodiscard]] std::optional<uint64_t> limit() const {
    return container_memory_limit(root_.string());
  }

 private:
  const fs::path root_;
};

TEST_F(CgroupTest, no_group_or_no_limit_is_none) {
  EXPECT_EQ(limit(), std::nullopt);
  write("proc/self/cgroup", "0::/user.slice\n");
  EXPECT_EQ(limit(), std::nullopt);
  write("sys/fs/cgroup/user.slice/memory.max", "max\n");
  EXPECT_EQ(limit(), std::nullopt);
  EXPECT_EQ(container_memory_limit("/no/such/root"), std::nullopt);
}

TEST_F(CgroupTest, the_lowest_limit_of_the_group_and_those_around_it_counts) {
  write("proc/self/cgroup", "0::/pods/pod7/app\n");
  write("sys/fs/cgroup/pods/pod7/app/memory.max", "max\n");
  write("sys/fs/cgroup/pods/pod7/memory.max", "268435456\n");
  write("sys/fs/cgroup/pods/memory.max", "8589934592\n");
  EXPECT_EQ(limit(), 268435456u);
}

TEST_F(CgroupTest, a_container_sees_its_group_at_the_top) {
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/memory.max", "134217728\n");
  EXPECT_EQ(limit(), 134217728u);
  write("proc/self/cgroup", "0::/kubepods/not-mounted-here\n");
  EXPECT_EQ(limit(), 134217728u);
}

TEST_F(CgroupTest, the_first_version_has_a_hierarchy_for_memory) {
  write("proc/self/cgroup",
        "12:cpu,cpuacct:/a\n5:hugetlb,memory:/docker/x\n1:name=systemd:/y\n0::/\n");
  write("sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", "67108864\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(limit(), 67108864u);
}

TEST_F(CgroupTest, what_is_no_such_file_is_passed_over) {
  write("proc/self/cgroup", "garbage\n7:memory\n0::/a\n");
  write("sys/fs/cgroup/a/memory.max", "12 or so\n");
  EXPECT_EQ(limit(), std::nullopt);
}

}  // namespace
}  // namespace forebay
