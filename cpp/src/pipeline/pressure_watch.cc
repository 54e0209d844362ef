#include "pipeline/pressure_watch.h"

#include <chrono>
#include <utility>

namespace forebay::pipeline {
namespace {

account::Ledger::Gauges gauges_of(const Lane& lane, const LanePressure& pressure) {
  account::Ledger::Gauges gauges;
  gauges.state = static_cast<uint32_t>(pressure.state());
  gauges.fill_permille = static_cast<uint32_t>(lane.queue->fill() * 1000);
  if (const auto time = pressure.time_to_full()) {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(*time);
    gauges.ms_to_full = static_cast<uint64_t>(ms.count());
  }
  return gauges;
}

}  // namespace

void look_at_pressure(std::vector<Lane>& lanes, Pressure& pressure, account::Ledger& ledger,
                      MonotonicTime now) {
  for (size_t i = 0; i < lanes.size(); ++i) {
    Lane& lane = lanes[i];
    const bool was_short = std::exchange(lane.was_short, false) || lane.queue->wants_reclaim() ||
                           lane.queue->waiters() != 0;
    pressure.look(i,
                  {.slots = lane.queue->slots(),
                   .room = lane.queue->room(),
                   .was_short = was_short,
                   .is_held = lane.waiting.has_value()},
                  now);
    ledger.gauges(static_cast<uint32_t>(i), gauges_of(lane, pressure.lane(i)));
  }
}

}  // namespace forebay::pipeline
