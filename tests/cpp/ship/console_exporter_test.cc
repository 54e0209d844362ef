#include "ship/console_exporter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>

#include "ship/metric_bytes.h"

namespace forebay::ship {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using Kind = Attempt::Kind;

class ConsoleExporterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    ASSERT_EQ(::pipe2(pipe_, O_CLOEXEC), 0);
  }
  void TearDown() override {
    close_end(0);
    close_end(1);
  }
  void close_end(int end) {
    if (pipe_[end] >= 0) ::close(pipe_[end]);
    pipe_[end] = -1;
  }
  // All that can be read now, and then the end.
  std::string read_all() {
    close_end(1);
    std::string text;
    char buffer[65536];
    for (ssize_t got = 0; (got = ::read(pipe_[0], buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<size_t>(got));
    }
    return text;
  }
  std::string shown(const EncodedBatch& batch, ConsoleFormat format) {
    ConsoleExporter exporter(format, pipe_[1]);
    exporter.send(batch, MonotonicTime{});
    const auto attempts = exporter.poll(0ns);
    EXPECT_EQ(attempts.size(), 1u);
    EXPECT_EQ(attempts.at(0).kind, Kind::kDelivered) << attempts.at(0).message;
    return read_all();
  }
  static EncodedBatch batch_of(const std::vector<Message>& records,
                               const std::string& scope = "checkout.api") {
    EncodedBatch batch;
    batch.id = "b";
    batch.counts[SeverityClass::kInfo] = records.size();
    batch.codec = Codec::kZstd;
    batch.body = in_codec(log_request(records, scope), Codec::kZstd);
    return batch;
  }
  static Message request_finished() {
    return log_record(9, "request finished")
        .message(6, key_value("route", any_text("/items")))
        .message(6, key_value("status", Message().varint(3, 200)))
        .message(6, key_value("elapsed_ms", Message().number(4, 12.5)))
        .message(6, key_value("note", any_text("two words")));
  }

  int pipe_[2] = {-1, -1};
};

TEST_F(ConsoleExporterTest, pretty_is_an_aligned_line_a_record) {
  EXPECT_EQ(shown(batch_of({request_finished(), log_record(17, "payment failed")}),
                  ConsoleFormat::kPretty),
            "08:00:00.123 INFO   checkout.api  request finished  route=/items status=200 "
            "elapsed_ms=12.5 note=\"two words\"\n"
            "08:00:00.123 ERROR  checkout.api  payment failed\n");
}

TEST_F(ConsoleExporterTest, json_is_a_flat_object_a_record) {
  Message record = request_finished();
  record.text(9, std::string(16, '\x11')).text(10, std::string(8, '\x22')).text(3, "INFORMATION");
  EXPECT_EQ(shown(batch_of({record}), ConsoleFormat::kJson),
            "{\"time\":\"2027-01-15T08:00:00.123456Z\",\"severity\":\"INFORMATION\","
            "\"logger\":\"checkout.api\",\"body\":\"request finished\","
            "\"trace_id\":\"11111111111111111111111111111111\",\"span_id\":\"2222222222222222\","
            "\"attributes\":{\"route\":\"/items\",\"status\":200,\"elapsed_ms\":12.5,"
            "\"note\":\"two words\"}}\n");
}

TEST_F(ConsoleExporterTest, auto_is_json_where_there_is_no_terminal) {
  EXPECT_EQ(shown(batch_of({log_record(9, "x")}), ConsoleFormat::kAuto).front(), '{');
}

TEST_F(ConsoleExporterTest, nested_values_are_plain_json) {
  const Message map =
      Message().message(6, Message().message(1, key_value("k", Message().varint(2, 1))));
  const Message list = Message().message(5, Message().message(1, map).message(1, Message()));
  EXPECT_NE(
      shown(batch_of({log_record(9, "x").message(6, key_value("a", list))}), ConsoleFormat::kJson)
          .find("\"attributes\":{\"a\":[{\"k\":true},null]}"),
      std::string::npos);
}

TEST_F(ConsoleExporterTest, nothing_in_a_record_breaks_the_line_or_commands_the_terminal) {
  const std::string text = shown(
      batch_of(
          {log_record(9, "a\nb\x1b[2Jc\xff\xc2\x9b").message(6, key_value("k\n", any_text("\r")))}),
      ConsoleFormat::kPretty);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_NE(text.find("a\\nb\\x1b[2Jc\\xff\\xc2"), std::string::npos) << text;
}

TEST_F(ConsoleExporterTest, a_terminal_gets_color_unless_no_color_is_set) {
  const auto on_terminal = [&] {
    int master = -1;
    int slave = -1;
    EXPECT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
    ConsoleExporter exporter(ConsoleFormat::kAuto, slave);
    exporter.send(batch_of({log_record(13, "careful")}), MonotonicTime{});
    EXPECT_EQ(exporter.poll(0ns).size(), 1u);
    char buffer[4096];
    const ssize_t got = ::read(master, buffer, sizeof buffer);
    ::close(master);
    ::close(slave);
    return std::string(buffer, static_cast<size_t>(got));
  };
  ::setenv("TERM", "xterm", 1);
  ::unsetenv("NO_COLOR");
  EXPECT_NE(on_terminal().find("\x1b[33mWARN"), std::string::npos);
  ::setenv("NO_COLOR", "1", 1);
  const std::string plain = on_terminal();
  EXPECT_EQ(plain.find('\x1b'), std::string::npos);
  EXPECT_NE(plain.find("WARN   checkout.api  careful"), std::string::npos);
  ::unsetenv("NO_COLOR");
}

