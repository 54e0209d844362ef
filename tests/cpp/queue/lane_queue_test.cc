// What one thread sees of a lane.
#include <gtest/gtest.h>

#include <numeric>

#include "queue_fixture.h"

namespace forebay::queue {
namespace {

using account::EmitName;
using Kind = FullAction::Kind;

TEST(LaneQueueTest, records_come_out_in_the_order_of_their_thread) {
  TestLane lane(options_of(4096, Kind::kDropNewest));
  Counters counters;
  Producer* producer = lane.queue().attach();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(lane.emit(*producer, counters, 1, i), Admission::kAccepted);
  }
  const auto records = lane.drain();
  ASSERT_EQ(records.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(records[static_cast<size_t>(i)].number, i);
  EXPECT_EQ(lane.queue().room(), 4096u - 0u);
}

TEST(LaneQueueTest, a_full_lane_refuses_the_newest_and_keeps_exactly_its_bound) {
  TestLane lane(options_of(1024, Kind::kDropNewest));
  Counters counters;
  Producer* producer = lane.queue().attach();
  int accepted = 0;
  for (int i = 0; i < 3000; ++i) {
    accepted += lane.emit(*producer, counters, 1, i) == Admission::kAccepted ? 1 : 0;
  }
  EXPECT_EQ(accepted, 1024);
  EXPECT_EQ(counters.of(EmitName::kDroppedQueueFullNewest), 3000u - 1024u);
  const auto records = lane.drain();
  ASSERT_EQ(records.size(), 1024u);
  EXPECT_EQ(records.back().number, 1023);
  EXPECT_EQ(lane.queue().room(), 1024u);
}

TEST(LaneQueueTest, room_comes_back_as_records_are_taken) {
  TestLane lane(options_of(256, Kind::kDropNewest));
  Counters counters;
  Producer* producer = lane.queue().attach();
  uint64_t accepted = 0;
  uint64_t drained = 0;
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 300; ++i) {
      accepted += lane.emit(*producer, counters, 1, i) == Admission::kAccepted ? 1u : 0u;
    }
    drained += lane.drain().size();
  }
  EXPECT_EQ(accepted, drained);
  EXPECT_EQ(accepted, 25'600u);
  EXPECT_EQ(lane.queue().room(), 256u);
}

TEST(LaneQueueTest, drop_oldest_keeps_the_newest_records_of_the_thread) {
  for (const uint32_t slots : {8u, 64u, 1024u, 65'536u}) {
    TestLane lane(options_of(slots, Kind::kDropOldest));
    Counters counters;
    Producer* producer = lane.queue().attach();
    const int emitted = static_cast<int>(slots) * 3;
    for (int i = 0; i < emitted; ++i) {
      ASSERT_EQ(lane.emit(*producer, counters, 1, i), Admission::kAccepted);
    }
    const auto records = lane.drain();
    EXPECT_EQ(records.size() + counters.of(EmitName::kDroppedQueueFullOldest),
              static_cast<size_t>(emitted));
    // Whole runs go, so a little less than the bound is left: never under 7/8.
    EXPECT_GE(records.size(), slots - slots / 8) << slots;
    for (size_t i = 0; i < records.size(); ++i) {
      EXPECT_EQ(records[i].number, emitted - static_cast<int>(records.size() - i));
    }
    EXPECT_EQ(counters.of(EmitName::kDroppedQueueFullNewest), 0u);
  }
}

TEST(LaneQueueTest, a_quiet_thread_gets_in_when_another_has_filled_the_lane) {
  TestLane lane(options_of(1024, Kind::kDropOldest));
  Counters loud_counters;
  Counters quiet_counters;
  Producer* loud = lane.queue().attach();
  Producer* quiet = lane.queue().attach();
  for (int i = 0; i < 5000; ++i) lane.emit(*loud, loud_counters, 1, i);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(lane.emit(*quiet, quiet_counters, 2, i), Admission::kAccepted);
  }
  const auto records = lane.drain();
  const auto quiet_records =
      std::count_if(records.begin(), records.end(), [](const Written& w) { return w.thread == 2; });
  EXPECT_EQ(quiet_records, 10);
  // What went for them was the loud thread's, and counted where it was let go.
  EXPECT_GE(quiet_counters.of(EmitName::kDroppedQueueFullOldest), 10u);
  EXPECT_LE(quiet_counters.of(EmitName::kDroppedQueueFullOldest), 640u);
  EXPECT_EQ(records.size() + loud_counters.of(EmitName::kDroppedQueueFullOldest) +
                quiet_counters.of(EmitName::kDroppedQueueFullOldest),
            5010u);
}

TEST(LaneQueueTest, fail_refuses_and_counts_nothing_itself) {
  TestLane lane(options_of(8, Kind::kFail));
  Counters counters;
  Producer* producer = lane.queue().attach();
  for (int i = 0; i < 8; ++i) lane.emit(*producer, counters, 1, i);
  EXPECT_EQ(lane.emit(*producer, counters, 1, 8), Admission::kRefusedQueueFull);
  EXPECT_EQ(counters.of(EmitName::kDroppedQueueFullNewest), 0u);
  EXPECT_EQ(lane.drain().size(), 8u);
}

TEST(LaneQueueTest, block_reports_instead_of_waiting_where_the_caller_asks) {
  TestLane lane(options_of(8, Kind::kBlock));
  Counters counters;
  Producer* producer = lane.queue().attach();
  for (int i = 0; i < 8; ++i) lane.emit(*producer, counters, 1, i);
  EXPECT_EQ(lane.emit(*producer, counters, 1, 8, "", FOREBAY_EMIT_REPORT_BLOCK),
            Admission::kWouldBlock);
  EXPECT_EQ(lane.emit(*producer, counters, 1, 8, "", FOREBAY_EMIT_SKIP_BLOCK),
            Admission::kRefusedBlockTimeout);
}

TEST(LaneQueueTest, block_with_a_timeout_goes_on_to_what_comes_next) {
  LaneQueueOptions options = options_of(8, Kind::kBlock, std::chrono::milliseconds{5});
  options.on_full.push_back(FullAction{.kind = Kind::kDropOldest, .timeout = {}});
  TestLane lane(options);
  Counters counters;
  Producer* producer = lane.queue().attach();
  for (int i = 0; i < 8; ++i) lane.emit(*producer, counters, 1, i);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(lane.emit(*producer, counters, 1, 8), Admission::kAccepted);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds{5});
  EXPECT_GE(counters.of(EmitName::kDroppedQueueFullOldest), 1u);
}

