// How a pipeline is at one moment: what it reports of itself.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "account/snapshot.h"
#include "base/clock.h"
#include "pipeline/collection_tally.h"
#include "pipeline/export_tally.h"
#include "pipeline/pressure.h"

namespace forebay::pipeline {

// What is beside the ledger; its lanes and routes are those of `ledger`, in the same order.
struct Health {
  struct Lane {
    uint32_t slots = 0;
    double fill = 0;  // 0..1
    PressureState state = PressureState::kNormal;
    std::optional<Duration> time_to_full;  // nothing: it does not fill
  };
  struct Destination {
    std::string name;       // "<route>", or "<route>/<number>" where the route has several
    std::string_view type;  // of exporter, such as "otlp_http"
    const ExportTally* exports = nullptr;
    std::array<const ship::Server*, kSignals> servers{};  // [signal]; never null
  };

  account::Snapshot ledger;
  std::vector<Lane> lanes;  // of log records
  std::vector<Destination> destinations;
  const CollectionTally* collections = nullptr;
  std::vector<bool> open_routes;  // [route]: every destination of it fails, and is asked rarely
  uint64_t memory_bytes = 0;
  uint64_t backlog_bytes = 0;
};

}  // namespace forebay::pipeline
