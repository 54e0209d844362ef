#include "instruments.h"

#include <algorithm>
#include <new>

#include "base/diagnostics.h"
#include "collector.h"
#include "model/site.h"

namespace forebay::engine {
namespace {

using model::view;

constinit std::atomic<uint32_t> never{0};

std::vector<model::OwnedAttribute> owned(const forebay_attribute* attributes, uint32_t count) {
  std::vector<model::OwnedAttribute> owned;
  for (uint32_t i = 0; i < count; ++i) {
    owned.push_back({std::string(attributes[i].key, attributes[i].key_size),
                     model::OwnedValue::copy_of(attributes[i].value)});
  }
  return owned;
}

template <typename Handle, typename Binding>
void swap_in(Handle& handle, std::unique_ptr<Binding> made) {
  handle.bindings.push_back(std::move(made));
  handle.binding.store(handle.bindings.back().get(), std::memory_order_release);
}

// The binding to that incarnation which the handle had before something else was the default.
template <typename Handle>
bool bind_again(Handle& handle, const Incarnation& incarnation) noexcept {
  for (const auto& binding : handle.bindings) {
    if (binding->incarnation != &incarnation) continue;
    handle.binding.store(binding.get(), std::memory_order_release);
    return true;
  }
  return false;
}

}  // namespace

const InstrumentBinding unbound_instrument{&never, nullptr, {}};
const InstrumentBinding instrument_to_nowhere{&never, nullptr, {}};
const SeriesBinding unbound_series{&never, nullptr, {}, nullptr};
const SeriesBinding series_to_nowhere{&never, nullptr, {}, nullptr};

Result<Instrument*> Instruments::make(Collector* collector, const forebay_instrument_spec& given) {
  metrics::InstrumentSpec spec;
  spec.name = view(given.name);
  spec.unit = view(given.unit);
  spec.description = view(given.description);
  if (given.kind > FOREBAY_OBSERVABLE_GAUGE) {
    return Status::invalid("kind: " + std::to_string(given.kind) + " is not one of 0..6");
  }
  spec.kind = static_cast<metrics::InstrumentKind>(given.kind);
  spec.is_real = (given.flags & FOREBAY_INSTRUMENT_REAL) != 0;
  if (given.bounds != nullptr) {
    spec.advised_bounds.emplace(given.bounds, given.bounds + given.bound_count);
  }
  if (Status status = spec.validate(); !status) return status;
  spec.scope = &model::SiteRegistry::process().intern_scope(view(given.meter),
                                                            view(given.meter_version), {});
  const std::string key = std::to_string(reinterpret_cast<uintptr_t>(collector)) + "/" +
                          std::to_string(spec.scope->id) + "/" + std::to_string(given.kind) + "/" +
                          spec.unit + "/" + spec.name;
  if (const auto found = instruments_.find(key); found != instruments_.end()) {
    const metrics::InstrumentSpec& there = found->second->spec;
    if ((!spec.description.empty() && there.description != spec.description) ||
        (spec.advised_bounds && there.advised_bounds != spec.advised_bounds)) {
      warn_once("instrument_conflict", spec.name,
                "instrument '" + spec.name +
                    "' was made before with another description or other "
                    "buckets; the first ones hold");
    }
    return found->second.get();
  }
  auto made = std::make_unique<Instrument>();
  made->collector = collector;
  made->spec = std::move(spec);
  made->binding.store(&unbound_instrument, std::memory_order_relaxed);
  return instruments_.emplace(key, std::move(made)).first->second.get();
}

SeriesHandle* Instruments::make_series(Instrument& instrument, const forebay_attribute* attributes,
                                       uint32_t count) {
  auto made = std::make_unique<SeriesHandle>();
  made->instrument = &instrument;
  made->attributes = owned(attributes, count);
  made->binding.store(&unbound_series, std::memory_order_relaxed);
  series_.insert(made.get());
  return made.release();
}

void Instruments::release(SeriesHandle* series) noexcept {
  series_.erase(series);
  for (const auto& binding : series->bindings) {
    if (binding->incarnation->is_abandoned.load()) continue;
    for (metrics::Series* one : binding->series) one->stream->unbind(*one);
  }
  delete series;
}

bool Instruments::bind(Instrument& instrument, Incarnation& incarnation) noexcept try {
  metrics::Store& store = *incarnation.pipeline->metrics_store();
  if (bind_again(instrument, incarnation)) return true;
  metrics::Instrument& there = store.instrument(instrument.spec);
  if (there.is_conflicting) {
    warn_once("instrument_kind", instrument.spec.name,
              "two instruments are called '" + instrument.spec.name +
                  "', with another kind or unit: both report, and a receiver may refuse one; "
                  "rename one, or have a view do it");
  }
  auto made = std::make_unique<InstrumentBinding>();
  made->phase = &store.phase();
  made->incarnation = &incarnation;
  for (const auto& stream : there.streams) made->streams.push_back(stream.get());
  swap_in(instrument, std::move(made));
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

bool Instruments::bind(SeriesHandle& handle, Incarnation& incarnation) noexcept try {
  if (bind_again(handle, incarnation)) return true;
  if (!bind(*handle.instrument, incarnation)) return false;
  const InstrumentBinding& instrument = *handle.instrument->binding.load(std::memory_order_relaxed);
  std::vector<forebay_attribute> attributes;
  for (const model::OwnedAttribute& attribute : handle.attributes) {
    forebay_attribute& cell = attributes.emplace_back();
    cell.key = attribute.key.data();
    cell.key_size = static_cast<uint32_t>(attribute.key.size());
    cell.value = attribute.value.cell();
  }
  auto made = std::make_unique<SeriesBinding>();
  made->phase = instrument.phase;
  made->incarnation = &incarnation;
  made->series.reserve(instrument.streams.size());
  for (metrics::Stream* stream : instrument.streams) {
    made->series.push_back(
        stream->bind(stream->key(attributes.data(), static_cast<uint32_t>(attributes.size()))));
  }
  if (made->series.size() == 1) made->only = made->series[0];
  swap_in(handle, std::move(made));
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

void Instruments::unbind(const Collector* collector) noexcept {
  for (const auto& [key, instrument] : instruments_) {
    if (instrument->collector != collector) continue;
    instrument->binding.store(&unbound_instrument, std::memory_order_release);
  }
  for (SeriesHandle* series : series_) {
    if (series->instrument->collector != collector) continue;
    series->binding.store(&unbound_series, std::memory_order_release);
  }
}

void Instruments::unbind_all() noexcept {
  for (const auto& [key, instrument] : instruments_) {
    instrument->binding.store(&unbound_instrument, std::memory_order_relaxed);
  }
  for (SeriesHandle* series : series_) {
    series->binding.store(&unbound_series, std::memory_order_relaxed);
  }
}

}  // namespace forebay::engine
