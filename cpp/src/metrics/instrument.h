// What an instrument is, and what views make of it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "metrics/exponential_histogram.h"
#include "model/metric_points.h"
#include "model/value.h"

namespace forebay::metrics {

enum class InstrumentKind : uint8_t {
  kCounter,
  kUpDownCounter,
  kGauge,
  kHistogram,
  kObservableCounter,
  kObservableUpDownCounter,
  kObservableGauge,
};
constexpr bool is_observable(InstrumentKind kind) noexcept {
  return kind >= InstrumentKind::kObservableCounter;
}
std::string_view kind_name(InstrumentKind kind) noexcept;  // "counter", "up_down_counter", ...

enum class Aggregation : uint8_t {
  kSum,
  kLastValue,
  kHistogram,  // explicit buckets
  kExponentialHistogram,
};

// Upper bounds of OpenTelemetry's default, each belongs to its bucket.
std::vector<double> default_bounds();
// Names the field, its value and the range: finite, rising, at most 256.
Status validate_bounds(const std::string& field, const std::vector<double>& bounds);

struct InstrumentSpec {
  std::string name;  // a letter, then letters, digits and _ . - /: 1..255 in all; case is no matter
  std::string unit;  // UCUM, at most 63 ASCII characters
  std::string description;
  InstrumentKind kind = InstrumentKind::kCounter;
  const model::Scope* scope = nullptr;  // interned; never null
  bool is_real = false;  // its points are floating point numbers also where all values are whole
  // What the author of a histogram advises; a view that says otherwise wins.
  std::optional<std::vector<double>> advised_bounds;

  [[nodiscard]] Status validate() const;  // names the field, its value and the range
};

// What is to be made of the instruments that it selects. All of them that select an instrument
// hold: each makes a stream of it. Where none does, it has one stream as it is.
struct View {
  // -- which instruments --
  std::string instrument = "*";  // its name; * stands for any characters, ? for one
  std::string meter = "*";       // the name of its scope
  std::optional<InstrumentKind> kind;
  // -- what is made of them --
  bool is_dropped = false;
  std::string name;         // empty: the instrument's
  std::string description;  // empty: the instrument's
  // Only these attributes are kept; what they told apart is added up.
  std::optional<std::vector<std::string>> keep_attributes;
  std::vector<std::string> drop_attributes;
  std::optional<Aggregation> aggregation;
  // Of kHistogram; of a histogram they mean that, where `aggregation` says nothing.
  std::optional<std::vector<double>> bounds;
  uint32_t max_buckets = kDefaultMaxBuckets;  // of kExponentialHistogram, each sign: 2..1024
  uint32_t cardinality_limit = 0;             // 0: the store's

  [[nodiscard]] bool selects(const InstrumentSpec& instrument) const noexcept;
  // `at`: where it stands, such as "metrics.views[0]".
  [[nodiscard]] Status validate(const std::string& at) const;
};

// What OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE says.
enum class TemporalityPreference : uint8_t { kCumulative, kDelta, kLowMemory };
model::Temporality temporality_of(InstrumentKind kind, TemporalityPreference preference) noexcept;

// One stream of an instrument: the instrument seen through a view.
struct StreamOptions {
  std::string name;
  std::string description;
  std::string unit;
  const model::Scope* scope = nullptr;
  InstrumentKind kind = InstrumentKind::kCounter;
  bool is_real = false;
  Aggregation aggregation = Aggregation::kSum;
  model::Temporality temporality = model::Temporality::kCumulative;
  std::vector<double> bounds;
  uint32_t max_buckets = kDefaultMaxBuckets;
  uint32_t cardinality_limit = 0;
  std::optional<std::vector<std::string>> keep_attributes;  // sorted
  std::vector<std::string> drop_attributes;                 // sorted

  [[nodiscard]] bool filters_attributes() const noexcept {
    return keep_attributes.has_value() || !drop_attributes.empty();
  }
  [[nodiscard]] bool keeps(std::string_view attribute) const noexcept;
  [[nodiscard]] bool is_monotonic() const noexcept {
    return kind == InstrumentKind::kCounter || kind == InstrumentKind::kObservableCounter ||
           kind == InstrumentKind::kHistogram;
  }
};

struct Defaults {
  TemporalityPreference temporality = TemporalityPreference::kCumulative;
  Aggregation histogram = Aggregation::kHistogram;  // or kExponentialHistogram
  uint32_t cardinality_limit = 2000;
  std::vector<View> views;
};
std::vector<StreamOptions> streams_of(const InstrumentSpec& instrument, const Defaults& defaults);

}  // namespace forebay::metrics
