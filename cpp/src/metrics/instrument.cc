#include "metrics/instrument.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/diagnostics.h"

namespace forebay::metrics {
namespace {

constexpr size_t kMostBounds = 256;
constexpr std::array<std::string_view, 7> kKindNames = {
    "counter",          "up_down_counter",    "gauge",
    "histogram",        "observable_counter", "observable_up_down_counter",
    "observable_gauge",
};

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_name_character(char c) noexcept {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == '/';
}
char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// * stands for any characters, ? for one; case is no matter.
bool matches(std::string_view pattern, std::string_view text) noexcept {
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || lower(pattern[p]) == lower(text[t]))) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Aggregation default_aggregation(InstrumentKind kind, const Defaults& defaults) noexcept {
  switch (kind) {
    case InstrumentKind::kHistogram:
      return defaults.histogram;
    case InstrumentKind::kGauge:
    case InstrumentKind::kObservableGauge:
      return Aggregation::kLastValue;
    default:
      return Aggregation::kSum;
  }
}

// A sum of observations is what was observed; other instruments take what the view says, but for
// what would mean nothing.
bool suits(InstrumentKind kind, Aggregation aggregation) noexcept {
  if (is_observable(kind) || kind == InstrumentKind::kGauge) {
    return aggregation == Aggregation::kLastValue ||
           (aggregation == Aggregation::kSum && kind != InstrumentKind::kGauge &&
            kind != InstrumentKind::kObservableGauge);
  }
  return aggregation != Aggregation::kLastValue;
}

StreamOptions stream_of(const InstrumentSpec& instrument, const Defaults& defaults,
                        const View* view) {
  StreamOptions stream;
  stream.name = view != nullptr && !view->name.empty() ? view->name : instrument.name;
  stream.description =
      view != nullptr && !view->description.empty() ? view->description : instrument.description;
  stream.unit = instrument.unit;
  stream.scope = instrument.scope;
  stream.kind = instrument.kind;
  stream.is_real = instrument.is_real;
  stream.aggregation = default_aggregation(instrument.kind, defaults);
  stream.temporality = temporality_of(instrument.kind, defaults.temporality);
  stream.bounds = instrument.advised_bounds.value_or(default_bounds());
  stream.cardinality_limit = defaults.cardinality_limit;
  if (view == nullptr) return stream;
  if (view->aggregation && suits(instrument.kind, *view->aggregation)) {
    stream.aggregation = *view->aggregation;
  } else if (view->aggregation) {
    // Each is told, and not again for each collector and each child.
    warn_once("view_aggregation", instrument.name,
              "a view of " + std::string(kind_name(instrument.kind)) + " '" + instrument.name +
                  "' asks for an aggregation that it cannot have; it keeps its own");
  } else if (view->bounds && instrument.kind == InstrumentKind::kHistogram) {
    stream.aggregation = Aggregation::kHistogram;  // they are of no other
  }
  if (view->bounds) stream.bounds = *view->bounds;
  stream.max_buckets = view->max_buckets;
  if (view->cardinality_limit != 0) stream.cardinality_limit = view->cardinality_limit;
  stream.keep_attributes = view->keep_attributes;
  if (stream.keep_attributes) std::ranges::sort(*stream.keep_attributes);
  stream.drop_attributes = view->drop_attributes;
  std::ranges::sort(stream.drop_attributes);
  return stream;
}

}  // namespace

std::string_view kind_name(InstrumentKind kind) noexcept {
  return kKindNames[static_cast<size_t>(kind)];
}

std::vector<double> default_bounds() {
  return {0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000};
}

Status validate_bounds(const std::string& field, const std::vector<double>& bounds) {
  if (bounds.size() > kMostBounds) {
    return Status::invalid(field + ": " + std::to_string(bounds.size()) + " bounds are over " +
                           std::to_string(kMostBounds));
  }
  for (size_t i = 0; i < bounds.size(); ++i) {
    const std::string at = field + "[" + std::to_string(i) + "]: " + std::to_string(bounds[i]);
    if (!std::isfinite(bounds[i])) return Status::invalid(at + " is not finite");
    if (i != 0 && bounds[i] <= bounds[i - 1]) {
      return Status::invalid(at + " is not above the one before");
    }
  }
  return {};
}

