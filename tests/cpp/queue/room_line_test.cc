// Blocked threads: who gets room when some comes back.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "queue_fixture.h"

namespace forebay::queue {
namespace {

using account::EmitName;
using Kind = FullAction::Kind;
using namespace std::chrono_literals;

// Waits for a condition that other threads bring about. False: it took too long.
template <class Condition>
bool comes_true(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

// A lane that is full of small records, and threads that emit one record each into it.
class Crowd {
 public:
  explicit Crowd(uint32_t slots, std::optional<Duration> timeout = {})
      : lane(options_of(slots, Kind::kBlock, timeout)) {
    for (uint32_t i = 0; i < slots; ++i) {
      EXPECT_EQ(lane.emit(*filler, counters, 0, i), Admission::kAccepted);
    }
    // The open run goes too: what is drained then is what comes back.
    lane.queue().detach(filler);
  }
  ~Crowd() {
    lane.queue().close();
    for (std::thread& thread : threads_) thread.join();
  }

  // A thread that emits one record; returns when it stands in the line.
  void add(int64_t name, const std::string& text = {}) {
    const uint32_t before = lane.queue().line().waiters();
    threads_.emplace_back([this, name, text] {
      Counters own;
      Producer* producer = lane.queue().attach();
      const Admission admission = lane.emit(*producer, own, name, 0, text);
      const std::lock_guard lock(mutex_);
      (admission == Admission::kAccepted ? accepted_ : refused_).push_back(name);
    });
    EXPECT_TRUE(comes_true([&] { return lane.queue().line().waiters() == before + 1; }));
  }
  std::vector<int64_t> accepted() {
    const std::lock_guard lock(mutex_);
    return accepted_;
  }
  std::vector<int64_t> refused() {
    const std::lock_guard lock(mutex_);
    return refused_;
  }

  TestLane lane;
  Counters counters;
  Producer* filler = lane.queue().attach();

 private:
  std::mutex mutex_;
  std::vector<int64_t> accepted_;
  std::vector<int64_t> refused_;
  std::vector<std::thread> threads_;
};

using Names = std::vector<int64_t>;

TEST(RoomLineTest, blocked_threads_get_in_one_by_one_in_the_order_in_which_they_came) {
  Crowd crowd(8);
  for (int64_t name = 1; name <= 5; ++name) crowd.add(name);
  Names expected;
  for (int64_t name = 1; name <= 5; ++name) {
    EXPECT_EQ(crowd.accepted(), expected);
    EXPECT_EQ(crowd.lane.drain(kAll, 1).size(), 1u);
    expected.push_back(name);
    EXPECT_TRUE(comes_true([&] { return crowd.accepted().size() == expected.size(); }));
    EXPECT_EQ(crowd.lane.queue().line().waiters(), 5u - static_cast<uint32_t>(name));
  }
  EXPECT_EQ(crowd.accepted(), expected);
}

// What the head of the line lacks, others leave to it: here those who never wait and never give up.
TEST(RoomLineTest, room_that_comes_back_goes_to_the_head_of_the_line_and_not_to_the_quickest) {
  constexpr uint32_t kNeeded = 16;
  TestLane lane(options_of(32, Kind::kDropNewest));
  std::atomic<bool> is_over{false};
  std::vector<std::thread> flood;
  for (int t = 0; t < 2; ++t) {
    flood.emplace_back([&, t] {
      Counters own;
      Producer* producer = lane.queue().attach();
      while (!is_over) (void)lane.emit(*producer, own, t, 0);
      lane.queue().detach(producer);
    });
  }
  EXPECT_TRUE(comes_true([&] { return lane.queue().room() == 0; }));
  size_t most = 0;
  for (int round = 0; round < 100000; ++round) {
    std::atomic<bool> is_served{false};
    Claim claim;
    claim.needed = claim.most = kNeeded;
    claim.notify = [](void* context) { static_cast<std::atomic<bool>*>(context)->store(true); };
    claim.context = &is_served;
    ASSERT_TRUE(lane.queue().line().join(claim));
    size_t drained = 0;
    while (!is_served && drained < 10'000) drained += lane.drain(kAll, 1).size();
    most = std::max(most, drained);
    lane.queue().line().leave(claim);
  }
  // A thread that looked before the line was short may take once, and there is little to take.
  EXPECT_LE(most, kNeeded + 4);
  is_over = true;
  for (std::thread& thread : flood) thread.join();
}

TEST(RoomLineTest, a_large_record_is_not_starved_by_small_ones_nor_they_by_it) {
  Crowd crowd(32);
  crowd.add(1, std::string(8 * kSlotBytes - 70, 'x'));  // nine slots in the worst case
  crowd.add(2);
  crowd.add(3);
  // Others come all the time.
  std::atomic<bool> is_over{false};
  std::vector<std::thread> flood;
  for (int t = 0; t < 2; ++t) {
    flood.emplace_back([&] {
      Counters own;
      Producer* producer = crowd.lane.queue().attach();
      while (!is_over && crowd.lane.emit(*producer, own, 100, 0) != Admission::kRefusedShutdown) {
      }
    });
  }
  size_t drained = 0;
  while (crowd.accepted().size() < 3 && drained < 10'000) {
    drained += crowd.lane.drain(kAll, 1).size();
    std::this_thread::yield();
  }
  // Nobody was in the line before them, so what they need is all that had to be drained; the rest
  // is what threads with their room in hand take to say so.
  Names got = crowd.accepted();
  EXPECT_EQ(got.size(), 3u) << drained;
  is_over = true;
  crowd.lane.queue().close();
  for (std::thread& thread : flood) thread.join();
}

TEST(RoomLineTest, small_records_behind_a_large_one_wait_for_it) {
  Crowd crowd(16);
  crowd.add(1, std::string(8 * kSlotBytes - 70, 'x'));
  crowd.add(2);
  EXPECT_EQ(crowd.lane.drain(kAll, 8).size(), 8u);
  EXPECT_EQ(crowd.accepted(), Names{});
  EXPECT_EQ(crowd.lane.queue().room(), 0u);  // it is in the large one's hands
  EXPECT_EQ(crowd.lane.drain(kAll, 1).size(), 1u);
  EXPECT_TRUE(comes_true([&] { return !crowd.accepted().empty(); }));
  EXPECT_EQ(crowd.accepted().front(), 1);
  EXPECT_TRUE(comes_true([&] {
    (void)crowd.lane.drain(kAll, 1);
    return crowd.accepted().size() == 2;
  }));
}

TEST(RoomLineTest, who_is_not_in_the_line_takes_no_room_that_its_head_waits_for) {
  Crowd crowd(16);
  crowd.add(1, std::string(8 * kSlotBytes - 70, 'x'));
  EXPECT_EQ(crowd.lane.drain(kAll, 4).size(), 4u);
  Producer* late = crowd.lane.queue().attach();
  EXPECT_EQ(crowd.lane.emit(*late, crowd.counters, 9, 0, "", FOREBAY_EMIT_REPORT_BLOCK),
            Admission::kWouldBlock);
  EXPECT_EQ(crowd.lane.emit(*late, crowd.counters, 9, 0, "", FOREBAY_EMIT_SKIP_BLOCK),
            Admission::kRefusedBlockTimeout);
}

TEST(RoomLineTest, what_a_waiter_has_in_hand_when_its_time_is_over_goes_to_the_next) {
  Crowd crowd(16, 300ms);
  crowd.add(1, std::string(8 * kSlotBytes - 70, 'x'));
  EXPECT_EQ(crowd.lane.drain(kAll, 4).size(), 4u);
  EXPECT_EQ(crowd.lane.queue().room(), 0u);
  // As the first one's time is over, before this one's.
  std::this_thread::sleep_for(50ms);
  crowd.add(2);
  EXPECT_TRUE(comes_true([&] { return crowd.accepted().size() + crowd.refused().size() == 2; }));
  EXPECT_EQ(crowd.refused(), Names{1});
  EXPECT_EQ(crowd.accepted(), Names{2});
}

TEST(RoomLineTest, who_waits_in_slices_keeps_its_place) {
  Crowd crowd(8);
  Producer* sliced = crowd.lane.queue().attach();
  const auto emit = [&](uint32_t flags) {
    return crowd.lane.emit(*sliced, crowd.counters, 7, 0, "", FOREBAY_EMIT_SLICE | flags);
  };
  ASSERT_EQ(emit(0), Admission::kWouldBlock);
  crowd.add(1);
  EXPECT_EQ(crowd.lane.drain(kAll, 1).size(), 1u);
  EXPECT_EQ(crowd.lane.queue().room(), 0u);  // kept for who is away
  EXPECT_EQ(crowd.accepted(), Names{});
  EXPECT_EQ(emit(FOREBAY_EMIT_CONTINUE), Admission::kAccepted);
  EXPECT_EQ(crowd.accepted(), Names{});
  EXPECT_EQ(crowd.lane.drain(kAll, 1).size(), 1u);
  EXPECT_TRUE(comes_true([&] { return crowd.accepted() == Names{1}; }));
}

TEST(RoomLineTest, a_new_record_of_a_thread_that_gave_up_stands_at_the_end) {
  Crowd crowd(8);
  Producer* sliced = crowd.lane.queue().attach();
  ASSERT_EQ(crowd.lane.emit(*sliced, crowd.counters, 7, 0, "", FOREBAY_EMIT_SLICE),
            Admission::kWouldBlock);
  crowd.add(1);
  ASSERT_EQ(crowd.lane.emit(*sliced, crowd.counters, 7, 1, "", FOREBAY_EMIT_SLICE),
            Admission::kWouldBlock);
  EXPECT_EQ(crowd.lane.drain(kAll, 1).size(), 1u);
  EXPECT_TRUE(comes_true([&] { return crowd.accepted() == Names{1}; }));
  EXPECT_EQ(crowd.lane.drain(kAll, 1).size(), 1u);
  EXPECT_EQ(crowd.lane.emit(*sliced, crowd.counters, 7, 1, "",
                            FOREBAY_EMIT_SLICE | FOREBAY_EMIT_CONTINUE),
            Admission::kAccepted);
}

TEST(RoomLineTest, who_does_not_come_back_for_its_next_slice_loses_its_place) {
  Crowd crowd(8);
  Producer* sliced = crowd.lane.queue().attach();
  ASSERT_EQ(crowd.lane.emit(*sliced, crowd.counters, 7, 0, "", FOREBAY_EMIT_SLICE),
            Admission::kWouldBlock);
  crowd.add(1);
  EXPECT_EQ(crowd.lane.drain(kAll, 1).size(), 1u);
  EXPECT_TRUE(crowd.lane.queue().wants_reclaim());
  EXPECT_TRUE(comes_true([&] {
    crowd.lane.queue().reclaim();  // as the drain thread does, round by round
    return crowd.accepted() == Names{1};
  }));
}

TEST(RoomLineTest, a_thread_that_ends_between_two_slices_leaves_the_line) {
  Crowd crowd(8);
  Producer* sliced = crowd.lane.queue().attach();
  ASSERT_EQ(crowd.lane.emit(*sliced, crowd.counters, 7, 0, "", FOREBAY_EMIT_SLICE),
            Admission::kWouldBlock);
  EXPECT_EQ(crowd.lane.drain(kAll, 1).size(), 1u);
  crowd.lane.queue().detach(sliced);
  EXPECT_EQ(crowd.lane.queue().room(), 1u);
  EXPECT_EQ(crowd.lane.queue().line().waiters(), 0u);
}

TEST(RoomLineTest, closing_wakes_everyone_and_tells_who_asked_to_be_told) {
  Crowd crowd(8);
  for (int64_t name = 1; name <= 3; ++name) crowd.add(name);
  int told = 0;
  Claim claim;
  claim.notify = [](void* context) { ++*static_cast<int*>(context); };
  claim.context = &told;
  ASSERT_TRUE(crowd.lane.queue().line().join(claim));
  EXPECT_EQ(told, 0);
  crowd.lane.queue().close();
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(comes_true([&] { return crowd.refused().size() == 3; }));
  crowd.lane.queue().line().leave(claim);
  EXPECT_FALSE(crowd.lane.queue().line().join(claim));
}

TEST(RoomLineTest, who_only_looks_is_told_of_the_room_and_keeps_it_from_nobody) {
  TestLane lane(options_of(256, Kind::kDropNewest));
  Counters counters;
  Producer* producer = lane.queue().attach();
  while (lane.emit(*producer, counters, 1, 0) == Admission::kAccepted) {
  }
  int told = 0;
  Claim claim;
  claim.needed = claim.most = 100;
  claim.only_looks = true;
  claim.notify = [](void* context) { ++*static_cast<int*>(context); };
  claim.context = &told;
  ASSERT_TRUE(lane.queue().line().join(claim));
  EXPECT_EQ(lane.drain(kAll, 96).size(), 96u);
  EXPECT_EQ(told, 0);
  EXPECT_EQ(lane.queue().room(), 96u);
  EXPECT_EQ(lane.emit(*producer, counters, 1, 0), Admission::kAccepted);
  EXPECT_GE(lane.drain(kAll, 32).size(), 32u);
  EXPECT_EQ(told, 1);
  lane.queue().line().leave(claim);
}

// Meant to be run under ThreadSanitizer too.
TEST(RoomLineTest, every_waiter_gets_its_room_where_many_come_and_go) {
  TestLane lane(options_of(64, Kind::kBlock));
  constexpr int kThreads = 6;
  constexpr int kRecords = 2000;
  std::atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Counters own;
      Producer* producer = lane.queue().attach();
      for (int i = 0; i < kRecords; ++i) {
        const std::string text(i % 50 == 0 ? 1500 : 10, 'x');
        uint32_t flags = t % 2 == 0 ? uint32_t{FOREBAY_EMIT_SLICE} : 0;
        while (lane.emit(*producer, own, t, i, text, flags) == Admission::kWouldBlock) {
          flags |= FOREBAY_EMIT_CONTINUE;
        }
      }
      lane.queue().detach(producer);
      running.fetch_sub(1);
    });
  }
  size_t drained = 0;
  for (;;) {
    const bool is_done = running.load() == 0;
    const size_t some = lane.drain().size();
    drained += some;
    if (lane.queue().wants_reclaim()) lane.queue().reclaim();
    if (is_done && some == 0) break;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(drained, size_t{kThreads} * kRecords);
  EXPECT_EQ(lane.queue().room(), 64u);
  EXPECT_FALSE(lane.queue().line().has_waiters());
}

}  // namespace
}  // namespace forebay::queue
