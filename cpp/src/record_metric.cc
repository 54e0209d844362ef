// The way of a measurement from the C ABI to its series: what the application waits for. The
// functions of the ABI's table are here, with nothing between.
//
// A thread that is bound to the store that the handle is bound to needs nothing else: both name the
// store by its phase. Anything else is the slow way, which binds what is not bound, and comes
// again.
#include <algorithm>
#include <new>

#include "collector.h"
#include "instruments.h"
#include "metrics_api.h"

namespace forebay::engine {
namespace {

using metrics::Outcome;

// Counts what was not taken.
inline int32_t settled(Outcome outcome, metrics::Writer& writer) noexcept {
  if (outcome == Outcome::kTaken) [[likely]]
    return FOREBAY_ACCEPTED;
  count(outcome, writer);
  return outcome == Outcome::kInvalid ? FOREBAY_INVALID_MEASUREMENT : FOREBAY_DROPPED_MEMORY;
}

uint64_t ticks_for(const metrics::Series& series, const metrics::Store& store) noexcept {
  return series.aggregation == metrics::Aggregation::kLastValue ? store.ticks().now() : 0;
}

template <typename Value>
[[gnu::always_inline]] inline Outcome into(metrics::Series& series, metrics::Writer& writer,
                                           const metrics::Store& store, uint32_t phase,
                                           Value value) noexcept {
  return metrics::record(series, writer, phase - 1, value, ticks_for(series, store));
}

// Inside: FOREBAY_* or, where the store was closed meanwhile, FOREBAY_WOULD_BLOCK.
template <typename Value>
[[gnu::always_inline]] inline int32_t record_inside(const SeriesBinding& binding,
                                                    metrics::Writer& writer,
                                                    const metrics::Store& store,
                                                    Value value) noexcept {
  const uint32_t phase = binding.phase->load(std::memory_order_acquire);
  if (phase == 0) [[unlikely]]
    return FOREBAY_WOULD_BLOCK;
  if (binding.only != nullptr) [[likely]]
    return settled(into(*binding.only, writer, store, phase, value), writer);
  Outcome worst = Outcome::kTaken;
  for (metrics::Series* series : binding.series) {
    worst = std::max(worst, into(*series, writer, store, phase, value));
  }
  return settled(worst, writer);
}

template <typename Value>
int32_t record_inside(const InstrumentBinding& binding, metrics::Writer& writer,
                      const metrics::Store& store, const forebay_attribute* attributes,
                      uint32_t count, Value value) noexcept try {
  const uint32_t phase = binding.phase->load(std::memory_order_acquire);
  if (phase == 0) return FOREBAY_WOULD_BLOCK;
  Outcome worst = Outcome::kTaken;
  for (metrics::Stream* stream : binding.streams) {
    metrics::Series& series = *stream->find(stream->key(attributes, count));
    worst = std::max(worst, into(series, writer, store, phase, value));
  }
  return settled(worst, writer);
} catch (const std::bad_alloc&) {
  metrics::Writer::count(writer.out_of_memory);
  return FOREBAY_DROPPED_MEMORY;
}

// A thread that is past its own end, or has no memory to be remembered with: a writer for once.
template <typename Record>
int32_t record_once(Incarnation& incarnation, Record record) noexcept {
  metrics::Store& store = *incarnation.pipeline->metrics_store();
  metrics::Writer* const writer = store.writers().lease();
  if (writer == nullptr) {
    incarnation.pipeline->ledger().note(account::NoteName::kMeasurementsMemory);
    return FOREBAY_DROPPED_MEMORY;
  }
  writer->enter();
  const int32_t outcome = record(*writer, store);
  writer->leave();
  store.writers().give_back(writer);
  return outcome;
}

// Binds the handle and the thread. `record` is what is to be done inside.
template <typename Handle, typename Record>
[[gnu::noinline]] int32_t record_first(Handle& handle, Record record) noexcept {
  if (leads_nowhere(handle)) return FOREBAY_DISABLED;
  int32_t outcome = FOREBAY_WOULD_BLOCK;
  // Between the binding and the record the collector may be shut down, or another become the
  // default: then it is asked once more, and whoever refuses also counts.
  while (outcome == FOREBAY_WOULD_BLOCK) {
    Incarnation* incarnation = nullptr;
    const int32_t bound = Registry::process().bind_metric(handle, incarnation);
    if (bound != FOREBAY_ACCEPTED) return bound;
    metrics::Store& store = *incarnation->pipeline->metrics_store();
    ThreadBinding* const thread = bind_thread(*incarnation);
    metrics::Writer* const writer = thread != nullptr ? thread->need_metrics_writer() : nullptr;
    if (writer == nullptr) {
      outcome = record_once(*incarnation, record);
      continue;
    }
    writer->enter();
    outcome = record(*writer, store);
    writer->leave();
  }
  return outcome;
}

// All but what record() does at once.
template <typename Value>
[[gnu::noinline]] int32_t record_otherwise(SeriesHandle& handle, Value value) noexcept {
  const SeriesBinding* const binding = handle.binding.load(std::memory_order_acquire);
  ThreadBinding* const thread = current_binding;
  if (thread != nullptr && thread->metrics_phase == binding->phase) {
    metrics::Writer& writer = *thread->metrics_writer;
    writer.enter();
    const int32_t outcome = record_inside(*binding, writer, *thread->metrics_store, value);
    writer.leave();
    if (outcome != FOREBAY_WOULD_BLOCK) return outcome;
  }
  return record_first(handle, [&](metrics::Writer& writer, const metrics::Store& store) {
    // Another collector may be the default by now: the writer is not of its store.
    const SeriesBinding& bound = *handle.binding.load(std::memory_order_acquire);
    if (bound.phase != &store.phase()) return int32_t{FOREBAY_WOULD_BLOCK};
    return record_inside(bound, writer, store, value);
  });
}

// A counter's way calls nothing: what is otherwise is a function of its own. And it asks for
// everything before it enters, since what it asked for is not kept beyond a fence.
template <typename Value>
[[gnu::always_inline]] inline int32_t record(SeriesHandle& handle, Value value) noexcept {
  const SeriesBinding* const binding = handle.binding.load(std::memory_order_acquire);
  const std::atomic<uint32_t>* const phase_word = binding->phase;
  metrics::Series* const series = binding->only;
  ThreadBinding* const thread = current_binding;
  if (thread != nullptr && thread->metrics_phase == phase_word && series != nullptr &&
      series->aggregation == metrics::Aggregation::kSum) [[likely]] {
    metrics::Writer& writer = *thread->metrics_writer;
    const uint64_t inside = writer.enter();
    const uint32_t phase = phase_word->load(std::memory_order_acquire);
    const bool taken = phase != 0 && metrics::add_at_once(*series, writer, phase - 1, value);
    writer.leave(inside);
    if (taken) [[likely]]
      return FOREBAY_ACCEPTED;
  }
  return record_otherwise(handle, value);
}

template <typename Value>
int32_t record(Instrument& instrument, const forebay_attribute* attributes, uint32_t count,
               Value value) noexcept {
  const InstrumentBinding* const binding = instrument.binding.load(std::memory_order_acquire);
  ThreadBinding* const thread = current_binding;
  if (thread != nullptr && thread->metrics_phase == binding->phase) [[likely]] {
    metrics::Writer& writer = *thread->metrics_writer;
    writer.enter();
    const int32_t outcome =
        record_inside(*binding, writer, *thread->metrics_store, attributes, count, value);
    writer.leave();
    if (outcome != FOREBAY_WOULD_BLOCK) [[likely]]
      return outcome;
  }
  return record_first(instrument, [&](metrics::Writer& writer, const metrics::Store& store) {
    const InstrumentBinding& bound = *instrument.binding.load(std::memory_order_acquire);
    if (bound.phase != &store.phase()) return int32_t{FOREBAY_WOULD_BLOCK};
    return record_inside(bound, writer, store, attributes, count, value);
  });
}

}  // namespace

// -- the C ABI's own --

int32_t api_record_int64(forebay_instrument* instrument, const forebay_attribute* attributes,
                         uint32_t count, int64_t value) {
  return record(*static_cast<Instrument*>(instrument), attributes, count, value);
}

int32_t api_record_double(forebay_instrument* instrument, const forebay_attribute* attributes,
                          uint32_t count, double value) {
  return record(*static_cast<Instrument*>(instrument), attributes, count, value);
}

int32_t api_series_record_int64(forebay_series* series, int64_t value) {
  return record(*static_cast<SeriesHandle*>(series), value);
}

int32_t api_series_record_double(forebay_series* series, double value) {
  return record(*static_cast<SeriesHandle*>(series), value);
}

}  // namespace forebay::engine
