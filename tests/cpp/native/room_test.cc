// Waiting for room and setting it aside, and early drop, through the public headers.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "forebay/forebay.h"

namespace {

using forebay::Collector;
using forebay::OnFull;
using forebay::Options;
using forebay::Severity;
using forebay::Status;
using namespace std::chrono_literals;

// A destination that takes nothing, so that queues fill: the memory of it is full at once.
Options stuck(std::vector<OnFull> on_full) {
  Options options;
  options.service_name = "room";
  options.exporter = forebay::OtlpHttpExporter{.endpoint = "http://127.0.0.1:9"};
  options.lanes = {{.name = "audit", .queue_records = 256, .on_full = std::move(on_full)}};
  options.backlog.max_bytes = 64 << 10;
  options.batch.max_records = 64;
  options.retry.initial = 1h;
  options.retry.max = 1h;
  options.ledger_in_memory = true;
  return options;
}

// Emits until nothing is taken for a while: backlog and queue are full.
void fill(const forebay::Logger& log, const std::string& text) {
  auto last = std::chrono::steady_clock::now();
  const auto give_up = last + 30s;
  while (std::chrono::steady_clock::now() - last < 300ms) {
    if (log.emit(Severity::kInfo, text)) last = std::chrono::steady_clock::now();
    ASSERT_LT(std::chrono::steady_clock::now(), give_up);
  }
}

// Which zstd cannot make small.
std::string noise() {
  std::string text;
  uint64_t state = 88172645463325252;
  while (text.size() < 900) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    text += static_cast<char>('!' + state % 90);
  }
  return text;
}

TEST(RoomTest, what_was_granted_is_accepted_where_everything_is_full) {
  auto collector = Collector::create(stuck({OnFull::drop_newest()}));
  ASSERT_TRUE(collector.is_ok()) << collector.message();
  forebay::Logger log = collector->logger("audit");
  auto grant = collector->request("audit", 10, 5s, 512);
  ASSERT_TRUE(grant.is_ok()) << grant.message();
  EXPECT_EQ(grant->granted(), 10u);
  EXPECT_EQ(grant->left(), 10u);
  std::thread flood([&] {
    fill(log, noise());
    fill(log, "x");
  });
  flood.join();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(log.emit(Severity::kInfo, "granted").is_accepted());
  EXPECT_LT(grant->left(), 10u);
  EXPECT_EQ(collector->request("audit", 1, 10ms).status().code(), Status::Code::kTimedOut);
  EXPECT_EQ(collector->wait_for_room("audit", 8, 10ms).code(), Status::Code::kTimedOut);
  grant->release();
  EXPECT_TRUE(collector->audit().balanced);
  (void)collector->shutdown(0s);
  EXPECT_EQ(collector->wait_for_room("audit", 1, 10ms).code(), Status::Code::kUnavailable);
}

TEST(RoomTest, bad_requests_are_told_apart) {
  auto collector = Collector::create(stuck({OnFull::drop_newest()}));
  ASSERT_TRUE(collector.is_ok());
  EXPECT_EQ(collector->wait_for_room("none", 1, 0s).code(), Status::Code::kInvalid);
  EXPECT_EQ(collector->wait_for_room("audit", 0, 0s).code(), Status::Code::kInvalid);
  EXPECT_EQ(collector->wait_for_room("audit", 257, 0s).code(), Status::Code::kInvalid);
  EXPECT_TRUE(collector->wait_for_room("audit", 256, 0s).is_ok());
  EXPECT_TRUE(collector->wait_for_room("audit", 1, 0s).is_ok());
  EXPECT_EQ(collector->request("none", 1, 0s).status().code(), Status::Code::kInvalid);
  auto half = collector->request("audit", 1000, 0s, 128);
  ASSERT_TRUE(half.is_ok());
  EXPECT_EQ(half->granted(), 128u);
  forebay::Grant moved = std::move(*half);
  EXPECT_EQ(moved.left(), 128u);
  EXPECT_EQ(half->left(), 0u);
}