TEST(LaneQueueTest, records_of_every_size_come_out_whole) {
  TestLane lane(options_of(65'536, Kind::kDropNewest));
  Counters counters;
  Producer* producer = lane.queue().attach();
  std::vector<std::string> texts;
  for (size_t size = 0; size < 1500; size += 37) texts.emplace_back(size, 'a');
  for (const size_t size : {8000u, 8128u, 8135u, 8136u, 8137u, 8192u, 8193u, 20'000u, 1'000'000u}) {
    texts.emplace_back(size, 'b');
  }
  for (std::string& text : texts) {
    for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + (i * 7) % 26);
  }
  for (size_t i = 0; i < texts.size(); ++i) {
    ASSERT_EQ(lane.emit(*producer, counters, 1, static_cast<int64_t>(i), texts[i]),
              Admission::kAccepted);
  }
  const auto records = lane.drain();
  ASSERT_EQ(records.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(records[i].number, static_cast<int64_t>(i));
    EXPECT_EQ(records[i].text, texts[i]) << texts[i].size();
  }
  EXPECT_EQ(lane.queue().room(), 65'536u);
}

TEST(LaneQueueTest, a_large_record_finds_room_in_pieces) {
  TestLane lane(options_of(512, Kind::kDropNewest));
  Counters counters;
  Producer* a = lane.queue().attach();
  Producer* b = lane.queue().attach();
  // Two threads take runs in turn; then one of them is drained: every other run is free.
  int accepted = 0;
  for (int i = 0; i < 600; ++i) {
    accepted += lane.emit(i % 2 == 0 ? *a : *b, counters, i % 2, i) == Admission::kAccepted ? 1 : 0;
  }
  const auto some = lane.drain(kAll, 200);
  const std::string text(60 * kSlotBytes, 'x');
  ASSERT_EQ(lane.emit(*a, counters, 7, 0, text), Admission::kAccepted);
  const auto rest = lane.drain();
  EXPECT_EQ(some.size() + rest.size(), static_cast<size_t>(accepted) + 1);
  const auto found =
      std::find_if(rest.begin(), rest.end(), [](const Written& w) { return w.thread == 7; });
  ASSERT_NE(found, rest.end());
  EXPECT_EQ(found->text, text);
  EXPECT_EQ(lane.queue().room(), 512u);
}

TEST(LaneQueueTest, a_large_record_evicts_as_much_as_it_needs_or_is_dropped) {
  TestLane lane(options_of(1024, Kind::kDropOldest));
  Counters counters;
  Producer* producer = lane.queue().attach();
  for (int i = 0; i < 1024; ++i) lane.emit(*producer, counters, 1, i);
  // 30 slots: within the 64 records that one emit may let go of.
  EXPECT_EQ(lane.emit(*producer, counters, 1, 2000, std::string(30 * kSlotBytes, 'x')),
            Admission::kAccepted);
  EXPECT_LE(counters.of(EmitName::kDroppedQueueFullOldest), 127u);
  // 200 slots: more than that.
  EXPECT_EQ(lane.emit(*producer, counters, 1, 2001, std::string(200 * kSlotBytes, 'x')),
            Admission::kDroppedNewest);
  EXPECT_EQ(counters.of(EmitName::kDroppedQueueFullNewest), 1u);
  EXPECT_EQ(lane.drain().size() + counters.of(EmitName::kDroppedQueueFullOldest), 1025u);
  EXPECT_EQ(lane.queue().room(), 1024u);
}

TEST(LaneQueueTest, severity_classes_are_told_apart_where_records_are_evicted) {
  TestLane lane(options_of(64, Kind::kDropOldest));
  Counters counters;
  Producer* producer = lane.queue().attach();
  for (int i = 0; i < 64; ++i) lane.emit(*producer, counters, 1, i, "", 0, i < 32 ? 17 : 5);
  for (int i = 0; i < 48; ++i) lane.emit(*producer, counters, 1, i, "", 0, 9);
  const auto evicted = [&](SeverityClass severity) {
    return counters
        .cells[static_cast<size_t>(EmitName::kDroppedQueueFullOldest) * kSeverityClasses +
               static_cast<size_t>(severity)]
        .load();
  };
  EXPECT_EQ(evicted(SeverityClass::kError), 32u);
  EXPECT_GE(evicted(SeverityClass::kDebug), 16u);
  EXPECT_EQ(evicted(SeverityClass::kInfo), 0u);
}

TEST(LaneQueueTest, open_runs_are_left_to_an_active_thread_until_they_are_due) {
  TestLane lane(options_of(4096, Kind::kDropNewest));
  Counters counters;
  Producer* producer = lane.queue().attach();
  lane.emit(*producer, counters, 1, 0);
  EXPECT_TRUE(lane.drain(0).empty());
  EXPECT_EQ(lane.drain(kAll).size(), 1u);
}

TEST(LaneQueueTest, the_room_that_idle_threads_hold_comes_back) {
  TestLane lane(options_of(1024, Kind::kDropNewest));
  std::vector<std::unique_ptr<Counters>> counters;
  std::vector<Producer*> producers;
  for (int t = 0; t < 40; ++t) {
    counters.push_back(std::make_unique<Counters>());
    producers.push_back(lane.queue().attach());
  }
  for (size_t t = 0; t < 40; ++t) lane.emit(*producers[t], *counters[t], 1, 0);
  // One thread fills what is left; without reclaim() the others' unused room is missing.
  const auto fill = [&] {
    int accepted = 0;
    while (lane.emit(*producers[0], *counters[0], 1, 1) == Admission::kAccepted) ++accepted;
    return accepted;
  };
  int accepted = 40 + fill();
  // "Full" means full within a quarter at any time.
  EXPECT_GE(accepted, 1024 * 3 / 4);
  EXPECT_TRUE(lane.queue().wants_reclaim());
  lane.queue().reclaim();  // the first look remembers where each thread is
  lane.queue().reclaim();
  accepted += fill();
  EXPECT_EQ(accepted, 1024);
  EXPECT_EQ(lane.drain().size(), 1024u);
}

TEST(LaneQueueTest, a_closed_lane_refuses_and_can_be_drained) {
  TestLane lane(options_of(64, Kind::kDropNewest));
  Counters counters;
  Producer* producer = lane.queue().attach();
  for (int i = 0; i < 10; ++i) lane.emit(*producer, counters, 1, i);
  lane.queue().close();
  EXPECT_EQ(lane.emit(*producer, counters, 1, 10), Admission::kRefusedShutdown);
  EXPECT_EQ(lane.drain().size(), 10u);
}

TEST(LaneQueueTest, what_a_thread_left_behind_is_drained_and_its_place_is_used_again) {
  TestLane lane(options_of(64, Kind::kDropNewest));
  Counters counters;
  Producer* first = lane.queue().attach();
  lane.emit(*first, counters, 1, 0);
  lane.queue().detach(first);
  Producer* second = lane.queue().attach();
  EXPECT_EQ(first, second);
  lane.emit(*second, counters, 2, 0);
  const auto records = lane.drain();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].thread, 1);
  EXPECT_EQ(records[1].thread, 2);
  EXPECT_EQ(lane.queue().producers(), 1u);
}

TEST(LaneQueueTest, counting_what_is_inside_changes_nothing) {
  TestLane lane(options_of(256, Kind::kDropOldest));
  Counters counters;
  Producer* a = lane.queue().attach();
  Producer* b = lane.queue().attach();
  for (int i = 0; i < 50; ++i) {
    lane.emit(*a, counters, 1, i);
    lane.emit(*b, counters, 2, i, "", 0, 17);
  }
  for (int round = 0; round < 3; ++round) {
    const SeverityCounts inside = lane.queue().count_inside();
    EXPECT_EQ(inside[SeverityClass::kInfo], 50u);
    EXPECT_EQ(inside[SeverityClass::kError], 50u);
  }
  // What was counted is still older than what comes now, and can still be evicted.
  for (int i = 50; i < 400; ++i) lane.emit(*a, counters, 1, i);
  int64_t last[3] = {-1, -1, -1};
  const auto records = lane.drain();
  for (const Written& record : records) {
    EXPECT_GT(record.number, last[record.thread]);
    last[record.thread] = record.number;
  }
  EXPECT_EQ(last[1], 399);
  EXPECT_EQ(records.size() + counters.of(EmitName::kDroppedQueueFullOldest), 450u);
}

}  // namespace
}  // namespace forebay::queue
