// OpenTelemetry's names as Prometheus has them.
//
// Source: OpenTelemetry specification, "Prometheus and OpenMetrics compatibility", v1.60. Where it
// leaves a choice, ours is what Prometheus itself does with the same name when it comes by OTLP, so
// that a metric is called the same on both ways.
#pragma once
#include <string>
#include <string_view>

#include "model/metric_points.h"

namespace forebay::encode {

struct PrometheusName {
  // Without `_total`. Empty: nothing in the name can be written.
  std::string base;
  // In words: `seconds`, `bytes_per_second`. Empty where there is none, or where `base` does not
  // end in it.
  std::string unit;
};

// What is not a letter, a digit, `_` or `:` becomes `_`, several of these one; the unit is the last
// word, once; and a name does not start with a digit. Of a gauge without dimension (`1`) the unit
// is `ratio`.
PrometheusName prometheus_name(const model::MetricStream& stream);

// `s` is `seconds`, `By/s` `bytes_per_second`; what is in braces is none. A unit that is not known
// stays as it is, as far as it can be written.
std::string prometheus_unit(std::string_view unit);

// `http.route` is `http_route`. A label name that would start with a digit or with `_`, which
// OpenMetrics reserves, has `key` before it.
std::string prometheus_label(std::string_view key);

}  // namespace forebay::encode
