// The backlog against a slow, obvious model, under random actions.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "backlog/backlog.h"

namespace forebay::backlog {
namespace {

using namespace std::chrono_literals;

// One flat list in order of arrival; every figure is worked out anew from it.
struct Model {
  struct Item {
    std::string id;
    uint8_t lane = 0;
    uint64_t cost = 0;
    uint64_t records = 0;
    MonotonicTime newest{};
    bool flying = false;
    bool returned = false;
  };
  explicit Model(const BacklogOptions& o)
      : options(o), turns(turns_of(o)), stale_due(o.lanes.size()) {}
  static std::vector<LaneTurn> turns_of(const BacklogOptions& o) {
    std::vector<LaneTurn> turns;
    for (const LaneBacklogOptions& lane : o.lanes) turns.push_back(lane.turn);
    return turns;
  }

  [[nodiscard]] uint64_t guaranteed(size_t lane) const {
    return static_cast<uint64_t>(static_cast<double>(options.max_bytes) *
                                 options.lanes[lane].share);
  }
  [[nodiscard]] uint64_t used(const std::vector<Item>& list, size_t lane) const {
    uint64_t sum = 0;
    for (const Item& item : list) sum += item.lane == lane ? item.cost : 0;
    return sum;
  }
  // Each lane's share is kept free or used by itself; all that is beyond shares shares the rest.
  [[nodiscard]] bool within_bounds(const std::vector<Item>& list) const {
    uint64_t common = options.max_bytes;
    uint64_t over = 0;
    for (size_t lane = 0; lane < options.lanes.size(); ++lane) {
      common -= guaranteed(lane);
      over += std::max(used(list, lane), guaranteed(lane)) - guaranteed(lane);
    }
    return over <= common;
  }
  [[nodiscard]] bool fits(std::vector<Item> list, const Item& item) const {
    list.push_back(item);
    return within_bounds(list) || used(list, item.lane) <= guaranteed(item.lane);
  }
  [[nodiscard]] bool expired(const Item& item, MonotonicTime now) const {
    const auto& age = options.lanes[item.lane].max_age;
    return !item.flying && age && now - item.newest > *age;
  }
  std::vector<std::string> expire(MonotonicTime now) {
    std::vector<std::string> gone;
    for (size_t lane = 0; lane < options.lanes.size(); ++lane) {
      for (auto it = items.begin(); it != items.end();) {
        if (it->lane == lane && expired(*it, now)) {
          gone.push_back(it->id + ":expired");
          it = items.erase(it);
        } else {
          ++it;
        }
      }
    }
    return gone;
  }
  static auto oldest_waiting(std::vector<Item>& list, size_t lane) {
    return std::find_if(list.begin(), list.end(),
                        [&](const Item& i) { return i.lane == lane && !i.flying; });
  }
  bool push(const Item& item, MonotonicTime now, std::vector<std::string>& gone) {
    if (expired(item, now)) {
      gone.push_back(item.id + ":expired");
      return true;
    }
    if (!fits({}, item)) {
      gone.push_back(item.id + ":full");
      return true;
    }
    if (!fits(items, item)) gone = expire(now);
    const bool evicts = options.lanes[item.lane].on_full == OnBacklogFull::kEvictOldest;
    std::vector<Item> attempt = items;
    std::vector<std::string> losses;
    for (size_t lane = options.lanes.size(); lane-- > item.lane;) {
      const bool own = lane == item.lane;
      while (!fits(attempt, item)) {
        const auto victim = oldest_waiting(attempt, lane);
        if (victim == attempt.end() || (own && !evicts)) break;
        if (!own && used(attempt, lane) <= guaranteed(lane)) break;
        losses.push_back(victim->id + (own ? ":full" : ":lower"));
        attempt.erase(victim);
      }
    }
    if (fits(attempt, item)) {
      items = attempt;
      items.push_back(item);
      gone.insert(gone.end(), losses.begin(), losses.end());
      return true;
    }
    if (evicts) gone.push_back(item.id + ":full");
    return evicts;
  }
  // The first that came back; else the oldest where its lane owes one to the stale share, else the
  // newest.
  std::vector<Item>::iterator newest_first(size_t lane, double& due) {
    std::vector<std::vector<Item>::iterator> waiting;
    for (auto it = items.begin(); it != items.end(); ++it) {
      if (it->lane == lane && !it->flying) waiting.push_back(it);
    }
    due = stale_due[lane];
    for (const auto& it : waiting) {
      if (it->returned) return it;
    }
    if (waiting.size() == 1) {
      due = 0;
      return waiting.front();
    }
    due += options.stale_share;
    if (due < 1.0 - 1e-9) return waiting.back();
    due -= 1.0;
    return waiting.front();
  }
  std::string take(MonotonicTime now, std::vector<std::string>& gone) {
    for (;;) {
      std::vector<bool> busy(options.lanes.size());
      for (size_t lane = 0; lane < busy.size(); ++lane) {
        busy[lane] = oldest_waiting(items, lane) != items.end();
      }
      const std::optional<size_t> chosen = turns.next([&](size_t lane) { return busy[lane]; });
      if (!chosen) return "";
      auto item = oldest_waiting(items, *chosen);
      double due = 0;
      if (options.order == Order::kNewestFirst) item = newest_first(*chosen, due);
      if (expired(*item, now)) {
        gone.push_back(item->id + ":expired");
        items.erase(item);
        continue;
      }
      stale_due[*chosen] = due;
      turns.took(*chosen, item->cost);
      item->flying = true;
      return item->id;
    }
  }

