// How metrics are collected, and views: what is made of which instrument. What is not given has the
// core's default; docs/options.md has the ranges.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace forebay {
inline namespace v1 {

enum class InstrumentKind : uint8_t {
  kCounter,
  kUpDownCounter,
  kGauge,
  kHistogram,
  kObservableCounter,
  kObservableUpDownCounter,
  kObservableGauge,
};

// kCumulative: since each series began. kDelta: since the collection before, but for up-down
// counters. kLowMemory: delta for counters and histograms that are not observable.
enum class Temporality : uint8_t { kCumulative, kDelta, kLowMemory };

// What a histogram is where no view says it.
enum class HistogramKind : uint8_t { kExplicit, kExponential };

// A name, attributes, an aggregation for the instruments that it selects. An instrument that
// several views select gives a metric for each; one that none selects is reported as it is.
struct View {
  enum class Aggregation : uint8_t {
    kDefault,  // what the instrument says
    kDrop,
    kSum,
    kLastValue,
    kExplicit,
    kExponential,
  };

  // -- which instruments: all that is given must fit --
  std::string instrument = "*";             // * stands for any characters, ? for one
  std::string meter = "*";                  // a pattern too. Empty: those without one
  std::optional<InstrumentKind> kind = {};  // default: any
  // -- what is made of them --
  std::string name = {};  // only where `instrument` is one name
  std::string description = {};
  Aggregation aggregation = Aggregation::kDefault;
  std::optional<std::vector<double>> buckets = {};  // rising; at most 256. Empty: count and sum
  std::optional<uint32_t> max_buckets = {};         // exponential, each sign. 2..1024. Default: 160
  std::optional<uint32_t> cardinality_limit = {};   // most series. 1..1,000,000
  // Only these attributes tell series apart. Default: all. What others told apart is added up.
  std::optional<std::vector<std::string>> keep_attributes = {};
  std::vector<std::string> drop_attributes = {};  // these do not
};

struct MetricsOptions {
  std::optional<std::chrono::nanoseconds> interval = {};          // default: 60 s
  std::optional<std::chrono::nanoseconds> callback_timeout = {};  // default: 5 s, or the interval
  Temporality temporality = Temporality::kCumulative;
  HistogramKind histogram = HistogramKind::kExplicit;
  std::optional<uint32_t> cardinality_limit = {};        // of each instrument. Default: 2,000
  std::optional<uint64_t> max_bytes = {};                // of all series; see docs/options.md
  std::optional<uint32_t> max_batch_points = {};         // default: 8,192
  std::optional<double> backlog_share = {};              // 0..1. Default: 0.1; see docs/options.md
  std::optional<std::chrono::nanoseconds> max_age = {};  // older points expire. Default: never
  // Whether Forebay's own metrics are sent. Default: once there is another instrument.
  std::optional<bool> self_metrics = {};
  std::vector<View> views = {};
};

}  // namespace v1
}  // namespace forebay
