#include "ship/json_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

namespace forebay::ship {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

bool continues(ByteView text, size_t at, uint8_t low = 0x80, uint8_t high = 0xbf) noexcept {
  return at < text.size() && text[at] >= low && text[at] <= high;
}

void append_escape(ByteBuffer& to, uint8_t byte) {
  switch (byte) {
    case '"':
      to.append("\\\"");
      return;
    case '\\':
      to.append("\\\\");
      return;
    case '\n':
      to.append("\\n");
      return;
    case '\r':
      to.append("\\r");
      return;
    case '\t':
      to.append("\\t");
      return;
    default: {
      const std::array<char, 6> text = {
          '\\', 'u', '0', '0', kHexDigits[byte >> 4], kHexDigits[byte & 15]};
      to.append(std::string_view(text.data(), text.size()));
    }
  }
}

template <typename T>
void append_number(ByteBuffer& to, T value) {
  constexpr size_t kLongest = 32;
  char* begin = reinterpret_cast<char*>(to.reserve(kLongest));
  const auto result = std::to_chars(begin, begin + kLongest, value);
  to.advance(static_cast<size_t>(result.ptr - begin));
}

}  // namespace

size_t utf8_sequence(ByteView text) noexcept {
  const uint8_t first = text[0];
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(text, 1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const uint8_t low = first == 0xe0 ? 0xa0 : 0x80;
    const uint8_t high = first == 0xed ? 0x9f : 0xbf;  // no surrogates
    return continues(text, 1, low, high) && continues(text, 2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const uint8_t low = first == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = first == 0xf4 ? 0x8f : 0xbf;
    return continues(text, 1, low, high) && continues(text, 2) && continues(text, 3) ? 4 : 0;
  }
  return 0;
}

void append_json_string(ByteBuffer& to, ByteView text) {
  to.push_back('"');
  size_t plain_from = 0;
  size_t at = 0;
  const auto flush = [&] { to.append(text.subspan(plain_from, at - plain_from)); };
  while (at < text.size()) {
    const uint8_t byte = text[at];
    if (byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\') {
      ++at;
      continue;
    }
    const size_t sequence = byte < 0x80 ? 0 : utf8_sequence(text.subspan(at));
    if (sequence > 0) {
      at += sequence;
      continue;
    }
    flush();
    if (byte < 0x80) {
      append_escape(to, byte);
    } else {
      to.append(kReplacement);
    }
    plain_from = ++at;
  }
  flush();
  to.push_back('"');
}

void append_json_double(ByteBuffer& to, double value) {
  if (std::isnan(value)) {
    to.append("\"NaN\"");
  } else if (std::isinf(value)) {
    to.append(value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  } else if (value == 0 && std::signbit(value)) {
    to.append("-0.0");  // "-0" would be read as the integer 0
  } else {
    append_number(to, value);
  }
}

void append_decimal(ByteBuffer& to, int64_t value) { append_number(to, value); }
void append_decimal(ByteBuffer& to, uint64_t value) { append_number(to, value); }

void append_hex(ByteBuffer& to, ByteView bytes) {
  for (const uint8_t byte : bytes) {
    to.push_back(static_cast<uint8_t>(kHexDigits[byte >> 4]));
    to.push_back(static_cast<uint8_t>(kHexDigits[byte & 15]));
  }
}

void append_base64(ByteBuffer& to, ByteView bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const size_t have = bytes.size() - at < 3 ? bytes.size() - at : 3;
    uint32_t group = static_cast<uint32_t>(bytes[at]) << 16;
    if (have > 1) group |= static_cast<uint32_t>(bytes[at + 1]) << 8;
    if (have > 2) group |= bytes[at + 2];
    for (size_t i = 0; i < 4; ++i) {
      const auto digit = static_cast<uint8_t>(kDigits[(group >> (18 - 6 * i)) & 63]);
      to.push_back(i <= have ? digit : static_cast<uint8_t>('='));
    }
  }
}

}  // namespace forebay::ship
