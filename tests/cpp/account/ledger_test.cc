#include "account/ledger.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "account/ledger_fixture.h"
#include "account/stats_image.h"

namespace forebay::account {
namespace {

TEST(LedgerTest, options_without_a_lane_are_refused_by_name) {
  LedgerOptions options = ledger_options("");
  options.lanes.clear();
  EXPECT_NE(options.validate().message().find("lanes: 0 names are not in 1..16"),
            std::string::npos);
  options.lanes = {"a", "b", "a"};
  EXPECT_NE(options.validate().message().find("lanes[2]: a is there twice"), std::string::npos);
  options.lanes = {"a"};
  options.routes.assign(9, "r");
  EXPECT_NE(options.validate().message().find("routes: 9"), std::string::npos);
  options.routes = {"r"};
  EXPECT_TRUE(options.validate().is_ok());
}

TEST(LedgerTest, a_slot_that_is_given_back_keeps_its_counts_and_the_next_thread_adds_on) {
  auto ledger = ledger_in_memory();
  ThreadCounters first = ledger->lease();
  first.add(0, EmitName::kEmitted, SeverityClass::kWarn, 3);
  ledger->give_back(first);
  ThreadCounters second = ledger->lease();
  EXPECT_EQ(second.slot(), first.slot());
  second.add(0, EmitName::kEmitted, SeverityClass::kWarn, 4);
  EXPECT_EQ(ledger->snapshot().lanes[0][EmitName::kEmitted][SeverityClass::kWarn], 7u);
}

TEST(LedgerTest, threads_that_lease_count_and_give_back_lose_nothing) {
  auto ledger = ledger_in_memory();
  constexpr int kThreads = 8;
  constexpr int kLeases = 50;
  constexpr int kCounts = 200;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int l = 0; l < kLeases; ++l) {
        ThreadCounters counters = ledger->lease();
        for (int i = 0; i < kCounts; ++i) {
          counters.add(1, EmitName::kEmitted, SeverityClass::kInfo);
        }
        ledger->give_back(counters);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ledger->snapshot().lanes[1][EmitName::kEmitted].total(),
            uint64_t{kThreads} * kLeases * kCounts);
}

TEST(LedgerTest, beyond_1024_threads_one_slot_is_shared_and_counts_exactly) {
  auto ledger = ledger_in_memory();
  std::vector<ThreadCounters> leases;
  for (uint32_t i = 0; i < kMaxSlots; ++i) {
    leases.push_back(ledger->lease());
    ASSERT_FALSE(leases.back().is_shared()) << i;
    leases.back().add(0, EmitName::kEmitted, SeverityClass::kInfo);
  }
  std::vector<std::thread> threads;
  constexpr uint64_t kCounts = 20'000;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      ThreadCounters counters = ledger->lease();
      EXPECT_TRUE(counters.is_shared());
      for (uint64_t i = 0; i < kCounts; ++i) {
        counters.add(0, EmitName::kEmitted, SeverityClass::kInfo);
      }
      ledger->give_back(counters);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ledger->snapshot().lanes[0][EmitName::kEmitted].total(), kMaxSlots + 4 * kCounts);
  ledger->give_back(leases[500]);
  EXPECT_EQ(ledger->lease().slot(), leases[500].slot());
}

TEST(LedgerTest, what_a_partial_success_does_not_attribute_is_taken_from_the_largest_class) {
  auto ledger = ledger_in_memory();
  SeverityCounts batch = counts(SeverityClass::kInfo, 8);
  batch[SeverityClass::kError] = 2;
  ledger->drained(0, batch);
  ledger->batched(0, batch);
  ledger->move(0, 0, batch, Place::kBacklog, Place::kFlight);
  SeverityCounts delivered = counts(SeverityClass::kInfo, 5);
  delivered[SeverityClass::kError] = 2;
  ledger->end(0, 0, delivered, Place::kFlight, RouteName::kDelivered);
  ledger->end(0, 0, counts(SeverityClass::kUnattributed, 3), Place::kFlight,
              RouteName::kRejectedPartialSuccess);
  const Snapshot snapshot = ledger->snapshot();
  EXPECT_EQ(snapshot.routes[0][0][Place::kFlight], SeverityCounts{});
  EXPECT_EQ(snapshot.routes[0][0][RouteName::kRejectedPartialSuccess][SeverityClass::kUnattributed],
            3u);
  EXPECT_EQ(snapshot.route_difference(0, 0), 0);
}

