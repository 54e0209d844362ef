#include "pipeline/route.h"

#include <algorithm>

#include "pipeline/lane.h"

namespace forebay::pipeline {

backlog::BacklogOptions route_backlog(const PipelineOptions& options, size_t route) {
  double given = 0;
  size_t without = 0;
  for (const RouteOptions& each : options.routes) {
    given += each.backlog_share;
    without += each.backlog_share > 0 ? 0 : 1;
  }
  const RouteOptions& mine = options.routes[route];
  const double share = mine.backlog_share > 0
                           ? mine.backlog_share
                           : std::max(1.0 - given, 0.0) / static_cast<double>(without);
  backlog::BacklogOptions backlog;
  backlog.max_bytes = static_cast<uint64_t>(static_cast<double>(options.backlog_max_bytes) * share);
  backlog.order = options.backlog_order;
  backlog.stale_share = options.backlog_stale_share;
  for (const LaneOptions& lane : options.lanes) {
    backlog.lanes.push_back(lane.backlog);
    if (mine.on_backlog_full) {
      backlog.lanes.back().on_full = *mine.on_backlog_full;
    } else if (route != 0) {
      backlog.lanes.back().on_full = backlog::OnBacklogFull::kEvictOldest;
    }
  }
  // Points never hold up anything, whatever a route says of its lanes.
  if (options.metrics) {
    backlog.lanes.push_back(options.metrics->backlog);
    if (options.metrics->reports_itself()) backlog.lanes.push_back(options.metrics->self_backlog);
  }
  return backlog;
}

Route::Route(const RouteOptions& options, Exporters exporters, const ship::RetryOptions& retry,
             const ship::BreakerOptions& breaker, Random& random)
    : name_("routes." + options.name), order_(options.order), away_after_(breaker.failures) {
  for (std::unique_ptr<ship::Exporter>& exporter : exporters) {
    Destination destination;
    destination.shipper =
        std::make_unique<ship::Shipper>(std::move(exporter), retry, breaker, Random(random.next()));
    destinations_.push_back(std::move(destination));
  }
}

bool Route::is_away(const Destination& destination, MonotonicTime now,
                    bool hurried) const noexcept {
  const uint64_t failures = destination.shipper->failures_in_a_row();
  return failures >= (hurried ? 1 : away_after_) || now < destination.away_until;
}

std::optional<size_t> Route::choose(MonotonicTime now, bool hurried) const noexcept {
  const size_t count = destinations_.size();
  const size_t first = order_ == RouteOrder::kRoundRobin ? turn_ : 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t at = (first + i) % count;
    if (destinations_[at].shipper->wants(now)) return at;
    if (order_ == RouteOrder::kFailover && !is_away(destinations_[at], now, hurried)) break;
  }
  return std::nullopt;
}

void Route::offer(size_t destination, EncodedBatch batch, MonotonicTime now) {
  turn_ = (destination + 1) % destinations_.size();
  ++destinations_[destination].under_way;
  destinations_[destination].shipper->offer(std::move(batch), now);
}

std::vector<ship::Settlement> Route::step(size_t destination, Duration wait, const Clock& clock) {
  using Kind = ship::Settlement::Kind;
  Destination& at = destinations_[destination];
  std::vector<ship::Settlement> settlements = at.shipper->step(wait, clock);
  for (const ship::Settlement& settlement : settlements) {
    if (settlement.kind == Kind::kReplaced) {
      at.under_way += settlement.parts.size() - 1;
    } else if (settlement.finishes) {
      --at.under_way;
    }
  }
  const MonotonicTime now = clock.now();
  if (const auto resumes = at.shipper->resumes_at(); resumes && *resumes - now > kPatience) {
    at.away_until = std::max(at.away_until, *resumes);
  }
  return settlements;
}

std::vector<ship::Settlement> Route::stop(size_t destination, MonotonicTime now) {
  destinations_[destination].under_way = 0;
  return destinations_[destination].shipper->stop(now);
}

void Route::forget_all() noexcept {
  for (Destination& destination : destinations_) {
    destination.under_way = 0;
    destination.shipper->forget_all();
  }
}

std::optional<MonotonicTime> Route::resumes_at(MonotonicTime now) const noexcept {
  std::optional<MonotonicTime> first;
  for (const Destination& destination : destinations_) {
    const auto at = destination.shipper->resumes_at();
    if (at && *at > now && (!first || *at < *first)) first = at;
  }
  return first;
}

}  // namespace forebay::pipeline
