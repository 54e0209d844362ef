// What a simulation draws from its seed before anything happens.
#include "simulation.h"

namespace forebay::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

// All but the last lane are about some records only; the last one takes the rest.
void Simulation::draw_lane_rules(pipeline::LaneOptions& lane, size_t index, size_t lanes) {
  const std::string letter(1, "abcd"[index % 4]);
  if (index + 1 < lanes) {
    switch (below(3)) {
      case 0:
        lane.rule.logger = admit::LoggerPattern("simulation." + letter);
        break;
      case 1:
        lane.rule.min_severity = static_cast<uint32_t>(one_of({9, 13, 17}));
        break;
      default:
        lane.rule.attributes.emplace_back("kind", letter);
    }
    if (one_in(6)) lane.rule.logger = admit::LoggerPattern("simulation.*");
  }
  if (one_in(5)) {
    queue::EarlyDrop early;
    early.start = random_.unit() * 0.8;
    early.full = early.start + 0.01 + random_.unit() * (0.99 - early.start);
    lane.queue.early_drop = early;
    lane.queue.seed = random_.next();
  }
  if (one_in(5)) {
    admit::RateLimitOptions limit;
    limit.records_per_second = one_of({0.5, 10.0, 1000.0, 1e6});
    limit.burst_records = one_of({1, 5, 100});
    limit.by =
        one_of({admit::LimitedBy::kLane, admit::LimitedBy::kLogger, admit::LimitedBy::kSite});
    lane.rate_limit = limit;
  }
}

void Simulation::draw_sampling() {
  using Kind = admit::SamplingRule::Kind;
  const uint64_t rules = one_in(2) ? 0 : 1 + below(3);
  for (uint64_t i = 0; i < rules; ++i) {
    admit::SamplingRule rule;
    rule.kind = one_of({Kind::kRatio, Kind::kRatio, Kind::kBurst, Kind::kBurst, Kind::kTraceRatio});
    rule.ratio = one_of({0.0, 0.01, 0.25, 0.5, 0.9, 1.0});
    rule.first = static_cast<uint64_t>(one_of({0, 1, 10}));
    rule.then_every = static_cast<uint64_t>(one_of({0, 1, 2, 50}));
    rule.interval = one_of({Duration{milliseconds{1}}, Duration{seconds{1}}});
    if (one_in(3)) rule.min_severity = static_cast<uint32_t>(one_of({5, 9}));
    if (one_in(3)) rule.max_severity = static_cast<uint32_t>(one_of({9, 13}));
    if (one_in(3)) rule.logger = admit::LoggerPattern(one_of({"simulation.a", "simulation.*"}));
    if (one_in(3)) rule.attributes.emplace_back("kind", one_of({"a", "b"}));
    options_.sampling.push_back(rule);
  }
  options_.summary_interval = one_of({Duration{milliseconds{10}}, Duration{seconds{1}}});
}

void Simulation::draw_recorder() {
  if (!one_in(3)) return;
  pipeline::RecorderOptions& recorder = options_.pipeline.recorder;
  recorder.min_severity = static_cast<uint32_t>(one_of({1, 5, 9}));
  recorder.slots = static_cast<uint32_t>(one_of({64, 256, 4096}));
  recorder.window =
      one_of({Duration{milliseconds{5}}, Duration{seconds{1}}, Duration{seconds{100}}});
  recorder.trigger_severity = static_cast<uint32_t>(one_of({13, 17, 25}));
}

void Simulation::draw_lane(size_t index, size_t lanes, double share) {
  using Kind = queue::FullAction::Kind;
  pipeline::LaneOptions lane;
  lane.name = "lane" + std::to_string(index);
  lane.queue.slots = static_cast<uint32_t>(one_of({8, 9, 16, 64, 65, 200, 1024, 4096}));
  lane.queue.on_full.clear();
  // Nobody makes room while the only thread waits: waits are as short as they can be.
  if (one_in(4)) {
    queue::FullAction block;
    block.kind = Kind::kBlock;
    block.timeout = Duration{below(2) * 1000};
    block.on_event_loop = one_in(2);
    lane.queue.on_full.push_back(block);
  }
  if (lane.queue.on_full.empty() || one_in(2)) {
    queue::FullAction action;
    action.kind = one_of({Kind::kDropNewest, Kind::kDropOldest, Kind::kDropOldest, Kind::kFail});
    lane.queue.on_full.push_back(action);
  }
  lane.backlog.share = share;
  lane.backlog.on_full =
      one_in(2) ? backlog::OnBacklogFull::kHold : backlog::OnBacklogFull::kEvictOldest;
  if (one_in(3)) {
    lane.backlog.max_age = one_of({Duration{milliseconds{5}}, Duration{milliseconds{500}},
                                   Duration{seconds{5}}, Duration{seconds{100}}});
  }
  lane.backlog.turn.strict = one_in(2);
  lane.backlog.turn.weight = static_cast<uint32_t>(1 + below(100));
  lane.gap_records = one_in(2);
  draw_lane_rules(lane, index, lanes);
  options_.pipeline.lanes.push_back(lane);
}

