#include "ship/console_mirror.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>

#include "ship/metric_bytes.h"
#include "ship/scripted_exporter.h"

namespace forebay::ship {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using Kind = Attempt::Kind;

class ConsoleMirrorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::pipe2(pipe_, O_CLOEXEC | O_NONBLOCK), 0);
    auto made = std::make_unique<ScriptedExporter>();
    primary = made.get();
    mirror = std::make_unique<ConsoleMirror>(std::move(made), ConsoleFormat::kJson, pipe_[1]);
  }
  void TearDown() override {
    for (const int end : pipe_) {
      if (end >= 0) ::close(end);
    }
  }
  void close_reader() {
    ::close(pipe_[0]);
    pipe_[0] = -1;
  }
  std::string read_some() {
    std::string text;
    char buffer[65536];
    for (ssize_t got = 0; (got = ::read(pipe_[0], buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<size_t>(got));
    }
    return text;
  }
  // Sends a batch of one record, and lets the primary end it like this.
  Kind deliver(const std::string& body, Kind kind = Kind::kDelivered) {
    EncodedBatch batch;
    batch.id = body.substr(0, 20);
    batch.counts[SeverityClass::kInfo] = 1;
    batch.codec = Codec::kZstd;
    batch.body = in_codec(log_request({log_record(9, body)}, "scope"), Codec::kZstd);
    mirror->send(std::move(batch), MonotonicTime{});
    primary->answer(kind);
    const auto attempts = mirror->poll(0ns);
    EXPECT_EQ(attempts.size(), 1u);
    return attempts.at(0).kind;
  }
  static size_t lines(const std::string& text) {
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  // Not to be compressed away.
  static std::string noise(size_t bytes, uint32_t seed) {
    std::string text;
    for (size_t i = 0; i < bytes; ++i) {
      seed = seed * 1664525u + 1013904223u;
      text.push_back(static_cast<char>('a' + (seed >> 24) % 26));
    }
    return text;
  }

  int pipe_[2] = {-1, -1};
  ScriptedExporter* primary = nullptr;
  std::unique_ptr<ConsoleMirror> mirror;
};

TEST_F(ConsoleMirrorTest, a_batch_is_shown_once_it_is_delivered_and_not_before) {
  EXPECT_EQ(deliver("first", Kind::kRetry), Kind::kRetry);
  EXPECT_EQ(deliver("first", Kind::kAmbiguous), Kind::kAmbiguous);
  EXPECT_EQ(deliver("second", Kind::kRejected), Kind::kRejected);
  EXPECT_EQ(read_some(), "");
  EXPECT_EQ(deliver("first"), Kind::kDelivered);
  const std::string text = read_some();
  EXPECT_EQ(lines(text), 1u);
  EXPECT_NE(text.find("\"body\":\"first\""), std::string::npos) << text;
}

TEST_F(ConsoleMirrorTest, what_is_delivered_while_everything_is_given_up_is_shown) {
  EncodedBatch batch;
  batch.id = "last";
  batch.counts[SeverityClass::kInfo] = 1;
  batch.body = in_codec(log_request({log_record(9, "last")}, "scope"), Codec::kNone);
  mirror->send(std::move(batch), MonotonicTime{});
  primary->cancelled_as = Kind::kDelivered;
  EXPECT_EQ(mirror->cancel_all().size(), 1u);
  EXPECT_NE(read_some().find("last"), std::string::npos);
}

TEST_F(ConsoleMirrorTest, a_console_that_nobody_reads_holds_up_no_batch_and_says_what_it_skipped) {
  // A pipe takes 64 KiB, and what waits for it is bounded.
  for (uint32_t i = 0; i < 40; ++i) {
    EXPECT_EQ(deliver(noise(400'000, i)), Kind::kDelivered);
  }
  std::string text;
  for (int i = 0; i < 5000; ++i) {
    text += read_some();
    EXPECT_TRUE(mirror->poll(0ns).empty());
  }
  deliver("after");
  text += read_some();
  uint64_t skipped = 0;
  size_t said = 0;
  const std::string what = " records were delivered and not shown here";
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    skipped += std::stoull(text.substr(text.rfind('"', at) + 1));
    ++said;
  }
  EXPECT_GT(skipped, 20u);
  EXPECT_LT(skipped, 40u);
  EXPECT_EQ(lines(text) - said + skipped, 41u);
  EXPECT_NE(text.find("\"after\""), std::string::npos);
}

TEST_F(ConsoleMirrorTest, a_console_that_is_gone_fails_no_batch) {
  close_reader();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(deliver("x"), Kind::kDelivered);
}

TEST_F(ConsoleMirrorTest, a_batch_that_cannot_be_shown_is_delivered_all_the_same) {
  EncodedBatch batch;
  batch.id = "broken";
  batch.counts[SeverityClass::kInfo] = 1;
  batch.codec = Codec::kZstd;
  batch.body = std::make_shared<ByteBuffer>(ByteBuffer::copy_of(as_bytes("no zstd")));
  mirror->send(std::move(batch), MonotonicTime{});
  primary->answer(Kind::kDelivered);
  EXPECT_EQ(mirror->poll(0ns).at(0).kind, Kind::kDelivered);
  EXPECT_EQ(deliver("next"), Kind::kDelivered);
  EXPECT_NE(read_some().find("next"), std::string::npos);
}

TEST_F(ConsoleMirrorTest, metrics_pass_unshown) {
  mirror->send(counter_batch("m", 3), MonotonicTime{});
  primary->answer(Kind::kDelivered);
  const auto attempts = mirror->poll(0ns);
  ASSERT_EQ(attempts.size(), 1u);
  EXPECT_EQ(attempts[0].kind, Kind::kDelivered);
  EXPECT_EQ(attempts[0].batch.records(), 3u);
  EXPECT_EQ(deliver("a record"), Kind::kDelivered);
  const std::string text = read_some();
  EXPECT_EQ(lines(text), 1u) << text;
  EXPECT_EQ(text.find("orders"), std::string::npos);
  EXPECT_EQ(text.find("not shown"), std::string::npos) << "they are not what was skipped";
}

TEST_F(ConsoleMirrorTest, all_else_is_the_primarys) {
  EXPECT_EQ(mirror->codec(), Codec::kZstd);
  EXPECT_EQ(mirror->max_in_flight(), 4u);
  EXPECT_EQ(mirror->description(), "scripted");
}

}  // namespace
}  // namespace forebay::ship
