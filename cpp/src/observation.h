// Observers of this process, and what they observe: the C ABI's observable instruments.
//
// An observer belongs to an instrument, which may be of the process default: it is added to the
// collection of whichever collector that is, when that is activated.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "forebay/c_api.h"
#include "instruments.h"
#include "pipeline/observers.h"

struct forebay_observer {};
struct forebay_observation {};

namespace forebay::engine {

// One for each callback, for ever: an observation may outlast whoever asked for it.
struct ObserverHandle : forebay_observer {
  Instrument* instrument = nullptr;
  forebay_observe_callback callback = nullptr;
  void* context = nullptr;
  std::mutex calling;  // held while the callback is called
  bool has_ended = false;
  std::vector<const Incarnation*> incarnations;  // that it was added to
};

// An observer's place in the collections of one incarnation. One observation at a time is under
// way.
struct ObserverPlace {
  ObserverHandle* handle = nullptr;
  Incarnation* incarnation = nullptr;
  const InstrumentBinding* binding = nullptr;  // of the instrument, to that incarnation
  pipeline::Observers::Observer* observer = nullptr;
};

struct Observation : forebay_observation {
  ObserverPlace* place = nullptr;
  uint64_t since = 0;
};

// Adds the observer to the collections of an incarnation that its instrument is bound to, once.
// Under the registry's mutex. Throws std::bad_alloc.
void add_observer(ObserverHandle& handle, Incarnation& incarnation);

int32_t observe(Observation& observation, const forebay_attribute* attributes, uint32_t count,
                metrics::Measure value) noexcept;
void end_observation(Observation* observation, uint32_t failures) noexcept;

}  // namespace forebay::engine