TEST(RoomTest, a_waiter_of_an_event_loop_is_called_once_and_its_thread_has_the_room) {
  auto collector = Collector::create(stuck({
      OnFull::block(),
  }));
  ASSERT_TRUE(collector.is_ok());
  const forebay_api* api = forebay::detail::attachment.table();
  std::atomic<int> called{0};
  forebay_waiter* waiter = nullptr;
  const auto count = [](void* context) { ++*static_cast<std::atomic<int>*>(context); };
  ASSERT_EQ(api->lane_notify(collector->handle(), {"audit", 5}, 8, count, &called, &waiter),
            FOREBAY_OK);
  EXPECT_EQ(called, 1);  // there is room
  const auto room = [&] { return collector->stats().number("lanes.audit.room"); };
  EXPECT_EQ(room(), 256 - 8);
  api->lane_notify_use(waiter);
  api->lane_notify_use(waiter);
  EXPECT_EQ(room(), 256 - 8);
  api->lane_notify_end(waiter);
  EXPECT_EQ(room(), 256);
  EXPECT_EQ(api->lane_notify(collector->handle(), {"none", 4}, 1, count, &called, &waiter),
            FOREBAY_INVALID_ARGUMENT);
  (void)collector->shutdown(0s);
  EXPECT_EQ(api->lane_notify(collector->handle(), {"audit", 5}, 1, count, &called, &waiter),
            FOREBAY_CLOSED);
}

TEST(RoomTest, a_record_that_is_dropped_early_is_told_and_counted) {
  Options options = stuck({OnFull::block()});
  options.exporter = forebay::MemoryExporter{};
  // Whenever anything is in the lane, all is dropped; the option alone, below `start`, drops none.
  options.lanes[0].early_drop = forebay::EarlyDrop{.start = 0.0, .full = 1e-6};
  options.lanes.push_back({.name = "calm", .logger = "calm", .early_drop = forebay::EarlyDrop{}});
  auto collector = Collector::create(options);
  ASSERT_TRUE(collector.is_ok()) << collector.message();
  forebay::Logger log = collector->logger("audit");
  EXPECT_TRUE(log.emit(Severity::kInfo, "first").is_accepted());
  const forebay::Outcome second = log.emit(Severity::kWarn, "second");
  EXPECT_EQ(second.code(), FOREBAY_DROPPED_EARLY);
  EXPECT_EQ(second.name(), "dropped.early_drop");
  forebay::Logger calm = collector->logger("calm");
  for (int i = 0; i < 500; ++i) {
    EXPECT_TRUE(calm.emit(Severity::kInfo, "calm").is_accepted());
  }
  const forebay::Stats stats = collector->stats();
  EXPECT_EQ(stats.number("lanes.audit.dropped.early_drop"), 1);
  EXPECT_EQ(stats.number("lanes.calm.dropped.early_drop"), 0);
  EXPECT_EQ(stats.number("lanes.calm.retry_after_ms"), 0);
  (void)collector->flush(5s);
  EXPECT_TRUE(collector->audit().balanced);
}

TEST(RoomTest, an_early_drop_that_makes_no_sense_is_named_by_its_path) {
  const auto message = [](double start, double full) {
    Options options = stuck({OnFull::drop_newest()});
    options.lanes[0].early_drop = forebay::EarlyDrop{.start = start, .full = full};
    return Collector::create(options).message();
  };
  EXPECT_EQ(message(0.9, 0.6),
            "lanes[0].early_drop.full: 0.6 is not over early_drop.start, 0.9, and at most 1");
  EXPECT_EQ(message(-1, 0.6), "lanes[0].early_drop.start: -1 is not in 0..1");
  EXPECT_EQ(message(0.5, 2), "lanes[0].early_drop.full: 2 is not in 0..1");
}

}  // namespace