Status InstrumentSpec::validate() const {
  const bool is_good = !name.empty() && name.size() <= 255 && is_letter(name[0]) &&
                       std::ranges::all_of(name, is_name_character);
  if (!is_good) {
    return Status::invalid("name: '" + name +
                           "' is not a letter and then letters, digits and _ . - /, at most 255");
  }
  const bool is_ascii = std::ranges::all_of(unit, [](char c) { return c > 31 && c < 127; });
  if (unit.size() > 63 || !is_ascii) {
    return Status::invalid("unit: '" + unit + "' is not at most 63 characters of ASCII");
  }
  return advised_bounds ? validate_bounds("buckets", *advised_bounds) : Status{};
}

bool View::selects(const InstrumentSpec& spec) const noexcept {
  return (!kind || *kind == spec.kind) && matches(instrument, spec.name) &&
         matches(meter, spec.scope->name);
}

Status View::validate(const std::string& at) const {
  if (instrument.empty()) return Status::invalid(at + ".instrument: '' is no name or pattern");
  if (!name.empty()) {
    InstrumentSpec renamed;
    renamed.name = name;
    if (Status status = renamed.validate(); !status) {
      return Status::invalid(at + "." + status.message());
    }
    if (instrument.find_first_of("*?") != std::string::npos) {
      return Status::invalid(at + ".name: '" + name + "' would be the name of every instrument " +
                             "that '" + instrument + "' selects");
    }
  }
  if (max_buckets < 2 || max_buckets > 1024) {
    return Status::invalid(at + ".max_buckets: " + std::to_string(max_buckets) +
                           " is not in 2..1024");
  }
  if (cardinality_limit > 1'000'000) {
    return Status::invalid(at + ".cardinality_limit: " + std::to_string(cardinality_limit) +
                           " is not in 0..1000000");
  }
  if (bounds && aggregation && *aggregation != Aggregation::kHistogram) {
    return Status::invalid(at + ".buckets: are given, and the aggregation is not 'explicit'");
  }
  return bounds ? validate_bounds(at + ".buckets", *bounds) : Status{};
}

model::Temporality temporality_of(InstrumentKind kind, TemporalityPreference preference) noexcept {
  using model::Temporality;
  const bool goes_both_ways =
      kind == InstrumentKind::kUpDownCounter || kind == InstrumentKind::kObservableUpDownCounter;
  // A gauge has none: it is reported each time.
  const bool is_gauge = kind == InstrumentKind::kGauge || kind == InstrumentKind::kObservableGauge;
  if (preference == TemporalityPreference::kCumulative || goes_both_ways || is_gauge) {
    return Temporality::kCumulative;
  }
  if (preference == TemporalityPreference::kLowMemory && is_observable(kind)) {
    return Temporality::kCumulative;
  }
  return Temporality::kDelta;
}

bool StreamOptions::keeps(std::string_view attribute) const noexcept {
  if (std::ranges::binary_search(drop_attributes, attribute, std::less<>{})) return false;
  return !keep_attributes || std::ranges::binary_search(*keep_attributes, attribute, std::less<>{});
}

std::vector<StreamOptions> streams_of(const InstrumentSpec& instrument, const Defaults& defaults) {
  std::vector<StreamOptions> streams;
  bool is_selected = false;
  for (const View& view : defaults.views) {
    if (!view.selects(instrument)) continue;
    is_selected = true;
    if (!view.is_dropped) streams.push_back(stream_of(instrument, defaults, &view));
  }
  if (!is_selected) streams.push_back(stream_of(instrument, defaults, nullptr));
  return streams;
}

}  // namespace forebay::metrics
