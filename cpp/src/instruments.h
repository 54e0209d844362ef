// Instruments and bound series of this process: handles, as loggers are, that may be made before
// anything is started.
//
// What a handle is bound to is one object that is swapped as a whole. It names the phase of the
// store that its series are in; where that reads 0 (nothing bound, the collector was shut down,
// this is a forked child), recording takes the slow way, which binds anew under the registry's
// mutex. An instrument's bindings are never freed, since a thread may hold one: there is one a
// start and fork. A series handle's goes with the handle, whose owner lets nobody use it then.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/status.h"
#include "forebay/c_api.h"
#include "metrics/store.h"

// The opaque handles are the engine's objects.
struct forebay_instrument {};
struct forebay_series {};

namespace forebay::engine {

class Collector;
struct Incarnation;

// Streams of an instrument in one store.
struct InstrumentBinding {
  const std::atomic<uint32_t>* phase = nullptr;
  Incarnation* incarnation = nullptr;
  std::vector<metrics::Stream*> streams;
};

struct Instrument : forebay_instrument {
  Collector* collector = nullptr;  // null: the process default
  metrics::InstrumentSpec spec;
  std::atomic<const InstrumentBinding*> binding;  // the last of them, or unbound_instrument
  std::vector<std::unique_ptr<const InstrumentBinding>> bindings;
};

// Series of one set of attributes in one store, one for each stream of the instrument.
struct SeriesBinding {
  const std::atomic<uint32_t>* phase = nullptr;
  Incarnation* incarnation = nullptr;
  std::vector<metrics::Series*> series;
  metrics::Series* only = nullptr;  // where there is just one
};

struct SeriesHandle : forebay_series {
  Instrument* instrument = nullptr;
  std::vector<model::OwnedAttribute> attributes;
  std::atomic<const SeriesBinding*> binding;  // the last of them, or unbound_series
  std::vector<std::unique_ptr<const SeriesBinding>> bindings;
};

// What a handle has that is bound to nothing; and what leads nowhere, since the collector is
// disabled.
extern const InstrumentBinding unbound_instrument;
extern const InstrumentBinding instrument_to_nowhere;
extern const SeriesBinding unbound_series;
extern const SeriesBinding series_to_nowhere;

inline bool leads_nowhere(const Instrument& instrument) noexcept {
  return instrument.binding.load(std::memory_order_relaxed) == &instrument_to_nowhere;
}
inline bool leads_nowhere(const SeriesHandle& series) noexcept {
  return series.binding.load(std::memory_order_relaxed) == &series_to_nowhere;
}
inline void lead_nowhere(Instrument& instrument) noexcept {
  instrument.binding.store(&instrument_to_nowhere, std::memory_order_release);
}
inline void lead_nowhere(SeriesHandle& series) noexcept {
  series.binding.store(&series_to_nowhere, std::memory_order_release);
}

// Every handle. Under the registry's mutex, but for what says otherwise.
class Instruments {
 public:
  // The same spec gives the same handle. Throws std::bad_alloc.
  Result<Instrument*> make(Collector* collector, const forebay_instrument_spec& spec);
  SeriesHandle* make_series(Instrument& instrument, const forebay_attribute* attributes,
                            uint32_t count);
  void release(SeriesHandle* series) noexcept;

  // To this incarnation's store; false: no memory.
  static bool bind(Instrument& instrument, Incarnation& incarnation) noexcept;
  static bool bind(SeriesHandle& series, Incarnation& incarnation) noexcept;
  // Handles of that collector, or (null) of the process default, are bound anew at next use.
  void unbind(const Collector* collector) noexcept;
  // In a forked child, whose store is not the parent's: all handles are.
  void unbind_all() noexcept;

 private:
  std::unordered_map<std::string, std::unique_ptr<Instrument>> instruments_;
  std::unordered_set<SeriesHandle*> series_;
};

}  // namespace forebay::engine
