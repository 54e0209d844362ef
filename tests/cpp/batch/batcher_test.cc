#include "batch/batcher.h"

#include <gtest/gtest.h>

#include <string>

namespace forebay::batch {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1000s};
constexpr WallTime kWall{1'800'000'000s};

// Adds a record of so many bytes, emitted `age` before it came here.
void add(Batcher& batcher, uint32_t scope, size_t bytes, MonotonicTime now = kStart,
         Duration age = 0ns, SeverityClass severity = SeverityClass::kInfo) {
  batcher.segment(scope).append(std::string(bytes, 'x'));
  batcher.added(severity, now - age, kWall + (now - kStart) - age, now);
}

TEST(BatchOptionsTest, the_message_names_field_value_and_range) {
  EXPECT_TRUE(BatchOptions{}.validate());
  const struct {
    BatchOptions options;
    std::string text;
  } cases[] = {
      {{.max_records = 0}, "batch.max_records: 0 is not in 1..1000000"},
      {{.max_records = 1'000'001}, "batch.max_records: 1000001 is not in 1..1000000"},
      {{.max_bytes = 1023}, "batch.max_bytes: 1023 is not in 1024..16777216"},
      {{.max_bytes = (16u << 20) + 1}, "batch.max_bytes: 16777217 is not in 1024..16777216"},
      {{.max_delay = -1ns}, "batch.max_delay: -1 ns is not in 0..1 h"},
      {{.max_delay = 1h + 1ns}, "batch.max_delay: 3600000000001 ns is not in 0..1 h"},
  };
  for (const auto& c : cases) {
    const Status status = c.options.validate();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), c.text);
  }
  EXPECT_TRUE((BatchOptions{.max_records = 1, .max_bytes = 1024, .max_delay = 0ns}.validate()));
  EXPECT_TRUE(
      (BatchOptions{.max_records = 1'000'000, .max_bytes = 16u << 20, .max_delay = 1h}.validate()));
}

TEST(BatcherTest, is_full_by_count) {
  Batcher batcher({.max_records = 3});
  add(batcher, 0, 10);
  add(batcher, 1, 10);
  EXPECT_FALSE(batcher.full());
  add(batcher, 0, 10);
  EXPECT_TRUE(batcher.full());
}

TEST(BatcherTest, knows_how_many_records_those_in_it_stand_for) {
  Batcher batcher({.max_records = 10});
  add(batcher, 0, 10);
  batcher.segment(0).append(std::string(10, 'x'));
  batcher.added(SeverityClass::kInfo, kStart, kWall, kStart, 100);
  batcher.segment(0).append(std::string(10, 'x'));
  batcher.added(SeverityClass::kInfo, kStart, kWall, kStart, 0);
  EXPECT_EQ(batcher.records(), 3u);
  EXPECT_EQ(batcher.represented(), 101u);
  batcher.clear();
  EXPECT_EQ(batcher.represented(), 0u);
}

TEST(BatcherTest, is_full_by_bytes_of_all_scopes_with_the_record_that_crosses_it) {
  Batcher batcher({.max_bytes = 1024});
  add(batcher, 0, 1000);
  add(batcher, 1, 23);
  EXPECT_EQ(batcher.bytes(), 1023u);
  EXPECT_FALSE(batcher.full());
  add(batcher, 2, 5000);
  EXPECT_TRUE(batcher.full());
  EXPECT_EQ(batcher.bytes(), 6023u);
}

TEST(BatcherTest, is_due_when_the_first_record_has_waited_long_enough) {
  Batcher batcher({.max_delay = 100ms});
  EXPECT_FALSE(batcher.due(kStart + 1h)) << "nothing is in it";
  add(batcher, 0, 1, kStart, 5s);  // emitted long ago: that does not count
  add(batcher, 0, 1, kStart + 90ms);
  EXPECT_EQ(batcher.due_at(), kStart + 100ms);
  EXPECT_FALSE(batcher.due(kStart + 100ms - 1ns));
  EXPECT_TRUE(batcher.due(kStart + 100ms));
}

TEST(BatcherTest, without_a_delay_it_is_due_at_once) {
  Batcher batcher({.max_delay = 0ns});
  EXPECT_FALSE(batcher.due(kStart));
  add(batcher, 0, 1);
  EXPECT_TRUE(batcher.due(kStart));
}

