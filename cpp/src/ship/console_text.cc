#include "ship/console_text.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <variant>

#include "ship/console_values.h"
#include "ship/json_text.h"

namespace forebay::ship {
namespace {

constexpr size_t kWidestScope = 24;
constexpr std::string_view kDim = "\033[2m";
constexpr std::string_view kPlain = "\033[0m";
// What a value cannot hold bare: among attributes, and among those in a point's braces.
constexpr std::string_view kSeparators = " =\"\n\r\t";
constexpr std::string_view kSeparatorsInBraces = " =\"\n\r\t,{}";
constexpr std::string_view kMetricColor = "\033[35m";

struct Level {
  std::string_view name;
  std::string_view color;
};
constexpr std::array<Level, 7> kLevels = {{{"TRACE", "\033[2m"},
                                           {"DEBUG", "\033[36m"},
                                           {"INFO", "\033[32m"},
                                           {"WARN", "\033[33m"},
                                           {"ERROR", "\033[31m"},
                                           {"FATAL", "\033[1;31m"},
                                           {"-", ""}}};

const Level& level_of(uint32_t severity_number) noexcept {
  return severity_number >= 1 && severity_number <= 24 ? kLevels[(severity_number - 1) / 4]
                                                       : kLevels.back();
}

void append_id(std::string_view key, ByteView id, ByteBuffer& output) {
  if (id.empty()) return;
  output.append(",\"");
  output.append(key);
  output.append("\":\"");
  append_hex(output, id);
  output.push_back('"');
}

constexpr std::array<std::string_view, 5> kPointKinds = {"gauge", "sum", "histogram",
                                                         "exponential_histogram", "summary"};
std::string_view name_of(PointKind kind) noexcept { return kPointKinds[static_cast<size_t>(kind)]; }

// NaN and infinities without JSON's quotes.
void append_shown_double(double value, ByteBuffer& output) {
  ByteBuffer json;
  append_json_double(json, value);
  std::string_view text = as_text(json.view());
  if (text.starts_with('"')) text = text.substr(1, text.size() - 2);
  output.append(text);
}

void append_member_name(std::string_view name, ByteBuffer& output) {
  output.append(",\"");
  output.append(name);
  output.append("\":");
}

void append_text_member(std::string_view name, std::string_view text, ByteBuffer& output) {
  if (text.empty()) return;
  append_member_name(name, output);
  append_json_string(output, as_bytes(text));
}

void append_shown_numbers(const MetricPointView& point, ByteBuffer& output) {
  if (point.has_no_value) {
    output.append(" -");
  } else if (const auto* whole = std::get_if<int64_t>(&point.number)) {
    output.push_back(' ');
    append_decimal(output, *whole);
  } else if (const auto* real = std::get_if<double>(&point.number)) {
    output.push_back(' ');
    append_shown_double(*real, output);
  } else {
    output.append(" count=");
    append_decimal(output, point.count);
    const auto number = [&](std::string_view name, const std::optional<double>& value) {
      if (!value) return;
      output.append(name);
      append_shown_double(*value, output);
    };
    number(" sum=", point.sum);
    number(" min=", point.min);
    number(" max=", point.max);
  }
}

void append_number_members(const MetricPointView& point, ByteBuffer& output) {
  if (point.has_no_value) return;
  if (const auto* whole = std::get_if<int64_t>(&point.number)) {
    append_member_name("value", output);
    append_decimal(output, *whole);
  } else if (const auto* real = std::get_if<double>(&point.number)) {
    append_member_name("value", output);
    append_json_double(output, *real);
  } else {
    append_member_name("count", output);
    append_decimal(output, point.count);
    const auto number = [&](std::string_view name, const std::optional<double>& value) {
      if (!value) return;
      append_member_name(name, output);
      append_json_double(output, *value);
    };
    number("sum", point.sum);
    number("min", point.min);
    number("max", point.max);
  }
}

}  // namespace

void PrettyText::color(std::string_view code, ByteBuffer& output) const {
  if (colored_) output.append(code);
}

void PrettyText::begin_line(uint64_t time_unix_nano, std::string_view scope, std::string_view level,
                            std::string_view level_color, ByteBuffer& output) {
  color(kDim, output);
  append_local_time(time_unix_nano, output);
  color(kPlain, output);
  output.push_back(' ');
  color(level_color, output);
  append_padded(level, 6, output);
  color(kPlain, output);
  output.push_back(' ');
  scope_width_ = std::max(scope_width_, std::min(scope.size(), kWidestScope));
  color(kDim, output);
  append_padded(scope, scope_width_, output);
  color(kPlain, output);
  if (scope_width_ > 0) output.append("  ");
}

void PrettyText::append(const LogRecordView& record, ByteBuffer& output) {
  const Level& level = level_of(record.severity_number);
  begin_line(record.time_unix_nano, record.scope_name, level.name, level.color, output);
  if (!record.event_name.empty()) {
    append_shown(record.event_name, output);
    output.append(record.body.empty() ? "" : " ");
  }
  if (!record.body.empty()) append_shown_value(record.body, {}, output);
  if (!record.attributes.empty()) output.push_back(' ');
  for (const ByteView attribute : record.attributes) {
    output.push_back(' ');
    append_pair(attribute, kSeparators, output);
  }
  output.push_back('\n');
}

void PrettyText::append(const MetricPointView& point, ByteBuffer& output) {
  begin_line(point.time_unix_nano, point.scope_name, "METRIC", kMetricColor, output);
  append_shown(point.name, output);
  std::string_view between = "{";
  for (const ByteView attribute : point.attributes) {
    output.append(std::exchange(between, ","));
    append_pair(attribute, kSeparatorsInBraces, output);
  }
  if (!point.attributes.empty()) output.push_back('}');
  append_shown_numbers(point, output);
  if (!point.unit.empty() && point.unit != "1") {  // "1" is what UCUM calls a bare number
    output.push_back(' ');
    append_shown(point.unit, output);
  }
  if (point.temporality == Temporality::kDelta) {
    color(kDim, output);
    output.append(" delta");
    color(kPlain, output);
  }
  output.push_back('\n');
}

void PrettyText::append_pair(ByteView attribute, std::string_view separators,
                             ByteBuffer& output) const {
  const KeyValueView pair = key_value(attribute);
  color(kDim, output);
  append_shown(as_text(pair.key), output);
  output.push_back('=');
  color(kPlain, output);
  append_shown_value(pair.value, separators, output);
}

void append_json_line(const LogRecordView& record, ByteBuffer& output) {
  output.append("{\"time\":\"");
  append_utc_time(record.time_unix_nano, output);
  output.append("\",\"severity\":");
  append_json_string(output,
                     as_bytes(record.severity_text.empty() ? level_of(record.severity_number).name
                                                           : record.severity_text));
  append_text_member("logger", record.scope_name, output);
  append_text_member("event", record.event_name, output);
  if (!record.body.empty()) {
    append_member_name("body", output);
    append_plain_value(record.body, output);
  }
  append_id("trace_id", record.trace_id, output);
  append_id("span_id", record.span_id, output);
  if (!record.attributes.empty()) {
    append_member_name("attributes", output);
    append_plain_members(record.attributes, output);
  }
  output.append("}\n");
}

void append_json_line(const MetricPointView& point, ByteBuffer& output) {
  output.append("{\"time\":\"");
  append_utc_time(point.time_unix_nano, output);
  output.append("\",\"metric\":");
  append_json_string(output, as_bytes(point.name));
  append_text_member("kind", name_of(point.kind), output);
  append_text_member("meter", point.scope_name, output);
  append_text_member("unit", point.unit, output);
  if (point.temporality != Temporality::kUnspecified) {
    append_text_member("temporality",
                       point.temporality == Temporality::kDelta ? "delta" : "cumulative", output);
  }
  if (point.is_monotonic) {
    append_member_name("monotonic", output);
    output.append("true");
  }
  append_number_members(point, output);
  if (!point.attributes.empty()) {
    append_member_name("attributes", output);
    append_plain_members(point.attributes, output);
  }
  output.append("}\n");
}

}  // namespace forebay::ship
