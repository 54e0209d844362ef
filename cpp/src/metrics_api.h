// The C ABI's functions about metrics: thin translations, as those in c_api.cc.
#pragma once
#include "forebay/c_api.h"

namespace forebay::engine {

int32_t api_instrument(forebay_collector* collector, const forebay_instrument_spec* spec,
                       forebay_instrument** instrument, forebay_text_visitor error, void* context);
int32_t api_record_int64(forebay_instrument* instrument, const forebay_attribute* attributes,
                         uint32_t count, int64_t value);
int32_t api_record_double(forebay_instrument* instrument, const forebay_attribute* attributes,
                          uint32_t count, double value);
forebay_series* api_series(forebay_instrument* instrument, const forebay_attribute* attributes,
                           uint32_t count);
void api_series_release(forebay_series* series);
int32_t api_series_record_int64(forebay_series* series, int64_t value);
int32_t api_series_record_double(forebay_series* series, double value);
int32_t api_observe(forebay_instrument* instrument, forebay_observe_callback callback,
                    void* context, forebay_observer** observer);
void api_observer_end(forebay_observer* observer);
int32_t api_observation_int64(forebay_observation* observation, const forebay_attribute* attributes,
                              uint32_t count, int64_t value);
int32_t api_observation_double(forebay_observation* observation,
                               const forebay_attribute* attributes, uint32_t count, double value);
void api_observation_end(forebay_observation* observation, uint32_t failures);
int32_t api_metrics_text(forebay_collector* collector, forebay_string format,
                         forebay_text_visitor visit, void* context);
void api_count_lost_measurements(int32_t outcome, uint64_t measurements);
int32_t api_publish_metrics(forebay_collector* collector);
int32_t api_send_metrics(forebay_collector* collector, forebay_string request);

}  // namespace forebay::engine