TEST(BatcherTest, records_are_kept_apart_by_scope_in_the_order_they_came) {
  Batcher batcher({});
  for (int i = 0; i < 3; ++i) {
    for (const uint32_t scope : {700u, 5u, 16'383u}) {
      batcher.segment(scope).append(std::to_string(scope) + ":" + std::to_string(i) + " ");
      batcher.added(SeverityClass::kInfo, kStart, kWall, kStart);
    }
  }
  const auto segments = batcher.segments();
  ASSERT_EQ(segments.size(), 3u);
  EXPECT_EQ(segments[0].scope, 700u);
  EXPECT_EQ(as_text(segments[0].bytes.view()), "700:0 700:1 700:2 ");
  EXPECT_EQ(segments[1].scope, 5u);
  EXPECT_EQ(as_text(segments[1].bytes.view()), "5:0 5:1 5:2 ");
  EXPECT_EQ(segments[2].records, 3u);
  EXPECT_EQ(batcher.records(), 9u);
}

TEST(BatcherTest, a_segment_that_no_record_came_to_is_none) {
  Batcher batcher({});
  add(batcher, 1, 4);
  batcher.segment(2);  // its record could not be encoded
  batcher.segment(3);  // nor could this one
  ASSERT_EQ(batcher.segments().size(), 1u);
  add(batcher, 2, 6);
  add(batcher, 1, 4);
  const auto segments = batcher.segments();
  ASSERT_EQ(segments.size(), 2u);
  EXPECT_EQ(segments[0].records, 2u);
  EXPECT_EQ(segments[1].scope, 2u);
  EXPECT_EQ(segments[1].bytes.size(), 6u);
  EXPECT_EQ(batcher.bytes(), 14u);
}

TEST(BatcherTest, knows_the_oldest_and_the_newest_of_records_that_come_out_of_order) {
  Batcher batcher({});
  add(batcher, 0, 1, kStart, 1s);
  add(batcher, 0, 1, kStart, 3s);
  add(batcher, 0, 1, kStart, 2s);
  EXPECT_EQ(batcher.oldest(), kStart - 3s);
  EXPECT_EQ(batcher.oldest_wall(), kWall - 3s);
  EXPECT_EQ(batcher.newest(), kStart - 1s);
}

TEST(BatcherTest, counts_by_severity_class) {
  Batcher batcher({});
  add(batcher, 0, 1, kStart, 0ns, SeverityClass::kInfo);
  add(batcher, 1, 1, kStart, 0ns, SeverityClass::kError);
  add(batcher, 0, 1, kStart, 0ns, SeverityClass::kError);
  SeverityCounts expected;
  expected[SeverityClass::kInfo] = 1;
  expected[SeverityClass::kError] = 2;
  EXPECT_EQ(batcher.counts(), expected);
}

TEST(BatcherTest, starts_over_with_nothing_of_the_last_batch) {
  Batcher batcher({.max_records = 2});
  add(batcher, 7, 100, kStart, 9s);
  add(batcher, 8, 100, kStart, 9s);
  batcher.clear();
  EXPECT_TRUE(batcher.empty());
  EXPECT_FALSE(batcher.full());
  EXPECT_EQ(batcher.bytes(), 0u);
  EXPECT_EQ(batcher.counts(), SeverityCounts{});
  EXPECT_TRUE(batcher.segments().empty());

  add(batcher, 8, 3, kStart + 20s);
  ASSERT_EQ(batcher.segments().size(), 1u);
  EXPECT_EQ(batcher.segments()[0].scope, 8u);
  EXPECT_EQ(batcher.segments()[0].bytes.size(), 3u);
  EXPECT_EQ(batcher.oldest(), kStart + 20s);
  EXPECT_EQ(batcher.newest(), kStart + 20s);
}

TEST(BatcherTest, the_memory_of_the_last_batch_serves_the_next) {
  Batcher batcher({});
  add(batcher, 1, 10'000);
  const uint8_t* memory = batcher.segments()[0].bytes.data();
  batcher.clear();
  add(batcher, 2, 10'000);
  EXPECT_EQ(batcher.segments()[0].bytes.data(), memory);
}

TEST(BatcherTest, keeps_at_most_two_batches_worth_of_memory_and_only_of_scopes_in_use) {
  constexpr uint64_t kMaxBytes = 64 * 1024;
  Batcher batcher({.max_bytes = kMaxBytes});
  for (uint32_t scope = 0; scope < 20; ++scope) add(batcher, scope, 10'000);
  EXPECT_GE(batcher.memory_bytes(), 200'000u);
  batcher.clear();
  const uint64_t bookkeeping = 20 * 2 * sizeof(Batcher::Segment) + 1024;
  EXPECT_LE(batcher.memory_bytes(), 2 * kMaxBytes + bookkeeping);
  EXPECT_GE(batcher.memory_bytes(), kMaxBytes) << "something is kept";

  add(batcher, 0, 100);
  batcher.clear();
  EXPECT_LE(batcher.memory_bytes(), 10'000 * 2 + bookkeeping) << "unused segments were let go";
}

}  // namespace
}  // namespace forebay::batch
