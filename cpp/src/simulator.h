// Answers "what would I lose?": runs a collector's real stages, from emit to the destination's
// answer, in one thread under a clock that is moved by hand.
//
// Real: admission, queues and their policies, batches, encoding, compression, backlog, retry,
// breaker, the ledger. Modelled: the producers (a steady rate each), the destination (a rate, a
// latency, outages), and the threads: drain and ship act once a step.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "collector_options.h"
#include "forebay/c_api.h"

namespace forebay::engine {

struct Scenario {
  struct Load {
    std::string logger = "simulated";
    uint32_t severity = 9;          // 1..24
    double records_per_second = 0;  // 0..10,000,000
    uint32_t record_bytes = 200;    // of the message; 0..1,000,000
  };
  std::vector<Load> loads;
  Duration length = std::chrono::seconds{60};  // of the loads; up to 1 day
  // Of the destination; see ship::ModelledDestination. Times from the beginning.
  double destination_records_per_second = 0;
  Duration latency = std::chrono::milliseconds{5};
  struct Outage {
    Duration from{};
    Duration length{};
    std::string route;            // whose destinations are away; empty: of all routes
    std::optional<int> exporter;  // of the route; none: all
  };
  std::vector<Outage> outages;
  // After the loads end it goes on until nothing is held, but at most so long.
  Duration settle = std::chrono::minutes{10};
  Duration sample_every = std::chrono::seconds{1};
  uint64_t seed = 1;  // of the pauses before a retry, and of the texts; 1..2^32

  // Paths: loads[i].logger, .level, .rate, .record_bytes; length, settle, sample_every (seconds),
  // seed;
  // destination.rate, destination.latency; outages[i].from, .length, .route, .exporter.
  static Result<Scenario> parse(const forebay_option* options, size_t count);
};

// `sample` is called at the beginning, at each sample and at the end: with the time since the
// beginning, and every number of the collector's stats; beside them
//   loads.<i>.wanted, .emitted, .waited_ms (how long a `block` lane held the load up),
//   loads.<i>.lane (its index), .waiting (1: it waits now)
//   lanes.<name>.peak_slots (most slots in use since the sample before), .backlog_bytes
//   backlog.bytes, backlog.peak_bytes (since the sample before), backlog.max_bytes
using SampleVisitor =
    std::function<void(Duration at, const std::vector<std::pair<std::string, int64_t>>& numbers)>;

// kInvalid where the options or the scenario are no good; the exporter's own are not used.
Status simulate(const forebay_option* options, size_t option_count, const Scenario& scenario,
                const SampleVisitor& sample);

}  // namespace forebay::engine
