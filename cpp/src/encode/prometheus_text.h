// Metrics as the text that a Prometheus server scrapes.
//
// Sources: the Prometheus text format 0.0.4; OpenMetrics 1.0; OpenTelemetry specification,
// "Prometheus and OpenMetrics compatibility", v1.60.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "encode/prometheus_labels.h"
#include "model/metric_points.h"
#include "model/value.h"

namespace forebay::encode {

enum class PrometheusFormat : uint8_t { kText, kOpenMetrics };

// The Content-Type of an answer in that format.
std::string_view prometheus_content_type(PrometheusFormat format) noexcept;

struct PrometheusOptions {
  PrometheusFormat format = PrometheusFormat::kText;
  // Whether points have their scope's name, version and attributes as labels `otel_scope_*`.
  // Without them, two scopes that count by the same name and labels collide.
  bool has_scope_labels = true;
  // Whether the resource is shown, as the labels of `target_info`.
  bool has_target_info = true;
};

// Writes a collection. It must be one of cumulative points.
//
// A monotonic sum is a counter and has `_total`; any other sum is a gauge. Names and labels are as
// prometheus_names.h and prometheus_labels.h say. Streams that come to one name and type are one
// family; its first description that is not empty is its HELP. Samples have no timestamps.
// `_created`, the start time, is in OpenMetrics alone, in seconds.
//
// What the formats cannot say:
//   - Exponential buckets. Text has no native histograms, and buckets with an `le` each would not
//     be sound: the bounds move when the scale does, and a series whose `le` comes or goes breaks
//     rate() and histogram_quantile() without a sign. Such a histogram has its count and its sum,
//     as one of the single bucket `+Inf`. Its buckets go by OTLP; or let a view give it bounds.
//   - min and max of histograms: left out.
//   - A sum where values or bounds may be negative: left out, as it may fall. OpenMetrics then
//     forbids the count as well; it is that of the bucket `+Inf`.
//   - Two types of one name, or a name that is a sample's of another family: the first that came
//     holds, the later stream is left out.
//   - Two points of one name and equal labels: the first that came holds.
//   - In OpenMetrics, a counter that is negative or NaN: that point is left out. Deltas, likewise.
//   - A name without any letter, digit or colon: the stream is left out.
// Of what is left out against a user's will (all but min, max and sum) left_out() has a sentence;
// the text format has it in a comment line, `# forebay: ...`. OpenMetrics allows no comments.
//
// Throws only std::bad_alloc; after that only the destructor may be called. Not thread-safe. A
// stream's texts are read in begin_stream() alone, but for its scope, which must live until the
// next one.
class PrometheusText final : public model::MetricSink {
 public:
  PrometheusText(const model::Resource& resource, const PrometheusOptions& options);

  void begin_stream(const model::MetricStream& stream) override;
  void add(const model::NumberPoint& point) override;
  void add(const model::HistogramPoint& point) override;
  void add(const model::ExponentialHistogramPoint& point) override;

  // Appends the text of the collection. Once.
  void finish(ByteBuffer& out);

  struct LeftOut {
    std::string name;      // whose it is, in both formats; none: it is of the format, not of a name
    std::string sentence;  // in UTF-8 and without line feeds
  };
  // After finish().
  [[nodiscard]] const std::vector<LeftOut>& left_out() const noexcept { return left_out_; }

 private:
  enum class Type : uint8_t { kGauge, kCounter, kHistogram, kInfo };
  // One point's lines: they begin at `begin`, and its labels are at `labels_at`.
  struct Series {
    size_t begin;
    size_t labels_at;
    size_t labels_size;
  };
  struct Family {
    std::string base;  // what samples' names begin with
    Type type = Type::kGauge;
    std::string unit;
    std::string help;
    uint32_t streams = 0;
    bool may_repeat = false;  // labels may be those of another point
    bool lacks_buckets = false;
    uint64_t not_a_count = 0;  // points that no counter can have
    ByteBuffer lines;
    std::vector<Series> series;
  };

  [[nodiscard]] bool is_open_metrics() const noexcept {
    return options_.format == PrometheusFormat::kOpenMetrics;
  }
  [[nodiscard]] std::string name_of(const Family& family) const;
  [[nodiscard]] std::vector<std::string> sample_names(const Family& family) const;
  [[nodiscard]] std::string_view type_name(Type type) const noexcept;

  Family* family_of(std::string base, Type type, std::string_view stream_name);
  void leave_out(std::string_view stream_name, std::string_view why);
  void begin_series(ByteView set, bool is_histogram, std::string_view first_suffix);
  void put_name(std::string_view suffix, std::string_view bound = {});
  void put_value(double value);
  void put_created(WallTime start);
  void put_histogram(uint64_t count, bool has_sum, double sum, WallTime start);
  void use_bounds(std::span<const double> bounds);
  void put_family(Family& family, ByteBuffer& out);
  std::vector<bool> find_repeated(const Family& family, uint64_t& count) const;

  const PrometheusOptions options_;
  PrometheusLabels labels_;
  std::deque<Family> families_;               // in the order they came
  std::map<std::string, Family*> by_name_;    // as in their TYPE lines
  std::map<std::string, Family*> by_sample_;  // each name that a line may begin with
  std::vector<LeftOut> left_out_;
  Family* current_ = nullptr;  // null: the stream is left out
  std::vector<double> bounds_;
  std::vector<std::string> bound_texts_;
  ByteBuffer point_labels_;
};

}  // namespace forebay::encode
