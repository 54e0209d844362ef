#include "ship/memory_exporter.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "ship/metric_bytes.h"

namespace forebay::ship {
namespace {

using namespace std::chrono_literals;
using testing::counter_batch;
using testing::info_batch;
using Kind = Attempt::Kind;

Kind send(MemoryExporter& exporter, EncodedBatch batch) {
  exporter.send(std::move(batch), MonotonicTime{});
  const auto attempts = exporter.poll(0ns);
  EXPECT_EQ(attempts.size(), 1u);
  return attempts.at(0).kind;
}

TEST(MemoryExporterTest, keeps_plain_requests_in_order) {
  MemoryExporter exporter;
  EXPECT_EQ(send(exporter, info_batch("a", 3, Codec::kZstd)), Kind::kDelivered);
  EXPECT_EQ(send(exporter, info_batch("b", 4, Codec::kGzip)), Kind::kDelivered);
  const auto kept = exporter.take(Signal::kLogs);
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].id, "a");
  EXPECT_EQ(as_text(kept[0].request->view()), testing::plain_text(info_batch("a", 3)));
  EXPECT_EQ(as_text(kept[1].request->view()), testing::plain_text(info_batch("b", 4)));
  EXPECT_EQ(exporter.bytes(Signal::kLogs), 0u);
  EXPECT_TRUE(exporter.take(Signal::kLogs).empty());
}

TEST(MemoryExporterTest, full_means_try_again_until_somebody_takes) {
  const uint64_t size = info_batch("a").raw_bytes;
  MemoryExporter exporter(size + size / 2);
  EXPECT_EQ(send(exporter, info_batch("a")), Kind::kDelivered);
  EXPECT_EQ(send(exporter, info_batch("b")), Kind::kRetry);
  EXPECT_EQ(exporter.bytes(Signal::kLogs), size);
  EXPECT_EQ(exporter.take(Signal::kLogs).size(), 1u);
  EXPECT_EQ(send(exporter, info_batch("b")), Kind::kDelivered);
  EXPECT_EQ(send(exporter, info_batch("c", 100)), Kind::kTooLarge);
}

TEST(MemoryExporterTest, each_signal_is_taken_by_itself) {
  MemoryExporter exporter;
  EXPECT_EQ(send(exporter, info_batch("l1")), Kind::kDelivered);
  EXPECT_EQ(send(exporter, counter_batch("m1", 3)), Kind::kDelivered);
  EXPECT_EQ(send(exporter, info_batch("l2")), Kind::kDelivered);
  const auto metrics = exporter.take(Signal::kMetrics);
  ASSERT_EQ(metrics.size(), 1u);
  EXPECT_EQ(metrics[0].id, "m1");
  EXPECT_EQ(as_text(metrics[0].request->view()), testing::plain_text(counter_batch("m1", 3)));
  EXPECT_EQ(exporter.bytes(Signal::kMetrics), 0u);
  EXPECT_EQ(exporter.take(Signal::kLogs).size(), 2u);
}

TEST(MemoryExporterTest, metrics_that_nobody_takes_hold_up_no_logs) {
  MemoryExporter exporter(info_batch("l").raw_bytes);
  while (send(exporter, counter_batch("m", 1)) == Kind::kDelivered) {
  }
  EXPECT_EQ(send(exporter, counter_batch("m", 1)), Kind::kRetry);
  EXPECT_EQ(send(exporter, info_batch("l")), Kind::kDelivered);
}

TEST(MemoryExporterTest, bytes_that_cannot_be_read_are_let_go) {
  MemoryExporter exporter;
  EncodedBatch bad = info_batch("a", 1, Codec::kNone);
  bad.codec = Codec::kZstd;
  EXPECT_EQ(send(exporter, std::move(bad)), Kind::kFailed);
}

TEST(MemoryExporterTest, wake_ends_a_poll_that_waits) {
  MemoryExporter exporter;
  const auto begin = std::chrono::steady_clock::now();
  std::thread waker([&] { exporter.wake(); });
  EXPECT_TRUE(exporter.poll(60s).empty());
  waker.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
}

}  // namespace
}  // namespace forebay::ship
