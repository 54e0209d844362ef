#include "ship/console_values.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "ship/json_text.h"
#include "ship/wire_reader.h"

namespace forebay::ship {
namespace {

constexpr int kMaxDepth = 100;

void append_value(ByteView value, int depth, ByteBuffer& output);

void append_list(ByteView list, int depth, ByteBuffer& output) {
  output.push_back('[');
  WireReader reader(list);
  WireField field;
  bool first = true;
  while (reader.next(field)) {
    if (field.number != 1) continue;
    if (!first) output.push_back(',');
    first = false;
    append_value(field.bytes, depth, output);
  }
  output.push_back(']');
}

void append_member(ByteView bytes, int depth, bool& first, ByteBuffer& output) {
  const KeyValueView member = key_value(bytes);
  if (!first) output.push_back(',');
  first = false;
  append_json_string(output, member.key);
  output.push_back(':');
  append_value(member.value, depth, output);
}

void append_map(ByteView map, int depth, ByteBuffer& output) {
  output.push_back('{');
  WireReader reader(map);
  WireField field;
  bool first = true;
  while (reader.next(field)) {
    if (field.number == 1) append_member(field.bytes, depth, first, output);
  }
  output.push_back('}');
}

// The field that says what an AnyValue is, or one with number 0.
WireField content_of(ByteView value) noexcept {
  WireReader reader(value);
  WireField field;
  WireField content;
  while (reader.next(field)) {
    if (field.number >= 1 && field.number <= 7) content = field;
  }
  return content;
}

void append_value(ByteView value, int depth, ByteBuffer& output) {
  const WireField content = content_of(value);
  if (depth > kMaxDepth) {
    output.append("null");
    return;
  }
  switch (content.number) {
    case 1:
      append_json_string(output, content.bytes);
      return;
    case 2:
      output.append(content.value != 0 ? "true" : "false");
      return;
    case 3:
      append_decimal(output, static_cast<int64_t>(content.value));
      return;
    case 4:
      append_json_double(output, content.as_double());
      return;
    case 5:
      append_list(content.bytes, depth + 1, output);
      return;
    case 6:
      append_map(content.bytes, depth + 1, output);
      return;
    case 7:
      output.push_back('"');
      append_base64(output, content.bytes);
      output.push_back('"');
      return;
    default:
      output.append("null");
  }
}

void append_printed(ByteBuffer& output, const char* format, auto... values) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), format, values...);
  output.append(std::string_view(text.data(), static_cast<size_t>(std::max(length, 0))));
}

}  // namespace

KeyValueView key_value(ByteView bytes) noexcept {
  KeyValueView view;
  WireReader reader(bytes);
  WireField field;
  while (reader.next(field)) {
    if (field.number == 1) view.key = field.bytes;
    if (field.number == 2) view.value = field.bytes;
  }
  return view;
}

void append_plain_value(ByteView any_value, ByteBuffer& output) {
  append_value(any_value, 1, output);
}

void append_plain_members(std::span<const ByteView> key_values, ByteBuffer& output) {
  output.push_back('{');
  bool first = true;
  for (const ByteView member : key_values) append_member(member, 1, first, output);
  output.push_back('}');
}

void append_shown(std::string_view text, ByteBuffer& output) {
  const ByteView bytes = as_bytes(text);
  for (size_t at = 0; at < bytes.size();) {
    const uint8_t byte = bytes[at];
    const size_t length = utf8_sequence(bytes.subspan(at));
    // U+0080..U+009F are control characters too, and some terminals obey them.
    const bool c1 = length == 2 && byte == 0xc2 && bytes[at + 1] < 0xa0;
    if (length == 0 || c1 || byte < 0x20 || byte == 0x7f) {
      std::array<char, 5> escape{};
      if (byte == '\n') {
        output.append("\\n");
      } else if (byte == '\t') {
        output.append("\\t");
      } else {
        std::snprintf(escape.data(), escape.size(), "\\x%02x", byte);
        output.append(std::string_view(escape.data(), 4));
      }
      ++at;
      if (c1) ++at;
      continue;
    }
    output.append(bytes.subspan(at, length));
    at += length;
  }
}

void append_shown_value(ByteView any_value, std::string_view separators, ByteBuffer& output) {
  const WireField content = content_of(any_value);
  const std::string_view text = as_text(content.bytes);
  const bool needs_quotes =
      !separators.empty() &&
      (text.empty() || text.find_first_of(separators) != std::string_view::npos);
  if (content.number == 1 && !needs_quotes) {
    append_shown(text, output);
    return;
  }
  ByteBuffer json;
  append_plain_value(any_value, json);
  append_shown(as_text(json.view()), output);
}

void append_padded(std::string_view text, size_t width, ByteBuffer& output) {
  const size_t before = output.size();
  append_shown(text, output);
  for (size_t n = output.size() - before; n < width; ++n) output.push_back(' ');
}

void append_local_time(uint64_t unix_nano, ByteBuffer& output) {
  const auto seconds = static_cast<std::time_t>(unix_nano / 1'000'000'000);
  std::tm tm{};
  ::localtime_r(&seconds, &tm);
  append_printed(output, "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min, tm.tm_sec,
                 static_cast<int>(unix_nano / 1'000'000 % 1000));
}

void append_utc_time(uint64_t unix_nano, ByteBuffer& output) {
  const auto seconds = static_cast<std::time_t>(unix_nano / 1'000'000'000);
  std::tm tm{};
  ::gmtime_r(&seconds, &tm);
  append_printed(output, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                 static_cast<int>(unix_nano / 1000 % 1'000'000));
}

}  // namespace forebay::ship
