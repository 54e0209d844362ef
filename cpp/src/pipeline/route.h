// A way out with a backlog of its own: one destination, or several that stand in for one another.
//
// Says which destination the next batch is for. A batch is with one destination at a time: what a
// destination gives back after a failure is in the backlog again, and is then offered to whichever
// is chosen, marked as ambiguous where the failed attempt may have arrived. So failing over can
// deliver a batch twice, as a retry can, and never loses one.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backlog/backlog.h"
#include "base/random.h"
#include "ship/shipper.h"

namespace forebay::pipeline {

enum class RouteOrder : uint8_t {
  // The first destination that is well. One that is busy, or that pauses after a failure now and
  // then, is waited for; one that is away (its breaker is open) is passed over, but for one batch
  // when its pause is over: if that arrives, it is well again, and everything goes there.
  kFailover,
  // The next in turn among those that want one: not one that is busy, nor one that pauses.
  kRoundRobin,
};

struct RouteOptions {
  std::string name = "main";  // in the ledger
  RouteOrder order = RouteOrder::kFailover;
  // For every lane on this route. None: on the first route what the lane says; on the others
  // kEvictOldest, so that only the first one's destination holds up the others.
  std::optional<backlog::OnBacklogFull> on_backlog_full;
  // Part of backlog_max_bytes, 0..1; zero: the routes without one share equally what is left.
  double backlog_share = 0.0;
};

struct PipelineOptions;
// The backlog of a route: its part of the bytes, with the lanes' shares in that.
backlog::BacklogOptions route_backlog(const PipelineOptions& options, size_t route);

// The ship thread's alone.
class Route {
 public:
  using Exporters = std::vector<std::unique_ptr<ship::Exporter>>;

  Route(const RouteOptions& options, Exporters exporters, const ship::RetryOptions& retry,
        const ship::BreakerOptions& breaker, Random& random);

  struct Destination {
    std::unique_ptr<ship::Shipper> shipper;
    uint64_t under_way = 0;  // batches that it has
    // It is away until then because it asks for more patience than we have.
    MonotonicTime away_until = MonotonicTime::min();
  };
  // "routes.main", as the numbers are called.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::vector<Destination>& destinations() noexcept { return destinations_; }
  [[nodiscard]] const std::vector<Destination>& destinations() const noexcept {
    return destinations_;
  }

  // Which destination gets a batch now; nothing where there is none, or one that is worth waiting
  // for. `hurried`: somebody waits for everything to leave (flush, shutdown), and a destination
  // that has just failed is away.
  [[nodiscard]] std::optional<size_t> choose(MonotonicTime now, bool hurried) const noexcept;
  void offer(size_t destination, EncodedBatch batch, MonotonicTime now);
  // Polls one destination for at most `wait`.
  std::vector<ship::Settlement> step(size_t destination, Duration wait, const Clock& clock);
  std::vector<ship::Settlement> stop(size_t destination, MonotonicTime now);
  // Drops all that is under way without settling it (see Shipper).
  void forget_all() noexcept;
  // When choose() may say something else though nothing was answered.
  [[nodiscard]] std::optional<MonotonicTime> resumes_at(MonotonicTime now) const noexcept;

  // A destination that asks for a longer pause is away for that long.
  static constexpr Duration kPatience = std::chrono::seconds{5};

 private:
  [[nodiscard]] bool is_away(const Destination& destination, MonotonicTime now,
                             bool hurried) const noexcept;

  std::string name_;
  const RouteOrder order_;
  const uint64_t away_after_;  // so many failures in a row, which open the breaker
  std::vector<Destination> destinations_;
  size_t turn_ = 0;  // kRoundRobin: who is asked first
};

}  // namespace forebay::pipeline
