#include "account/ledger.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "account/stats_image.h"

namespace forebay::account {
namespace {

std::unique_ptr<Ledger> ledger_in_memory() {
  return Ledger::create(ledger_options(""), Clock::system());
}

std::map<std::string, int64_t> names_of(const Snapshot& snapshot) {
  std::map<std::string, int64_t> names;
  snapshot.visit([&](std::string_view name, int64_t value) {
    EXPECT_TRUE(names.emplace(name, value).second) << name << " was visited twice";
  });
  return names;
}

// What the sum law has too many (or too few), in the names under `prefix`.
int64_t sum_difference(const std::map<std::string, int64_t>& names, const std::string& prefix) {
  int64_t difference =
      names.at(prefix + "emitted") + names.at(prefix + "internal") + names.at(prefix + "recovered");
  for (const char* name : {"delivered", "sampled_out", "rate_limited", "refused", "dropped",
                           "expired", "rejected", "unknown", "handed_over", "superseded", "held"}) {
    difference -= names.at(prefix + name);
  }
  return difference;
}

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

// A stand-in for the stages: what is really where.
struct Model {
  struct Route {
    std::array<SeverityCounts, kPlaces> places;
  };
  std::vector<SeverityCounts> queue, batch;  // [lane]
  std::vector<std::vector<Route>> routes;    // [route][lane]
};

class RandomBooks {
 public:
  explicit RandomBooks(uint64_t seed) : random_(seed) {
    LedgerOptions options = ledger_options("");
    options.lanes = {"a", "b", "c"};
    options.routes = {"main", "copy"};
    ledger_ = Ledger::create(options, Clock::system());
    counters_ = ledger_->lease();
    model_.queue.resize(3);
    model_.batch.resize(3);
    model_.routes.assign(2, std::vector<Model::Route>(3));
  }

  void step() {
    const auto lane = static_cast<uint32_t>(below(3));
    const auto route = static_cast<uint32_t>(below(2));
    switch (below(7)) {
      case 0: {
        const auto severity = static_cast<SeverityClass>(below(7));
        counters_.add(lane, EmitName::kEmitted, severity);
        if (below(3) == 0) {  // ended by emit itself
          counters_.add(lane, static_cast<EmitName>(1 + below(kEmitNames - 1)), severity);
        } else {
          model_.queue[lane][severity] += 1;
        }
        break;
      }
      case 1: {
        const SeverityCounts some = some_of(model_.queue[lane]);
        ledger_->drained(lane, some);
        move(some, model_.queue[lane], model_.batch[lane]);
        break;
      }
      case 2: {
        const SeverityCounts made = counts(SeverityClass::kWarn, below(3));
        ledger_->intake(IntakeName::kInternal, lane, made);
        model_.batch[lane] += made;
        const SeverityCounts some = some_of(model_.batch[lane]);
        ledger_->intake(
            static_cast<IntakeName>(static_cast<uint64_t>(IntakeName::kExpired) + below(4)), lane,
            some);
        take(some, model_.batch[lane]);
        break;
      }
      case 3: {
        const SeverityCounts some = some_of(model_.batch[lane]);
        ledger_->batched(lane, some);
        take(some, model_.batch[lane]);
        for (auto& lanes : model_.routes) lanes[lane].places[0] += some;
        break;
      }
      case 4: {
        const uint64_t from = below(kPlaces);
        const uint64_t to = below(kPlaces);
        auto& places = model_.routes[route][lane].places;
        const SeverityCounts some = some_of(places[from]);
        ledger_->move(route, lane, some, static_cast<Place>(from), static_cast<Place>(to));
        move(some, places[from], places[to]);
        break;
      }
      case 5: {
        const uint64_t from = below(kPlaces);
        const SeverityCounts some = some_of(model_.routes[route][lane].places[from]);
        ledger_->end(route, lane, some, static_cast<Place>(from),
                     static_cast<RouteName>(1 + below(kRouteNames - 1)));
        take(some, model_.routes[route][lane].places[from]);
        break;
      }
      default: {
        const SeverityCounts found = counts(SeverityClass::kInfo, below(4));
        ledger_->recovered(route, lane, found, Place::kSpool);
        model_.routes[route][lane].places[1] += found;
      }
    }
  }

  void check() const {
    const Snapshot snapshot = ledger_->snapshot();
    for (size_t lane = 0; lane < 3; ++lane) {
      ASSERT_EQ(snapshot.lanes[lane].in_queue(), model_.queue[lane].total());
      ASSERT_EQ(snapshot.lanes[lane].in_batch(), model_.batch[lane].total());
      ASSERT_EQ(snapshot.lanes[lane].ahead.total(), 0u);
      for (size_t route = 0; route < 2; ++route) {
        ASSERT_EQ(snapshot.route_difference(route, lane), 0);
        ASSERT_EQ(snapshot.routes[route][lane].places, model_.routes[route][lane].places);
      }
    }
    const auto names = names_of(snapshot);
    ASSERT_EQ(sum_difference(names, ""), 0);
    ASSERT_EQ(sum_difference(names, "lanes.b."), 0);
    ASSERT_EQ(sum_difference(names, "by_severity.warn."), 0);
  }

