// How much room a record really needs, and what becomes of records when memory runs out.
#include <gtest/gtest.h>
#include <pthread.h>

#include <ctime>
#include <thread>

#include "queue_fixture.h"

namespace forebay::queue {
namespace {

using account::EmitName;
using Kind = FullAction::Kind;

std::chrono::nanoseconds cpu_time_of_this_thread() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return std::chrono::seconds{spent.tv_sec} + std::chrono::nanoseconds{spent.tv_nsec};
}

// A full lane of 16 slots in which one thread's half is free, hardly two of it together.
struct Fragmented {
  explicit Fragmented(std::optional<Duration> timeout)
      : lane(options_of(16, Kind::kBlock, timeout)) {
    for (int i = 0; i < 16; ++i) {
      EXPECT_EQ(lane.emit(i % 2 == 0 ? *a : *b, counters, i % 2, i), Admission::kAccepted);
    }
    lane.queue().detach(b);  // hands its last run over, so that all of them are drained first
    EXPECT_EQ(lane.drain(kAll, 8).size(), 8u);
    EXPECT_EQ(lane.queue().room(), 8u);
  }
  TestLane lane;
  Counters counters;
  Producer* a = lane.queue().attach();
  Producer* b = lane.queue().attach();
};

// Eight slots, and nine where each of them pays for a link.
std::string eight_slots() { return std::string(8 * kSlotBytes - 70, 'x'); }

TEST(LaneRoomTest, a_record_that_finds_only_pieces_waits_for_what_they_cost_and_does_not_spin) {
  Fragmented it(std::chrono::milliseconds{200});
  const auto before = cpu_time_of_this_thread();
  EXPECT_EQ(it.lane.emit(*it.a, it.counters, 7, 0, eight_slots()), Admission::kRefusedBlockTimeout);
  EXPECT_LT(cpu_time_of_this_thread() - before, std::chrono::milliseconds{50});
  EXPECT_EQ(it.lane.drain().size(), 8u);
  EXPECT_EQ(it.lane.queue().room(), 16u);
}

TEST(LaneRoomTest, a_record_that_finds_only_pieces_gets_in_with_the_next_slot) {
  Fragmented it(std::nullopt);
  std::atomic<bool> is_in{false};
  std::thread emitter([&] {
    EXPECT_EQ(it.lane.emit(*it.a, it.counters, 7, 0, eight_slots()), Admission::kAccepted);
    is_in = true;
  });
  while (it.lane.queue().waiters() == 0) std::this_thread::yield();
  EXPECT_FALSE(is_in);
  auto records = it.lane.drain(kAll, 2);  // the first run that is left
  emitter.join();
  for (Written& record : it.lane.drain()) records.push_back(std::move(record));
  ASSERT_EQ(records.size(), 9u);
  const auto large =
      std::find_if(records.begin(), records.end(), [](const Written& w) { return w.thread == 7; });
  ASSERT_NE(large, records.end());
  EXPECT_EQ(large->text, eight_slots());
}

TEST(LaneRoomTest, a_record_that_an_empty_lane_could_not_hold_is_too_large_for_every_policy) {
  for (const Kind kind : {Kind::kDropNewest, Kind::kDropOldest, Kind::kFail, Kind::kBlock}) {
    TestLane lane(options_of(128, kind));
    Counters counters;
    Producer* producer = lane.queue().attach();
    // 128 slots are two runs, and each ends with a link.
    const uint64_t most = 128 * kSlotBytes - 2 * 8;
    const uint64_t without_text = 32 + 9 + 9 + 5;
    EXPECT_EQ(lane.emit(*producer, counters, 1, 0, std::string(most - without_text, 'x')),
              Admission::kAccepted);
    EXPECT_EQ(lane.drain().size(), 1u);
    EXPECT_EQ(lane.emit(*producer, counters, 1, 0, std::string(most - without_text + 1, 'x')),
              Admission::kDroppedTooLarge);
    EXPECT_EQ(lane.queue().room(), 128u);
  }
}

// Memory for the queue's blocks runs out at the n-th, while one of these lives.
int blocks_left = 0;
struct FewBlocks {
  explicit FewBlocks(int blocks) {
    blocks_left = blocks;
    allocate_block = [](size_t bytes) -> void* {
      return blocks_left-- > 0 ? std::malloc(bytes) : nullptr;
    };
  }
  ~FewBlocks() { allocate_block = std::malloc; }
};

TEST(LaneRoomTest, counting_what_is_inside_loses_nothing_where_memory_runs_out) {
  for (const int blocks : {0, 1, 2, 3, 5}) {
    SCOPED_TRACE(blocks);
    // Many threads with a few runs each: moving them frees hardly any block.
    TestLane lane(options_of(2048, Kind::kDropNewest));
    Counters counters;
    std::vector<Producer*> producers;
    for (int t = 0; t < 20; ++t) producers.push_back(lane.queue().attach());
    int emitted = 0;
    for (int i = 0; i < 2048; ++i) {
      const size_t t = static_cast<size_t>(i) % producers.size();
      emitted +=
          lane.emit(*producers[t], counters, static_cast<int64_t>(t), i) == Admission::kAccepted
              ? 1
              : 0;
    }
    {
      const FewBlocks few(blocks);
      for (int round = 0; round < 3; ++round) {
        EXPECT_EQ(lane.queue().count_inside()[SeverityClass::kInfo],
                  static_cast<uint64_t>(emitted));
      }
    }
    EXPECT_EQ(lane.queue().count_inside()[SeverityClass::kInfo], static_cast<uint64_t>(emitted));
    std::array<int64_t, 20> last{};
    last.fill(-1);
    const auto records = lane.drain();
    EXPECT_EQ(records.size(), static_cast<size_t>(emitted));
    for (const Written& record : records) {
      EXPECT_GT(record.number, last[static_cast<size_t>(record.thread)]);
      last[static_cast<size_t>(record.thread)] = record.number;
    }
    EXPECT_EQ(lane.queue().room(), 2048u);
  }
}

TEST(LaneRoomTest, a_record_without_memory_for_its_run_is_counted_and_its_room_comes_back) {
  TestLane lane(options_of(1024, Kind::kDropNewest));
  Counters counters;
  Producer* producer = lane.queue().attach();
  for (int t = 0; t < 49; ++t) (void)lane.queue().attach();  // so that runs are short
  const FewBlocks few(0);
  uint64_t accepted = 0;
  for (int i = 0; i < 1000; ++i) {
    accepted += lane.emit(*producer, counters, 1, i) == Admission::kAccepted ? 1u : 0u;
  }
  EXPECT_GE(counters.of(EmitName::kDroppedMemory), 1u);
  EXPECT_EQ(accepted + counters.of(EmitName::kDroppedMemory), 1000u);
  EXPECT_EQ(lane.drain().size(), accepted);
  EXPECT_EQ(lane.queue().room(), 1024u);
}

TEST(LaneRoomTest, a_thread_that_finds_no_memory_for_its_end_of_the_lane_is_told) {
  TestLane lane(options_of(1024, Kind::kDropNewest));
  {
    const FewBlocks few(0);
    EXPECT_EQ(lane.queue().attach(), nullptr);
    EXPECT_FALSE(LaneQueue::create(options_of(1024, Kind::kDropNewest), 0).is_ok());
  }
  EXPECT_NE(lane.queue().attach(), nullptr);
}

}  // namespace
}  // namespace forebay::queue