  BacklogOptions options;
  std::vector<Item> items;
  LaneTurns turns;  // has a test of its own
  std::vector<double> stale_due;
};

std::vector<std::string> names(const std::vector<Departure>& departures) {
  static constexpr const char* kNames[] = {"full", "lower", "expired"};
  std::vector<std::string> out;
  for (const Departure& d : departures) {
    out.push_back(d.batch.id + ":" + kNames[static_cast<size_t>(d.reason)]);
  }
  return out;
}

EncodedBatch real(const Model::Item& item) {
  EncodedBatch batch;
  batch.id = item.id;
  batch.lane = item.lane;
  batch.newest = batch.oldest = item.newest;
  batch.counts[SeverityClass::kInfo] = item.records;
  const std::vector<uint8_t> bytes(item.cost - batch.cost_bytes(), 'x');
  batch.body = std::make_shared<ByteBuffer>(ByteBuffer::copy_of(bytes));
  return batch;
}

class RandomRun {
 public:
  explicit RandomRun(uint64_t seed)
      : random_(seed), options_(any_options()), backlog_(options_), model_(options_) {}

  void step() {
    const uint64_t action = below(100);
    clock_.advance(std::chrono::milliseconds{below(300)});
    if (action < 45) {
      push();
    } else if (action < 70) {
      take();
    } else if (action < 80) {
      end_one();
    } else if (action < 90) {
      put_back();
    } else if (action < 94) {
      split();
    } else if (action < 99) {
      std::vector<Departure> gone;
      backlog_.expire(clock_.now(), gone);
      EXPECT_EQ(names(gone), model_.expire(clock_.now()));
    } else if (below(20) == 0) {
      drain();
    }
    compare();
  }

 private:
  uint64_t below(uint64_t bound) {
    return std::uniform_int_distribution<uint64_t>(0, bound - 1)(random_);
  }

