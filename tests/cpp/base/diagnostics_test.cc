#include "base/diagnostics.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

namespace forebay {
namespace {

// What `say` writes to stderr.
template <typename Say>
std::string stderr_of(Say say) {
  ::testing::internal::CaptureStderr();
  say();
  return ::testing::internal::GetCapturedStderr();
}

TEST(DiagnosticsTest, a_warning_is_one_line_with_our_name) {
  EXPECT_EQ(stderr_of([] { warn("line", "disk full"); }), "forebay: disk full\n");
}

TEST(DiagnosticsTest, a_key_warns_once_a_minute_and_keys_do_not_silence_one_another) {
  EXPECT_EQ(stderr_of([] {
              warn("first", "1");
              warn("first", "2");
              warn("second", "3");
              warn("first", "4");
            }),
            "forebay: 1\nforebay: 3\n");
}

TEST(DiagnosticsTest, warn_once_is_once) {
  EXPECT_EQ(stderr_of([] {
              for (int i = 0; i < 10; ++i) warn_once("once", "x");
            }),
            "forebay: x\n");
}

TEST(DiagnosticsTest, of_many_threads_one_speaks) {
  const std::string said = stderr_of([] {
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([] {
        for (int n = 0; n < 1000; ++n) warn("threads", "boo");
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  EXPECT_EQ(said, "forebay: boo\n");
}

TEST(DiagnosticsTest, more_keys_than_it_can_remember_make_it_quieter_not_louder) {
  const std::string said = stderr_of([] {
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 1000; ++i) warn("many" + std::to_string(i), "x");
    }
  });
  EXPECT_LE(std::count(said.begin(), said.end(), '\n'), 128);
  EXPECT_GE(std::count(said.begin(), said.end(), '\n'), 1);
}

TEST(DiagnosticsTest, each_name_is_told_once_and_many_of_them_silence_no_key) {
  const std::string said = stderr_of([] {
    for (int round = 0; round < 2; ++round) {
      for (const char* name : {"a", "b"}) warn_once("view", name, name);
      warn_once("other", "a", "3");
    }
  });
  EXPECT_EQ(said, "forebay: a\nforebay: b\nforebay: 3\n");
  const std::string many = stderr_of([] {
    for (int i = 0; i < 1000; ++i) warn_once("view", "name" + std::to_string(i), "x");
  });
  EXPECT_LE(std::count(many.begin(), many.end(), '\n'), 64);
  EXPECT_GE(std::count(many.begin(), many.end(), '\n'), 1);
}

}  // namespace
}  // namespace forebay
