// The laws under a random sequence of steps, and among threads.
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