 private:
  uint64_t below(uint64_t bound) { return random_() % bound; }
  SeverityCounts some_of(const SeverityCounts& all) {
    SeverityCounts some;
    for (size_t c = 0; c < kSeverityClasses; ++c) some.by_class[c] = below(all.by_class[c] + 1);
    return some;
  }
  static void take(const SeverityCounts& some, SeverityCounts& from) {
    for (size_t c = 0; c < kSeverityClasses; ++c) from.by_class[c] -= some.by_class[c];
  }
  static void move(const SeverityCounts& some, SeverityCounts& from, SeverityCounts& to) {
    take(some, from);
    to += some;
  }

  std::mt19937_64 random_;
  Model model_;
  std::unique_ptr<Ledger> ledger_;
  ThreadCounters counters_;
};

TEST(LedgerTest, both_laws_hold_after_every_step_of_a_random_life) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::cout << "seed " << seed << "\n";
  RandomBooks books(seed);
  for (int i = 0; i < 5'000; ++i) {
    books.step();
    ASSERT_NO_FATAL_FAILURE(books.check()) << "step " << i;
  }
}

// Emitters hand records to a queue; one thread drains it, another evicts from it; on the other lane
// every record is refused or expires at once. Idle slots make a reading long enough for much to
// happen in it.
TEST(LedgerTest, a_snapshot_among_writers_is_never_negative_and_both_laws_hold) {
  auto ledger = ledger_in_memory();
  for (int i = 0; i < 600; ++i) (void)ledger->lease();
  std::mutex mutex;
  std::deque<SeverityClass> queue;
  std::atomic<bool> stop{false};
  const auto pop = [&]() -> std::optional<SeverityClass> {
    const std::lock_guard lock(mutex);
    if (queue.empty()) return std::nullopt;
    const SeverityClass severity = queue.front();
    queue.pop_front();
    return severity;
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      ThreadCounters counters = ledger->lease();
      while (!stop) {
        const auto severity = static_cast<SeverityClass>(t);
        counters.add(0, EmitName::kEmitted, severity);
        const std::lock_guard lock(mutex);
        queue.push_back(severity);
      }
      ledger->give_back(counters);
    });
  }
  threads.emplace_back([&] {
    ThreadCounters counters = ledger->lease();
    while (!stop) {
      if (auto evicted = pop()) counters.add(0, EmitName::kDroppedQueueFullOldest, *evicted);
    }
  });
  threads.emplace_back([&] {
    while (!stop) {
      const auto severity = pop();
      if (!severity) continue;
      const SeverityCounts one = counts(*severity, 1);
      ledger->drained(0, one);
      ledger->batched(0, one);
      ledger->move(0, 0, one, Place::kBacklog, Place::kFlight);
      ledger->end(0, 0, one, Place::kFlight, RouteName::kDelivered);
    }
  });
  threads.emplace_back([&] {
    ThreadCounters counters = ledger->lease();
    while (!stop) {
      counters.add(1, EmitName::kEmitted, SeverityClass::kInfo);
      counters.add(1, EmitName::kRefusedQueueFull, SeverityClass::kInfo);
      counters.add(1, EmitName::kEmitted, SeverityClass::kInfo);
      ledger->drained(1, counts(SeverityClass::kInfo, 1));
      ledger->intake(IntakeName::kExpired, 1, counts(SeverityClass::kInfo, 1));
    }
  });
  uint64_t last_emitted = 0;
  for (int i = 0; i < 1'000; ++i) {
    const Snapshot snapshot = ledger->snapshot();
    for (const LaneNumbers& lane : snapshot.lanes) {
      EXPECT_EQ(lane.ahead.total(), 0u) << "seen to leave, but not to come";
    }
    EXPECT_LT(snapshot.lanes[0].in_queue(), uint64_t{1} << 40);
    EXPECT_EQ(snapshot.route_difference(0, 0), 0);
    const auto names = names_of(snapshot);
    for (const auto& [name, value] : names) EXPECT_GE(value, 0) << name;
    EXPECT_EQ(sum_difference(names, ""), 0);
    EXPECT_GE(snapshot.lanes[0][EmitName::kEmitted].total(), last_emitted);
    last_emitted = snapshot.lanes[0][EmitName::kEmitted].total();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ledger->snapshot().lanes[0].in_queue(), queue.size());
  EXPECT_GT(last_emitted, 0u);
}

}  // namespace
}  // namespace forebay::account
