#include "observation.h"

#include <algorithm>
#include <cmath>
#include <new>

#include "collector.h"

namespace forebay::engine {
namespace {

// On the drain thread.
void start(void* context, uint64_t since) {
  auto* place = static_cast<ObserverPlace*>(context);
  auto* observation = new (std::nothrow) Observation;
  ObserverHandle& handle = *place->handle;
  const std::lock_guard lock(handle.calling);
  if (observation == nullptr || handle.has_ended) {
    delete observation;
    place->incarnation->pipeline->metrics()->observers().done(place->observer,
                                                              handle.has_ended ? 0 : 1);
    return;
  }
  observation->place = place;
  observation->since = since;
  handle.callback(handle.context, observation);
}

}  // namespace

void add_observer(ObserverHandle& handle, Incarnation& incarnation) {
  if (std::ranges::find(handle.incarnations, &incarnation) != handle.incarnations.end()) return;
  handle.incarnations.reserve(handle.incarnations.size() + 1);
  // Never freed: a late observation refers to it.
  auto place = std::make_unique<ObserverPlace>();
  place->handle = &handle;
  place->incarnation = &incarnation;
  place->binding = handle.instrument->binding.load(std::memory_order_acquire);
  place->observer = incarnation.pipeline->metrics()->observers().add(start, place.get());
  handle.incarnations.push_back(&incarnation);
  (void)place.release();
}

int32_t observe(Observation& observation, const forebay_attribute* attributes, uint32_t count,
                metrics::Measure value) noexcept try {
  Incarnation& incarnation = *observation.place->incarnation;
  if (incarnation.is_abandoned.load()) return FOREBAY_REFUSED_SHUTDOWN;
  if (!value.is_integer && !std::isfinite(value.real)) {
    incarnation.pipeline->ledger().note(account::NoteName::kMeasurementsInvalid);
    return FOREBAY_INVALID_MEASUREMENT;
  }
  Instrument& instrument = *observation.place->handle->instrument;
  const bool is_below_zero = value.is_integer ? value.integer < 0 : value.real < 0;
  if (is_below_zero && instrument.spec.kind == metrics::InstrumentKind::kObservableCounter) {
    incarnation.pipeline->ledger().note(account::NoteName::kMeasurementsInvalid);
    return FOREBAY_INVALID_MEASUREMENT;
  }
  // At the end nothing is bound any more, and the last collection still asks.
  const InstrumentBinding* binding = observation.place->binding;
  const bool is_bound = instrument.binding.load(std::memory_order_acquire) == binding;
  if (!is_bound && !incarnation.is_ending.load()) return FOREBAY_REFUSED_SHUTDOWN;
  const uint64_t ticks = incarnation.pipeline->ticks().now();
  for (metrics::Stream* stream : binding->streams) {
    stream->observe(stream->key(attributes, count), value, ticks, observation.since);
  }
  return FOREBAY_ACCEPTED;
} catch (const std::bad_alloc&) {
  return FOREBAY_DROPPED_MEMORY;
}

void end_observation(Observation* observation, uint32_t failures) noexcept {
  const std::unique_ptr<Observation> owned(observation);
  Incarnation& incarnation = *observation->place->incarnation;
  // In a forked child nobody waits for it.
  if (incarnation.is_abandoned.load()) return;
  incarnation.pipeline->metrics()->observers().done(observation->place->observer, failures);
}

}  // namespace forebay::engine