TEST_F(ConsoleExporterTest, a_pipe_that_nobody_reads_holds_up_nobody) {
  for (const bool non_blocking : {false, true}) {
    TearDown();
    SetUp();
    if (non_blocking) ::fcntl(pipe_[1], F_SETFL, O_NONBLOCK);
    ConsoleExporter exporter(ConsoleFormat::kJson, pipe_[1]);
    EncodedBatch batch = info_batch("large", 5000);
    exporter.send(batch, MonotonicTime{});
    EXPECT_TRUE(exporter.poll(1ms).empty());
    std::string text;
    std::thread reader([&] {
      text = [&] {
        std::string all;
        char buffer[65536];
        for (ssize_t got = 0; (got = ::read(pipe_[0], buffer, sizeof buffer)) > 0;) {
          all.append(buffer, static_cast<size_t>(got));
        }
        return all;
      }();
    });
    std::vector<Attempt> attempts;
    for (int i = 0; i < 10'000 && attempts.empty(); ++i) attempts = exporter.poll(10ms);
    close_end(1);
    reader.join();
    ASSERT_EQ(attempts.size(), 1u);
    EXPECT_EQ(attempts[0].kind, Kind::kDelivered);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5000);
  }
}

TEST_F(ConsoleExporterTest, a_broken_pipe_rejects_and_raises_no_signal) {
  struct sigaction before {};
  struct sigaction dies {};
  dies.sa_handler = SIG_DFL;
  ::sigaction(SIGPIPE, &dies, &before);
  close_end(0);
  ConsoleExporter exporter(ConsoleFormat::kJson, pipe_[1]);
  for (int i = 0; i < 3; ++i) {
    exporter.send(info_batch("b"), MonotonicTime{});
    const auto attempts = exporter.poll(0ns);
    ASSERT_EQ(attempts.size(), 1u);
    EXPECT_EQ(attempts[0].kind, Kind::kRejected);
    EXPECT_EQ(attempts[0].rejection, Rejection::kOther);
  }
  sigset_t pending;
  ::sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGPIPE), 0);
  ::sigaction(SIGPIPE, &before, nullptr);
}

TEST_F(ConsoleExporterTest, cancel_tells_what_was_begun_from_what_was_not) {
  ConsoleExporter exporter(ConsoleFormat::kJson, pipe_[1]);
  exporter.send(info_batch("begun", 5000), MonotonicTime{});
  exporter.send(info_batch("waits"), MonotonicTime{});
  const auto attempts = exporter.cancel_all();
  ASSERT_EQ(attempts.size(), 2u);
  EXPECT_EQ(attempts[0].kind, Kind::kAmbiguous);
  EXPECT_EQ(attempts[1].kind, Kind::kRetry);
}

TEST_F(ConsoleExporterTest, metrics_are_a_line_a_point_in_either_format) {
  const EncodedBatch batch = counter_batch("m", 3);
  const std::string pretty = shown(batch, ConsoleFormat::kPretty);
  EXPECT_EQ(std::count(pretty.begin(), pretty.end(), '\n'), 3);
  EXPECT_EQ(pretty.find("08:00:00.123 METRIC checkout.meter  orders{region=r0} 0 {order}\n"), 0u)
      << pretty;
  TearDown();
  SetUp();
  const std::string json = shown(batch, ConsoleFormat::kJson);
  EXPECT_EQ(std::count(json.begin(), json.end(), '\n'), 3);
  EXPECT_EQ(json.find("{\"time\":\"2027-01-15T08:00:00.123456Z\",\"metric\":\"orders\""), 0u)
      << json;
}

TEST_F(ConsoleExporterTest, points_and_records_are_aligned_with_each_other) {
  ConsoleExporter exporter(ConsoleFormat::kPretty, pipe_[1]);
  exporter.send(batch_of({log_record(9, "x")}, "checkout.meter"), MonotonicTime{});
  exporter.send(counter_batch("m", 1), MonotonicTime{});
  EXPECT_EQ(exporter.poll(0ns).size(), 2u);
  EXPECT_EQ(read_all(),
            "08:00:00.123 INFO   checkout.meter  x\n"
            "08:00:00.123 METRIC checkout.meter  orders{region=r0} 0 {order}\n");
}

TEST_F(ConsoleExporterTest, bytes_that_are_no_message_are_let_go) {
  ConsoleExporter exporter(ConsoleFormat::kPretty, pipe_[1]);
  EncodedBatch bad = info_batch("a", 1, Codec::kNone);
  bad.body = in_codec("\xff\xff\xff", Codec::kNone);
  for (const Signal signal : {Signal::kLogs, Signal::kMetrics}) {
    bad.signal = signal;
    exporter.send(bad, MonotonicTime{});
    EXPECT_EQ(exporter.poll(0ns).at(0).kind, Kind::kFailed);
  }
}

}  // namespace
}  // namespace forebay::ship
