#include "ship/modelled_exporter.h"

#include <gtest/gtest.h>

namespace forebay::ship {
namespace {

using namespace std::chrono_literals;

EncodedBatch batch_of(uint64_t records) {
  EncodedBatch batch;
  batch.id = std::to_string(records);
  batch.counts[SeverityClass::kInfo] = records;
  return batch;
}

TEST(ModelledExporterTest, requests_are_answered_at_the_destinations_rate) {
  ManualClock clock;
  ModelledExporter exporter({.records_per_second = 1000, .latency = 10ms}, clock);
  exporter.send(batch_of(500), clock.now());
  exporter.send(batch_of(100), clock.now());
  clock.advance(509ms);
  EXPECT_TRUE(exporter.poll(Duration::zero()).empty());
  clock.advance(1ms);
  auto ended = exporter.poll(Duration::zero());
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].batch.records(), 500u);
  EXPECT_EQ(ended[0].kind, Attempt::Kind::kDelivered);
  clock.advance(100ms);
  EXPECT_EQ(exporter.poll(Duration::zero()).size(), 1u);
}

TEST(ModelledExporterTest, it_refuses_while_it_is_out) {
  ManualClock clock;
  const MonotonicTime begin = clock.now();
  ModelledExporter exporter({.outages = {{begin + 1s, begin + 2s}}}, clock);
  clock.advance(1s);
  exporter.send(batch_of(1), clock.now());
  auto ended = exporter.poll(Duration::zero());
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].kind, Attempt::Kind::kRetry);
  clock.advance(1s);
  exporter.send(batch_of(1), clock.now());
  clock.advance(5ms);
  ended = exporter.poll(Duration::zero());
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].kind, Attempt::Kind::kDelivered);
}

TEST(ModelledExporterTest, what_is_cancelled_may_have_arrived) {
  ManualClock clock;
  ModelledExporter exporter({}, clock);
  exporter.send(batch_of(1), clock.now());
  const auto ended = exporter.cancel_all();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].kind, Attempt::Kind::kAmbiguous);
}

}  // namespace
}  // namespace forebay::ship
