// How metrics are collected, and what of the way to the destination is theirs.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "backlog/backlog.h"
#include "base/clock.h"
#include "metrics/store.h"

namespace forebay::pipeline {

// Whether Forebay reports itself (self_metrics.h).
enum class SelfReport : uint8_t {
  kNever,
  kBesideOthers,  // once there is another instrument; wherever series are shown as text, always
  kAlways,
};

struct MetricsOptions {
  // From the beginning of one collection to that of the next. Unit: ns, 10 ms..1 day.
  Duration interval = std::chrono::seconds{60};
  // How long a collection waits for callbacks; one that is later is left out of it. Unit: ns,
  // 1 ms..1 h, at most the interval.
  Duration callback_timeout = std::chrono::seconds{5};
  // Most points of a batch, 1..1,000,000.
  uint32_t max_batch_points = 8192;
  metrics::StoreOptions store;
  // The word that every series reads: 0 in a forked child, which so finds out. Null: the pipeline's
  // own, and a child must be told.
  std::atomic<uint32_t>* phase = nullptr;
  backlog::LaneBacklogOptions backlog = part_of_backlog(0.1);
  SelfReport self_report = SelfReport::kNever;
  // Of Forebay's own points, which no flood of others can put out.
  backlog::LaneBacklogOptions self_backlog = part_of_backlog(0.02);

  [[nodiscard]] bool reports_itself() const noexcept { return self_report != SelfReport::kNever; }
  // Of the lanes of points, in their order.
  [[nodiscard]] std::vector<std::string> lane_names() const {
    if (reports_itself()) return {"metrics", "forebay"};
    return {"metrics"};
  }

 private:
  // A newer cumulative point takes the place of one that waits, and a delta that finds no room puts
  // out the oldest: so metrics never hold up anything.
  static backlog::LaneBacklogOptions part_of_backlog(double share) {
    return {.share = share,
            .on_full = backlog::OnBacklogFull::kEvictOldest,
            .max_age = {},
            .turn = {},
            .order = backlog::Order::kOldestFirst};
  }
};

}  // namespace forebay::pipeline