  BacklogOptions any_options() {
    BacklogOptions options;
    options.max_bytes = 65'536 + below(100'000);
    options.order = below(2) == 0 ? Order::kOldestFirst : Order::kNewestFirst;
    options.stale_share = static_cast<double>(below(11)) / 10;
    const uint64_t lanes = 1 + below(4);
    for (uint64_t i = 0; i < lanes; ++i) {
      LaneBacklogOptions lane;
      lane.share = static_cast<double>(below(100)) / 100.0 / static_cast<double>(lanes);
      lane.on_full = below(2) == 0 ? OnBacklogFull::kHold : OnBacklogFull::kEvictOldest;
      if (below(2) == 0) lane.max_age = std::chrono::milliseconds{500 + below(5000)};
      lane.turn.strict = below(2) == 0;
      lane.turn.weight = static_cast<uint32_t>(1 + below(100));
      options.lanes.push_back(lane);
    }
    EXPECT_TRUE(options.validate().is_ok());
    return options;
  }
  void push() {
    Model::Item item;
    item.id = "b" + std::to_string(1000 + next_id_++);
    item.lane = static_cast<uint8_t>(below(options_.lanes.size()));
    item.cost = 300 + below(below(10) == 0 ? options_.max_bytes : options_.max_bytes / 10);
    item.records = 1 + below(50);
    item.newest = clock_.now() - std::chrono::milliseconds{below(20) == 0 ? 6000 : below(200)};
    const bool room = model_.fits(model_.items, item);
    EncodedBatch batch = real(item);
    EXPECT_EQ(backlog_.has_room(item.lane, item.cost), room);
    std::vector<Departure> gone;
    std::vector<std::string> model_gone;
    const bool taken = backlog_.push(batch, clock_.now(), gone);
    EXPECT_EQ(taken, model_.push(item, clock_.now(), model_gone));
    EXPECT_EQ(names(gone), model_gone);
    if (!taken) {
      EXPECT_EQ(batch.cost_bytes(), item.cost);
    }
  }
  void take() {
    std::vector<Departure> gone;
    std::vector<std::string> model_gone;
    const std::optional<EncodedBatch> batch = backlog_.take(clock_.now(), gone);
    EXPECT_EQ(batch ? batch->id : "", model_.take(clock_.now(), model_gone));
    EXPECT_EQ(names(gone), model_gone);
    if (batch) flying_[batch->id] = *batch;
  }
  // A random one in flight, or nothing.
  std::string one_in_flight() {
    if (flying_.empty()) return "";
    auto it = flying_.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(below(flying_.size())));
    return it->first;
  }
  auto in_model(const std::string& id) {
    return std::find_if(model_.items.begin(), model_.items.end(),
                        [&](const Model::Item& item) { return item.id == id; });
  }
  void end_one() {
    const std::string id = one_in_flight();
    if (id.empty()) return;
    backlog_.finish(id);
    model_.items.erase(in_model(id));
    flying_.erase(id);
  }
  void put_back() {
    const std::string id = one_in_flight();
    if (id.empty()) return;
    const auto item = in_model(id);
    item->flying = false;
    item->returned = true;
    // Sometimes it comes back in another codec.
    if (below(8) == 0) item->cost = 300 + below(2 * item->cost);
    backlog_.put_back(real(*item));
    flying_.erase(id);
  }
  void split() {
    const std::string id = one_in_flight();
    if (id.empty() || flying_[id].records() < 2) return;
    const auto whole = in_model(id);
    std::vector<Model::Item> parts{*whole, *whole};
    parts[0].id += ".0";
    parts[1].id += ".1";
    parts[0].records /= 2;
    parts[1].records -= parts[0].records;
    parts[0].returned = parts[1].returned = false;
    parts[0].cost = 300 + below(whole->cost);
    parts[1].cost = 300 + below(whole->cost);
    std::vector<EncodedBatch> batches{real(parts[0]), real(parts[1])};
    backlog_.replace(id, batches);
    flying_.erase(id);
    for (const EncodedBatch& batch : batches) flying_[batch.id] = batch;
    const auto at = model_.items.erase(whole);
    model_.items.insert(at, parts.begin(), parts.end());
  }
  void drain() {
    std::vector<std::string> drained;
    while (const auto batch = backlog_.drain_next()) drained.push_back(batch->id);
    std::vector<std::string> expected;
    for (size_t lane = 0; lane < options_.lanes.size(); ++lane) {
      for (const Model::Item& item : model_.items) {
        if (item.lane == lane && !item.flying) expected.push_back(item.id);
      }
    }
    EXPECT_EQ(drained, expected);
    std::erase_if(model_.items, [](const Model::Item& item) { return !item.flying; });
  }
  void compare() {
    size_t batches = 0;
    uint64_t bytes = 0;
    for (size_t lane = 0; lane < options_.lanes.size(); ++lane) {
      uint64_t waiting = 0;
      uint64_t flying = 0;
      for (const Model::Item& item : model_.items) {
        if (item.lane != lane) continue;
        (item.flying ? flying : waiting) += item.records;
        batches += item.flying ? 0 : 1;
        bytes += item.cost;
      }
      const auto number = static_cast<uint8_t>(lane);
      EXPECT_EQ(backlog_.waiting(number).total(), waiting);
      EXPECT_EQ(backlog_.in_flight(number).total(), flying);
      EXPECT_EQ(backlog_.bytes(number), model_.used(model_.items, lane));
    }
    EXPECT_EQ(backlog_.batches(), batches);
    EXPECT_EQ(backlog_.bytes(), bytes);
    EXPECT_EQ(backlog_.empty(), model_.items.empty());
  }

  std::mt19937_64 random_;
  BacklogOptions options_;
  Backlog backlog_;
  Model model_;
  ManualClock clock_;
  std::map<std::string, EncodedBatch> flying_;
  uint64_t next_id_ = 0;
};

TEST(BacklogModelTest, random_actions_end_as_the_model_says) {
  const char* given = std::getenv("FOREBAY_SEED");
  const uint64_t first =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  const uint64_t runs = given != nullptr ? 1 : 200;
  std::printf("seeds %llu..%llu (FOREBAY_SEED runs one)\n", static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(first + runs - 1));
  for (uint64_t seed = first; seed < first + runs; ++seed) {
    SCOPED_TRACE("FOREBAY_SEED=" + std::to_string(seed));
    RandomRun run(seed);
    for (int i = 0; i < 400 && !::testing::Test::HasFailure(); ++i) run.step();
    if (::testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace forebay::backlog
