#include "encode/prometheus_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "encode/decimal_text.h"
#include "encode/prometheus_names.h"

namespace forebay::encode {
namespace {

constexpr std::string_view kInfinity = "+Inf";

// What the lines above a family's samples take, about.
constexpr size_t kMetadataBytes = 256;

// The forms that the formats have for what is no decimal number.
std::string_view special_text(double value) noexcept {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? kInfinity : "-Inf";
  return {};
}

// A bound as OpenMetrics has it, in both formats, so that a series keeps its labels when a server
// changes from one to the other: like Go's %g, and with `.0` where it would look like an integer.
std::string bound_text(double bound) {
  const std::string_view special = special_text(bound);
  if (!special.empty()) return std::string(special);
  char text[32];
  char* end = std::to_chars(text, text + sizeof text, bound, std::chars_format::general).ptr;
  std::string result(text, end);
  if (result.find_first_of(".e") == std::string::npos) result += ".0";
  return result;
}

}  // namespace

std::string_view prometheus_content_type(PrometheusFormat format) noexcept {
  return format == PrometheusFormat::kOpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

PrometheusText::PrometheusText(const model::Resource& resource, const PrometheusOptions& options)
    : options_(options) {
  if (!options_.has_target_info || resource.attributes.empty()) return;
  current_ = family_of("target", Type::kInfo, {});
  current_->help = "Target metadata";
  labels_.append(resource.attributes, point_labels_);
  current_->series.push_back({});
  put_name("_info");
  current_->lines.append(std::string_view("1\n"));
  current_ = nullptr;
}

// The text format has no infos: there they are gauges.
std::string_view PrometheusText::type_name(Type type) const noexcept {
  switch (type) {
    case Type::kCounter:
      return "counter";
    case Type::kHistogram:
      return "histogram";
    case Type::kInfo:
      return is_open_metrics() ? "info" : "gauge";
    case Type::kGauge:
      break;
  }
  return "gauge";
}

// The name in the metadata lines. In the text format the suffix of the samples belongs to it.
std::string PrometheusText::name_of(const Family& family) const {
  if (is_open_metrics()) return family.base;
  if (family.type == Type::kCounter) return family.base + "_total";
  return family.type == Type::kInfo ? family.base + "_info" : family.base;
}

std::vector<std::string> PrometheusText::sample_names(const Family& family) const {
  std::vector<std::string> names = {name_of(family)};
  const auto add = [&](std::string_view suffix) {
    names.push_back(family.base + std::string(suffix));
  };
  if (family.type == Type::kHistogram) {
    for (const std::string_view suffix : {"_bucket", "_sum", "_count"}) add(suffix);
  }
  if (is_open_metrics()) {
    if (family.type == Type::kCounter) add("_total");
    if (family.type == Type::kInfo) add("_info");
    if (family.type == Type::kCounter || family.type == Type::kHistogram) add("_created");
  }
  return names;
}

void PrometheusText::leave_out(std::string_view stream_name, std::string_view why) {
  ByteBuffer sentence;
  sentence.append(std::string_view("\""));
  append_escaped(stream_name, true, sentence);
  sentence.append(std::string_view("\" is left out: "));
  sentence.append(why);
  left_out_.push_back({std::string(stream_name), std::string(as_text(sentence.view()))});
}

// The family that a stream's points go to; null where they cannot go to any.
PrometheusText::Family* PrometheusText::family_of(std::string base, Type type,
                                                  std::string_view stream_name) {
  Family family;
  family.base = std::move(base);
  family.type = type;
  const std::string name = name_of(family);
  const auto known = by_name_.find(name);
  if (known != by_name_.end() && known->second->type == type) return known->second;
  const std::vector<std::string> samples = sample_names(family);
  for (const std::string& sample : samples) {
    const auto taken = by_sample_.find(sample);
    if (taken == by_sample_.end()) continue;
    leave_out(stream_name, sample + " belongs to the " +
                               std::string(type_name(taken->second->type)) + " " +
                               name_of(*taken->second));
    return nullptr;
  }
  Family* const made = &families_.emplace_back(std::move(family));
  by_name_.emplace(name, made);
  for (const std::string& sample : samples) by_sample_.emplace(sample, made);
  return made;
}

void PrometheusText::begin_stream(const model::MetricStream& stream) {
  current_ = nullptr;
  if (stream.kind != model::PointKind::kGauge && stream.temporality == model::Temporality::kDelta) {
    return leave_out(stream.name, "it counts in deltas");
  }
  PrometheusName name = prometheus_name(stream);
  if (name.base.empty()) return leave_out(stream.name, "nothing in its name can be written");
  Type type = Type::kGauge;
  if (stream.kind == model::PointKind::kSum) {
    if (stream.is_monotonic) type = Type::kCounter;
  } else if (stream.kind != model::PointKind::kGauge) {
    type = Type::kHistogram;
  }
  current_ = family_of(std::move(name.base), type, stream.name);
  if (current_ == nullptr) return;
  if (current_->streams++ != 0) current_->may_repeat = true;
  if (current_->unit.empty()) current_->unit = std::move(name.unit);
  if (current_->help.empty()) current_->help = stream.description;
  labels_.set_scope(options_.has_scope_labels ? stream.scope : nullptr);
}

void PrometheusText::begin_series(ByteView set, bool is_histogram, std::string_view first_suffix) {
  point_labels_.clear();
  if (!labels_.append(set, is_histogram, point_labels_)) current_->may_repeat = true;
  const size_t begin = current_->lines.size();
  current_->series.push_back(
      {begin, begin + current_->base.size() + first_suffix.size() + 1, point_labels_.size()});
}

// Of a sample: all that comes before its value. Copied through a bare pointer, as this is most of
// the text.
void PrometheusText::put_name(std::string_view suffix, std::string_view bound) {
  constexpr std::string_view kBoundHead = ",le=\"";
  const std::string_view labels = as_text(point_labels_.view());
  ByteBuffer& lines = current_->lines;
  uint8_t* const begin = lines.reserve(current_->base.size() + suffix.size() + labels.size() +
                                       kBoundHead.size() + bound.size() + 4);
  uint8_t* p = begin;
  const auto put = [&p](std::string_view text) {
    if (!text.empty()) std::memcpy(p, text.data(), text.size());
    p += text.size();
  };
  put(current_->base);
  put(suffix);
  if (!labels.empty() || !bound.empty()) {
    *p++ = '{';
    put(labels);
    if (!bound.empty()) {
      put(kBoundHead.substr(labels.empty() ? 1 : 0));
      put(bound);
      *p++ = '"';
    }
    *p++ = '}';
  }
  *p++ = ' ';
  lines.advance(static_cast<size_t>(p - begin));
}

void PrometheusText::put_value(double value) {
  const std::string_view special = special_text(value);
  if (special.empty()) {
    append_decimal(current_->lines, value);
  } else {
    current_->lines.append(special);
  }
  current_->lines.push_back('\n');
}

// Seconds, exact to the nanosecond.
void PrometheusText::put_created(WallTime start) {
  const int64_t since_epoch = start.time_since_epoch().count();
  if (!is_open_metrics() || since_epoch <= 0) return;
  constexpr int64_t kNanoseconds = 1'000'000'000;
  put_name("_created");
  append_decimal(current_->lines, since_epoch / kNanoseconds);
  const std::string fraction = std::to_string(kNanoseconds + since_epoch % kNanoseconds);
  current_->lines.push_back('.');
  const size_t last = fraction.find_last_not_of('0');
  current_->lines.append(std::string_view(fraction).substr(1, std::max<size_t>(last, 1)));
  current_->lines.push_back('\n');
}

void PrometheusText::add(const model::NumberPoint& point) {
  if (current_ == nullptr) return;
  const bool is_counter = current_->type == Type::kCounter;
  const bool is_count = point.is_integer ? point.integer >= 0 : point.real >= 0;
  if (is_counter && is_open_metrics() && !is_count) {
    ++current_->not_a_count;
    return;
  }
  const std::string_view suffix = is_counter ? "_total" : "";
  begin_series(point.attributes, false, suffix);
  put_name(suffix);
  if (point.is_integer) {
    append_decimal(current_->lines, point.integer);
    current_->lines.push_back('\n');
  } else {
    put_value(point.real);
  }
  if (is_counter) put_created(point.start);
}

// The points of a stream have the same bounds, as a rule.
void PrometheusText::use_bounds(std::span<const double> bounds) {
  if (std::ranges::equal(bounds, bounds_)) return;
  bounds_.assign(bounds.begin(), bounds.end());
  bound_texts_.clear();
  for (const double bound : bounds) bound_texts_.push_back(bound_text(bound));
}

void PrometheusText::add(const model::HistogramPoint& point) {
  if (current_ == nullptr) return;
  use_bounds(point.bounds);
  begin_series(point.attributes, true, "_bucket");
  uint64_t count = 0;
  for (size_t i = 0; i < point.bucket_counts.size(); ++i) {
    count += point.bucket_counts[i];
    if (i >= bound_texts_.size() || bound_texts_[i] == kInfinity) continue;
    put_name("_bucket", bound_texts_[i]);
    append_decimal(current_->lines, count);
    current_->lines.push_back('\n');
  }
  if (point.bucket_counts.empty()) count = point.count;
  const bool has_sum = point.has_sum && (point.bounds.empty() || point.bounds.front() >= 0);
  put_histogram(count, has_sum, point.sum, point.start);
}

void PrometheusText::add(const model::ExponentialHistogramPoint& point) {
  if (current_ == nullptr) return;
  current_->lacks_buckets = true;
  begin_series(point.attributes, true, "_bucket");
  put_histogram(point.count, point.has_sum, point.sum, point.start);
}

// What a histogram has besides the buckets with a bound.
void PrometheusText::put_histogram(uint64_t count, bool has_sum, double sum, WallTime start) {
  put_name("_bucket", kInfinity);
  append_decimal(current_->lines, count);
  current_->lines.push_back('\n');
  if (has_sum) {
    put_name("_sum");
    put_value(sum);
  }
  if (has_sum || !is_open_metrics()) {
    put_name("_count");
    append_decimal(current_->lines, count);
    current_->lines.push_back('\n');
  }
  put_created(start);
}

// Which series have the labels of an earlier one.
std::vector<bool> PrometheusText::find_repeated(const Family& family, uint64_t& count) const {
  const std::string_view lines = as_text(family.lines.view());
  const auto labels = [&](size_t i) {
    return lines.substr(family.series[i].labels_at, family.series[i].labels_size);
  };
  std::vector<size_t> order(family.series.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, labels);
  std::vector<bool> repeated(order.size());
  for (size_t k = 1; k < order.size(); ++k) {
    if (labels(order[k]) != labels(order[k - 1])) continue;
    repeated[order[k]] = true;
    ++count;
  }
  return repeated;
}

void PrometheusText::put_family(Family& family, ByteBuffer& out) {
  if (family.lines.empty()) return;
  const std::string name = name_of(family);
  const auto put_metadata = [&](std::string_view keyword, std::string_view text) {
    if (text.empty()) return;
    out.append(std::string_view("# "));
    out.append(keyword);
    out.push_back(' ');
    out.append(name);
    out.push_back(' ');
    append_escaped(text, is_open_metrics(), out);
    out.push_back('\n');
  };
  if (!is_open_metrics()) put_metadata("HELP", family.help);
  put_metadata("TYPE", type_name(family.type));
  if (is_open_metrics()) {
    put_metadata("UNIT", family.unit);
    put_metadata("HELP", family.help);
  }
  uint64_t count = 0;
  const std::vector<bool> repeated = family.may_repeat || labels_.is_ambiguous()
                                         ? find_repeated(family, count)
                                         : std::vector<bool>{};
  if (count == 0) return out.append(family.lines.view());
  left_out_.push_back({family.base, std::to_string(count) + " points of " + name +
                                        " are left out: their labels are those of an earlier one"});
  for (size_t i = 0; i != family.series.size(); ++i) {
    if (repeated[i]) continue;
    const size_t begin = family.series[i].begin;
    const size_t end =
        i + 1 == family.series.size() ? family.lines.size() : family.series[i + 1].begin;
    out.append(family.lines.view().subspan(begin, end - begin));
  }
}

void PrometheusText::finish(ByteBuffer& out) {
  current_ = nullptr;
  size_t bytes = 0;
  for (const Family& family : families_) bytes += family.lines.size() + kMetadataBytes;
  out.reserve(bytes);
  for (Family& family : families_) put_family(family, out);
  for (const Family& family : families_) {
    if (family.lacks_buckets) {
      left_out_.push_back({"", "the buckets of " + family.base +
                                   " are left out: text has none that are exponential"});
    }
    if (family.not_a_count != 0) {
      left_out_.push_back(
          {family.base, std::to_string(family.not_a_count) + " points of " + family.base +
                            " are left out: a counter is neither negative nor NaN"});
    }
  }
  if (is_open_metrics()) return out.append(std::string_view("# EOF\n"));
  for (const LeftOut& left_out : left_out_) {
    out.append(std::string_view("# forebay: "));
    out.append(left_out.sentence);
    out.push_back('\n');
  }
}

}  // namespace forebay::encode
