// Room that is set aside for a thread.
#include <gtest/gtest.h>

#include <thread>

#include "queue_fixture.h"

namespace forebay::queue {
namespace {

using account::EmitName;
using Kind = FullAction::Kind;
using namespace std::chrono_literals;

// As lane_request of the C ABI asks for it.
RoomLine::Wait request(LaneQueue& lane, Producer& producer, uint32_t records, uint64_t bytes,
                       Grant& grant, Duration timeout = 0s) {
  grant.producer = &producer;
  grant.credits_per_record = lane.credits_for(bytes);
  Claim claim;
  claim.needed = grant.credits_per_record;
  claim.most = records * grant.credits_per_record;
  claim.grant = &grant;
  return lane.line().wait(claim, std::chrono::steady_clock::now() + timeout, false);
}

uint64_t fill(TestLane& lane, Producer& producer, const Counters& counters) {
  uint64_t accepted = 0;
  while (lane.emit(producer, counters, 1, 0) == Admission::kAccepted) ++accepted;
  return accepted;
}

TEST(GrantTest, a_granted_record_is_accepted_in_a_lane_that_is_full) {
  TestLane lane(options_of(256, Kind::kDropNewest));
  Counters counters;
  Producer* polite = lane.queue().attach();
  Producer* loud = lane.queue().attach();
  Grant grant;
  ASSERT_EQ(request(lane.queue(), *polite, 20, 128, grant), RoomLine::Wait::kRoom);
  EXPECT_EQ(lane.queue().line().records_left(grant), 20u);
  EXPECT_EQ(fill(lane, *loud, counters), 236u);
  EXPECT_TRUE(lane.queue().drops_newest_now(*loud));
  EXPECT_FALSE(lane.queue().drops_newest_now(*polite));
  for (uint32_t i = 0; i < 20; ++i) {
    EXPECT_EQ(lane.emit(*polite, counters, 2, i), Admission::kAccepted);
    EXPECT_EQ(lane.queue().line().records_left(grant), 19u - i);
    // What an idle thread's open run holds comes back to all; nothing of the grant may.
    lane.queue().reclaim();
  }
  EXPECT_EQ(lane.emit(*polite, counters, 2, 20), Admission::kDroppedNewest);
  EXPECT_EQ(lane.drain().size(), 256u);
  lane.queue().line().release(grant);
  EXPECT_EQ(lane.queue().room(), 256u);
}

TEST(GrantTest, a_cooperative_producer_loses_nothing_while_another_floods) {
  TestLane lane(options_of(1024, Kind::kDropNewest));
  std::atomic<bool> is_over{false};
  std::atomic<uint64_t> flood_lost{0};
  Counters loud_counters;
  std::thread loud([&] {
    Producer* producer = lane.queue().attach();
    while (!is_over) {
      if (lane.emit(*producer, loud_counters, 1, 0) != Admission::kAccepted) ++flood_lost;
    }
    lane.queue().detach(producer);
  });
  std::thread drain([&] {
    while (!is_over) {
      (void)lane.drain(kAll, 100);
      if (lane.queue().wants_reclaim()) lane.queue().reclaim();
      std::this_thread::yield();
    }
  });
  Counters counters;
  Producer* polite = lane.queue().attach();
  uint64_t refused = 0;
  uint64_t emitted = 0;
  // A third of a kilobyte, and sometimes the lane is in small pieces.
  const std::string text(300, 'x');
  while (emitted < 5000 || flood_lost == 0) {
    Grant grant;
    ASSERT_EQ(request(lane.queue(), *polite, 50, 384, grant, 20s), RoomLine::Wait::kRoom);
    for (uint64_t left = lane.queue().line().records_left(grant); left != 0; --left) {
      refused += lane.emit(*polite, counters, 2, 0, text) == Admission::kAccepted ? 0u : 1u;
      ++emitted;
    }
    lane.queue().line().release(grant);
  }
  is_over = true;
  loud.join();
  drain.join();
  EXPECT_EQ(refused, 0u);
  EXPECT_GT(flood_lost.load(), 0u);
  lane.queue().detach(polite);
  (void)lane.drain();
  EXPECT_EQ(lane.queue().room(), 1024u);
}

TEST(GrantTest, records_of_the_promised_size_fit_wherever_the_free_slots_are) {
  // Every other slot is free.
  TestLane lane(options_of(256, Kind::kDropNewest));
  Counters counters;
  std::vector<Producer*> producers;
  for (int t = 0; t < 64; ++t) producers.push_back(lane.queue().attach());
  for (int i = 0; i < 256; ++i) {
    (void)lane.emit(*producers[static_cast<size_t>(i) % 64], counters, i % 64, i);
  }
  for (const size_t t : {0u, 2u, 4u}) lane.queue().detach(producers[t]);
  (void)lane.drain(kAll, 96);
  const uint32_t room = lane.queue().room();
  Producer* polite = lane.queue().attach();
  Grant grant;
  ASSERT_EQ(request(lane.queue(), *polite, 1000, 1000, grant), RoomLine::Wait::kRoom);
  (void)fill(lane, *producers[1], counters);
  const uint64_t records = lane.queue().line().records_left(grant);
  EXPECT_EQ(records, room / 9);  // 8 slots, and a ninth for the links
  for (uint64_t i = 0; i < records; ++i) {
    EXPECT_EQ(lane.emit(*polite, counters, 2, 0, std::string(1000 - 60, 'x')),
              Admission::kAccepted);
  }
  lane.queue().line().release(grant);
}

TEST(GrantTest, at_most_half_of_a_lane_is_granted_and_who_waits_for_more_keeps_nobody_out) {
  TestLane lane(options_of(256, Kind::kDropNewest));
  Counters counters;
  Producer* a = lane.queue().attach();
  Producer* b = lane.queue().attach();
  Grant first;
  Grant second;
  Grant third;
  ASSERT_EQ(request(lane.queue(), *a, 100, 128, first), RoomLine::Wait::kRoom);
  ASSERT_EQ(request(lane.queue(), *b, 100, 128, second), RoomLine::Wait::kRoom);
  EXPECT_EQ(lane.queue().line().records_left(first), 100u);
  EXPECT_EQ(lane.queue().line().records_left(second), 28u);
  EXPECT_EQ(request(lane.queue(), *b, 1, 128, third), RoomLine::Wait::kTimeOver);
  std::thread waits(
      [&] { EXPECT_EQ(request(lane.queue(), *b, 1, 128, third, 20s), RoomLine::Wait::kRoom); });
  while (!lane.queue().line().has_waiters()) std::this_thread::yield();
  Producer* loud = lane.queue().attach();
  EXPECT_EQ(fill(lane, *loud, counters), 128u);
  lane.queue().line().release(first);
  waits.join();
  lane.queue().line().release(second);
  lane.queue().line().release(third);
  EXPECT_EQ(lane.queue().room(), 128u);
}

TEST(GrantTest, a_request_waits_for_room_for_one_record_and_takes_what_there_is) {
  TestLane lane(options_of(256, Kind::kDropNewest));
  Counters counters;
  Producer* loud = lane.queue().attach();
  Producer* polite = lane.queue().attach();
  (void)fill(lane, *loud, counters);
  lane.queue().detach(loud);
  Grant grant;
  EXPECT_EQ(request(lane.queue(), *polite, 10, 128, grant), RoomLine::Wait::kTimeOver);
  std::thread waits([&] {
    EXPECT_EQ(request(lane.queue(), *polite, 10, 128, grant, 20s), RoomLine::Wait::kRoom);
  });
  while (!lane.queue().line().has_waiters()) std::this_thread::yield();
  while (lane.queue().line().has_waiters()) (void)lane.drain(kAll, 1);
  waits.join();
  EXPECT_GE(lane.queue().line().records_left(grant), 1u);
  EXPECT_LE(lane.queue().line().records_left(grant), 10u);
  lane.queue().line().release(grant);
}

TEST(GrantTest, what_is_not_used_goes_back_also_when_the_thread_ends) {
  TestLane lane(options_of(256, Kind::kDropNewest));
  Counters counters;
  Producer* producer = lane.queue().attach();
  Grant grant;
  ASSERT_EQ(request(lane.queue(), *producer, 50, 128, grant), RoomLine::Wait::kRoom);
  EXPECT_EQ(lane.queue().room(), 206u);
  lane.queue().detach(producer);
  EXPECT_EQ(lane.queue().room(), 256u);
  EXPECT_EQ(lane.queue().line().records_left(grant), 0u);
  lane.queue().line().release(grant);
  EXPECT_EQ(lane.queue().room(), 256u);
  // Who gets the place next has nothing of it.
  Producer* next = lane.queue().attach();
  EXPECT_EQ(next, producer);
  EXPECT_FALSE(next->has_grants());
}

TEST(GrantTest, a_record_over_the_promised_size_takes_more_than_one_records_part) {
  TestLane lane(options_of(256, Kind::kDropNewest));
  Counters counters;
  Producer* polite = lane.queue().attach();
  Producer* loud = lane.queue().attach();
  Grant grant;
  ASSERT_EQ(request(lane.queue(), *polite, 10, 128, grant), RoomLine::Wait::kRoom);
  (void)fill(lane, *loud, counters);
  EXPECT_EQ(lane.emit(*polite, counters, 2, 0, std::string(500, 'x')), Admission::kAccepted);
  EXPECT_EQ(lane.queue().line().records_left(grant), 5u);
  EXPECT_EQ(lane.emit(*polite, counters, 2, 0, std::string(1500, 'x')), Admission::kDroppedNewest);
  EXPECT_EQ(lane.queue().line().records_left(grant), 5u);
  lane.queue().line().release(grant);
}

}  // namespace
}  // namespace forebay::queue
