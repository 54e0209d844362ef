#include "encode/prometheus_names.h"

#include <array>
#include <utility>

namespace forebay::encode {
namespace {

using Word = std::pair<std::string_view, std::string_view>;

// UCUM's abbreviations, by the table of the compatibility specification.
constexpr std::array<Word, 25> kUnits = {{
    {"d", "days"},          {"h", "hours"},         {"min", "minutes"},    {"s", "seconds"},
    {"ms", "milliseconds"}, {"us", "microseconds"}, {"ns", "nanoseconds"}, {"By", "bytes"},
    {"KiBy", "kibibytes"},  {"MiBy", "mebibytes"},  {"GiBy", "gibibytes"}, {"TiBy", "tebibytes"},
    {"kBy", "kilobytes"},   {"MBy", "megabytes"},   {"GBy", "gigabytes"},  {"TBy", "terabytes"},
    {"m", "meters"},        {"V", "volts"},         {"A", "amperes"},      {"J", "joules"},
    {"W", "watts"},         {"g", "grams"},         {"Cel", "celsius"},    {"Hz", "hertz"},
    {"%", "percent"},
}};

// After a slash. `m` is a minute there, as it is for Prometheus.
constexpr std::array<Word, 10> kPerUnits = {{
    {"s", "second"},
    {"m", "minute"},
    {"min", "minute"},
    {"h", "hour"},
    {"d", "day"},
    {"w", "week"},
    {"wk", "week"},
    {"mo", "month"},
    {"y", "year"},
    {"a", "year"},
}};

constexpr std::string_view kTotal = "_total";

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Each run of what cannot be written is one `_`. A character of several bytes is one such run.
std::string writable(std::string_view text, bool with_colons) {
  std::string name;
  name.reserve(text.size() + 16);
  for (const char c : text) {
    if (is_letter(c) || is_digit(c) || (with_colons && c == ':')) {
      name += c;
    } else if (name.empty() || name.back() != '_') {
      name += '_';
    }
  }
  return name;
}

void trim_underscores(std::string& text) {
  while (!text.empty() && text.back() == '_') text.pop_back();
  text.erase(0, text.find_first_not_of('_'));
}

std::string without_braces(std::string_view unit) {
  std::string rest;
  bool is_inside = false;
  for (const char c : unit) {
    if (c == '{') is_inside = true;
    if (!is_inside && c != '}') rest += c;
    if (c == '}') is_inside = false;
  }
  return rest;
}

template <size_t kCount>
std::string word(std::string_view unit, const std::array<Word, kCount>& words) {
  for (const Word& known : words) {
    if (known.first == unit) return std::string(known.second);
  }
  std::string own = writable(unit, false);
  trim_underscores(own);
  return own;
}

bool ends_in_word(std::string_view name, std::string_view last) noexcept {
  if (!name.ends_with(last)) return false;
  return name.size() == last.size() || name[name.size() - last.size() - 1] == '_';
}

}  // namespace

std::string prometheus_unit(std::string_view unit) {
  const std::string plain = without_braces(unit);
  const size_t slash = plain.find('/');
  std::string words =
      plain.substr(0, slash) == "1" ? std::string{} : word(plain.substr(0, slash), kUnits);
  if (slash == std::string::npos) return words;
  const std::string per = word(plain.substr(slash + 1), kPerUnits);
  if (per.empty()) return words;
  return words + (words.empty() ? "per_" : "_per_") + per;
}

PrometheusName prometheus_name(const model::MetricStream& stream) {
  PrometheusName name{writable(stream.name, true), prometheus_unit(stream.unit)};
  if (name.base.find_first_not_of('_') == std::string::npos) return {};
  const bool is_counter = stream.kind == model::PointKind::kSum && stream.is_monotonic;
  if (is_counter && name.base.ends_with(kTotal) && name.base.size() > kTotal.size()) {
    name.base.resize(name.base.size() - kTotal.size());
  }
  if (stream.kind == model::PointKind::kGauge && stream.unit == "1") name.unit = "ratio";
  if (is_digit(name.base.front())) name.base.insert(0, 1, '_');
  // A suffix will come, and `__` must not.
  const bool is_suffixed = is_counter || stream.kind == model::PointKind::kHistogram ||
                           stream.kind == model::PointKind::kExponentialHistogram;
  const bool gets_unit = !name.unit.empty() && !ends_in_word(name.base, name.unit);
  if ((gets_unit || is_suffixed) && name.base.back() == '_') name.base.pop_back();
  if (gets_unit) name.base += "_" + name.unit;
  // OpenMetrics demands it as the last of several words.
  if (name.base.size() == name.unit.size()) name.unit.clear();
  return name;
}

std::string prometheus_label(std::string_view key) {
  std::string name = writable(key, false);
  if (name.empty() || is_digit(name.front())) {
    name.insert(0, "key_");
  } else if (name.front() == '_') {
    name.insert(0, "key");
  }
  return name;
}

}  // namespace forebay::encode
