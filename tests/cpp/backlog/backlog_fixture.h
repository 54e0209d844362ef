// A backlog whose batches all cost the same, with a clock that the test moves.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backlog/backlog.h"

namespace forebay::backlog::testing {

inline constexpr uint64_t kCost = 10'000;

// A batch that costs `cost` in all.
inline EncodedBatch batch_of(std::string id, uint8_t lane, MonotonicTime newest,
                             uint64_t cost = kCost) {
  EncodedBatch batch;
  batch.id = std::move(id);
  batch.lane = lane;
  batch.oldest = batch.newest = newest;
  batch.counts[SeverityClass::kInfo] = 10;
  std::vector<uint8_t> bytes(cost - batch.cost_bytes(), 'x');
  batch.body = std::make_shared<ByteBuffer>(ByteBuffer::copy_of(bytes));
  EXPECT_EQ(batch.cost_bytes(), cost);
  return batch;
}

struct Fixture {
  explicit Fixture(const BacklogOptions& options) : backlog(options) {
    EXPECT_TRUE(options.validate().is_ok()) << options.validate().message();
  }
  bool push(const std::string& id, uint8_t lane, uint64_t cost = kCost) {
    EncodedBatch batch = batch_of(id, lane, clock.now(), cost);
    return backlog.push(batch, clock.now(), departures);
  }
  std::string take() {
    std::optional<EncodedBatch> batch = backlog.take(clock.now(), departures);
    if (!batch) return "";
    last = *batch;
    return batch->id;
  }
  // "id:reason" of each departure since the last call.
  std::vector<std::string> gone() {
    static constexpr const char* kNames[] = {"full", "lower", "expired"};
    std::vector<std::string> names;
    for (const Departure& d : departures) {
      names.push_back(d.batch.id + ":" + kNames[static_cast<size_t>(d.reason)]);
    }
    departures.clear();
    return names;
  }

  ManualClock clock;
  Backlog backlog;
  std::vector<Departure> departures;
  EncodedBatch last;
};

using Names = std::vector<std::string>;

inline BacklogOptions two_lanes(OnBacklogFull on_full, double urgent_share = 0.2,
                                double share = 0.2) {
  BacklogOptions options;
  options.max_bytes = 10 * kCost;
  options.lanes = {{.share = urgent_share, .on_full = on_full, .max_age = {}},
                   {.share = share, .on_full = on_full, .max_age = {}}};
  return options;
}

}  // namespace forebay::backlog::testing