void Simulation::draw_options() {
  pipeline::PipelineOptions& options = options_.pipeline;
  options.service_name = "simulation";
  options.instance_id = "11111111-2222-4333-8444-555555555555";
  options.ledger_in_memory = true;
  options.resource.attributes.push_back({"service.name", model::OwnedValue::text("simulation")});
  const size_t lanes = 1 + below(4);
  double left = 1.0;
  for (size_t i = 0; i < lanes; ++i) {
    const double share = one_in(3) ? 0.0 : random_.unit() * left;
    left -= share;
    draw_lane(i, lanes, share);
  }
  options.batch.max_records = static_cast<uint32_t>(one_of({1, 2, 7, 50, 1000}));
  options.batch.max_bytes = static_cast<uint64_t>(one_of({1024, 4096, 65'536, 1 << 20}));
  options.batch.max_delay =
      one_of({Duration{0}, Duration{milliseconds{10}}, Duration{seconds{1}}, Duration{seconds{5}}});
  options.compress.codec = one_of({Codec::kNone, Codec::kGzip, Codec::kZstd});
  options.backlog_max_bytes = static_cast<uint64_t>(one_of({65'536, 65'536, 200'000, 1 << 20}));
  options.backlog_order = one_in(3) ? backlog::Order::kNewestFirst : backlog::Order::kOldestFirst;
  options.backlog_stale_share = one_of({0.0, 0.1, 0.25, 1.0});
  options.breaker.failures = static_cast<uint32_t>(one_of({1, 2, 5, 1000}));
  options.breaker.open_initial =
      one_of({Duration{milliseconds{1}}, Duration{milliseconds{500}}, Duration{seconds{1}}});
  options.breaker.open_max = options.breaker.open_initial * (1 + below(60));
  options.retry.initial =
      one_of({Duration{milliseconds{1}}, Duration{milliseconds{100}}, Duration{seconds{1}}});
  options.retry.max = options.retry.initial * (1 + below(30));
  if (one_in(3)) {
    options.retry.max_elapsed = one_of({Duration{0}, Duration{seconds{2}}, Duration{seconds{30}}});
  }
  const size_t routes = one_in(2) ? 1 : 1 + below(3);
  options.routes.resize(routes);
  options.backlog_max_bytes *= routes;
  for (size_t i = 0; i < routes; ++i) {
    pipeline::RouteOptions& route = options.routes[i];
    route.name = "route" + std::to_string(i);
    route.order = one_in(2) ? pipeline::RouteOrder::kFailover : pipeline::RouteOrder::kRoundRobin;
    if (one_in(3)) {
      route.on_backlog_full =
          one_in(2) ? backlog::OnBacklogFull::kHold : backlog::OnBacklogFull::kEvictOldest;
    }
  }
  if (one_in(3)) {
    // The others have as much as they would have with equal parts.
    options.routes[0].backlog_share = 0.5;
    options.backlog_max_bytes *= 2;
  }
  options.seed = random_.next() | 1;
  draw_sampling();
  draw_recorder();
  longest_jump_ = one_of({Duration{milliseconds{1}}, Duration{milliseconds{50}},
                          Duration{seconds{2}}, Duration{seconds{60}}});
  largest_pad_ = static_cast<uint64_t>(one_of({40, 200, 2000, 12'000}));
  // audit() gathers the queues into one: where it is called at each step, what lies in several
  // producers' runs between two steps is never seen.
  audit_every_ = static_cast<uint64_t>(one_of({1, 1, 10, 100}));
}

void Simulation::draw_route(size_t index) {
  routes_.push_back(std::make_unique<LyingRoute>());
  LyingRoute& route = *routes_.back();
  route.name = options_.pipeline.routes[index].name;
  const size_t destinations = one_in(2) ? 1 : 1 + below(3);
  const uint32_t max_in_flight = static_cast<uint32_t>(one_of({1, 1, 2, 4, 16}));
  for (size_t i = 0; i < destinations; ++i) {
    route.destinations.push_back(std::make_unique<LyingDestination>(
        clock_, random_.next(), max_in_flight,
        [this, &route](const Arrival& arrival, const EncodedBatch& batch, bool /*again*/) {
          took(route, arrival, batch);
        }));
    draw_faults(*route.destinations.back());
  }
  route.order_is_kept = destinations == 1 && max_in_flight == 1 &&
                        options_.pipeline.backlog_order == backlog::Order::kOldestFirst;
}

void Simulation::draw_faults(LyingDestination& destination) {
  Faults& faults = destination.faults;
  const auto some = [&](uint32_t most) {
    return one_in(2) ? static_cast<uint32_t>(below(most + 1)) : 0;
  };
  faults.longest_delay = one_of({Duration{0}, Duration{milliseconds{20}}, Duration{seconds{10}}});
  faults.longest_request = one_of({Duration{milliseconds{50}}, Duration{seconds{400}}});
  if (one_in(5)) return;
  faults.unavailable = some(60);
  faults.refused = some(30);
  faults.silent = some(30);
  faults.partial = some(20);
  faults.too_large = some(20);
  faults.other_codec = some(10);
  faults.rejected = some(10);
  faults.failed = some(5);
}

}  // namespace forebay::simulation
