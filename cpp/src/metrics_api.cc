#include "metrics_api.h"

#include <new>

#include "collector_handle.h"
#include "instruments.h"
#include "observation.h"

namespace forebay::engine {

int32_t api_instrument(forebay_collector* collector, const forebay_instrument_spec* spec,
                       forebay_instrument** instrument, forebay_text_visitor error,
                       void* context) try {
  auto made = Registry::process().instrument(unwrap(collector), *spec);
  if (!made) {
    const std::string message = made.status().message();
    if (error != nullptr) error(context, message.data(), message.size());
    return FOREBAY_INVALID_ARGUMENT;
  }
  *instrument = *made;
  return FOREBAY_OK;
} catch (const std::bad_alloc&) {
  return FOREBAY_UNAVAILABLE;
}

forebay_series* api_series(forebay_instrument* instrument, const forebay_attribute* attributes,
                           uint32_t count) {
  return Registry::process().series(*static_cast<Instrument*>(instrument), attributes, count);
}

void api_series_release(forebay_series* series) {
  Registry::process().release(static_cast<SeriesHandle*>(series));
}

int32_t api_observe(forebay_instrument* instrument, forebay_observe_callback callback,
                    void* context, forebay_observer** observer) try {
  auto& handle = *static_cast<Instrument*>(instrument);
  if (!metrics::is_observable(handle.spec.kind)) return FOREBAY_INVALID_ARGUMENT;
  *observer = Registry::process().observe(handle, callback, context);
  return FOREBAY_OK;
} catch (const std::bad_alloc&) {
  return FOREBAY_UNAVAILABLE;
}

void api_observer_end(forebay_observer* observer) {
  auto& handle = *static_cast<ObserverHandle*>(observer);
  const std::lock_guard lock(handle.calling);
  handle.has_ended = true;
}

int32_t api_observation_int64(forebay_observation* observation, const forebay_attribute* attributes,
                              uint32_t count, int64_t value) {
  return observe(*static_cast<Observation*>(observation), attributes, count,
                 metrics::Measure::of(value));
}

int32_t api_observation_double(forebay_observation* observation,
                               const forebay_attribute* attributes, uint32_t count, double value) {
  return observe(*static_cast<Observation*>(observation), attributes, count,
                 metrics::Measure::of(value));
}

void api_observation_end(forebay_observation* observation, uint32_t failures) {
  end_observation(static_cast<Observation*>(observation), failures);
}

int32_t api_metrics_text(forebay_collector* collector, forebay_string format,
                         forebay_text_visitor visit, void* context) try {
  const std::string_view name{format.data == nullptr ? "" : format.data, format.size};
  if (name != "prometheus" && name != "openmetrics") return FOREBAY_INVALID_ARGUMENT;
  std::string text;
  const int32_t outcome = unwrap(collector)->metrics_text(name == "openmetrics", text);
  if (outcome == FOREBAY_OK) visit(context, text.data(), text.size());
  return outcome;
} catch (const std::bad_alloc&) {
  return FOREBAY_UNAVAILABLE;
}

void api_count_lost_measurements(int32_t outcome, uint64_t measurements) {
  Registry::process().count_lost_measurements(outcome == FOREBAY_DROPPED_MEMORY
                                                  ? account::NoteName::kMeasurementsMemory
                                                  : account::NoteName::kMeasurementsNotStarted,
                                              measurements);
}

int32_t api_publish_metrics(forebay_collector* collector) {
  return unwrap(collector)->publish_metrics();
}

int32_t api_send_metrics(forebay_collector* collector, forebay_string request) {
  return Registry::process().send_metrics(collector == nullptr ? nullptr : unwrap(collector),
                                          {request.data, request.size});
}

}  // namespace forebay::engine