TEST(LedgerTest, a_step_that_takes_more_than_there_is_shows_in_the_difference) {
  auto ledger = ledger_in_memory();
  ledger->batched(0, counts(SeverityClass::kInfo, 5));
  ledger->end(0, 0, counts(SeverityClass::kInfo, 7), Place::kBacklog, RouteName::kDelivered);
  EXPECT_EQ(ledger->snapshot().route_difference(0, 0), -2);
}

TEST(LedgerTest, a_record_that_left_before_emit_counted_it_is_made_up_for_and_told) {
  auto ledger = ledger_in_memory();
  ledger->drained(0, counts(SeverityClass::kInfo, 2));
  Snapshot snapshot = ledger->snapshot();
  EXPECT_EQ(snapshot.lanes[0].in_queue(), 0u);
  EXPECT_EQ(snapshot.lanes[0].ahead.total(), 2u);
  EXPECT_EQ(sum_difference(names_of(snapshot), ""), 0);
  ledger->lease().add(0, EmitName::kEmitted, SeverityClass::kInfo, 3);
  snapshot = ledger->snapshot();
  EXPECT_EQ(snapshot.lanes[0].in_queue(), 1u);
  EXPECT_EQ(snapshot.lanes[0].ahead.total(), 0u);
}

TEST(LedgerTest, every_route_has_the_second_law_for_itself) {
  LedgerOptions options = ledger_options("");
  options.routes = {"main", "copy"};
  auto ledger = Ledger::create(options, Clock::system());
  const SeverityCounts batch = counts(SeverityClass::kInfo, 4);
  ledger->lease().add(1, EmitName::kEmitted, SeverityClass::kInfo, 4);
  ledger->drained(1, batch);
  ledger->batched(1, batch);
  ledger->end(1, 1, batch, Place::kBacklog, RouteName::kDroppedBacklogFull);
  auto names = names_of(ledger->snapshot());
  EXPECT_EQ(names.at("routes.main.in_backlog"), 4);
  EXPECT_EQ(names.at("routes.copy.in_backlog"), 0);
  EXPECT_EQ(names.at("routes.copy.dropped.backlog_full"), 4);
  EXPECT_EQ(names.at("dropped"), 0) << "the plain totals are those of the first route";
  EXPECT_EQ(names.at("held"), 4);
  EXPECT_EQ(ledger->snapshot().route_difference(0, 1), 0);
  EXPECT_EQ(ledger->snapshot().route_difference(1, 1), 0);
}

TEST(LedgerTest, reasons_that_two_sides_count_are_one_name) {
  auto ledger = ledger_in_memory();
  ThreadCounters counters = ledger->lease();
  counters.add(0, EmitName::kEmitted, SeverityClass::kError, 3);
  counters.add(0, EmitName::kDroppedMemory, SeverityClass::kError, 1);
  ledger->drained(0, counts(SeverityClass::kError, 2));
  ledger->intake(IntakeName::kDroppedMemory, 0, counts(SeverityClass::kError, 1));
  ledger->batched(0, counts(SeverityClass::kError, 1));
  ledger->end(0, 0, counts(SeverityClass::kError, 1), Place::kBacklog, RouteName::kDroppedMemory);
  const auto names = names_of(ledger->snapshot());
  EXPECT_EQ(names.at("dropped.memory"), 3);
  EXPECT_EQ(names.at("dropped"), 3);
  EXPECT_EQ(names.at("lanes.urgent.dropped.memory"), 3);
  EXPECT_EQ(names.at("by_severity.error.dropped"), 3);
  EXPECT_EQ(names.at("by_severity.info.dropped"), 0);
  EXPECT_EQ(names.at("routes.main.dropped.memory"), 1);
  EXPECT_EQ(names.count("lanes.normal.dropped.memory"), 0u) << "zero reasons are left out here";
  EXPECT_EQ(names.at("dropped.disk_error"), 0) << "and shown in the plain names";
}

TEST(LedgerTest, notes_are_shown_beside_the_laws) {
  auto ledger = ledger_in_memory();
  ledger->note(NoteName::kBytesSentRaw, 1000);
  ledger->note(NoteName::kBytesSentRaw, 24);
  const auto names = names_of(ledger->snapshot());
  EXPECT_EQ(names.at("notes.bytes_sent_raw"), 1024);
  EXPECT_EQ(sum_difference(names, ""), 0);
}

}  // namespace
}  // namespace forebay::account
