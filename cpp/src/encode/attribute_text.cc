#include "encode/attribute_text.h"

#include <bit>
#include <cmath>

#include "encode/any_value.h"
#include "encode/decimal_text.h"
#include "encode/protobuf_writer.h"
#include "encode/utf8.h"

namespace forebay::encode {
namespace {

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kHex[] = "0123456789abcdef";

void append_base64(ByteView bytes, ByteBuffer& to) {
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = bytes.size() - i;
    uint32_t group = uint32_t{bytes[i]} << 16;
    if (left > 1) group |= uint32_t{bytes[i + 1]} << 8;
    if (left > 2) group |= bytes[i + 2];
    to.push_back(static_cast<uint8_t>(kBase64[group >> 18]));
    to.push_back(static_cast<uint8_t>(kBase64[group >> 12 & 63]));
    to.push_back(static_cast<uint8_t>(left > 1 ? kBase64[group >> 6 & 63] : '='));
    to.push_back(static_cast<uint8_t>(left > 2 ? kBase64[group & 63] : '='));
  }
}

// Of a text that is UTF-8.
void append_json_string(std::string_view text, ByteBuffer& to) {
  to.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      to.push_back('\\');
      to.push_back(byte);
    } else if (c == '\n') {
      to.append(std::string_view("\\n"));
    } else if (byte < 0x20) {
      to.append(std::string_view("\\u00"));
      to.push_back(static_cast<uint8_t>(kHex[byte >> 4]));
      to.push_back(static_cast<uint8_t>(kHex[byte & 15]));
    } else {
      to.push_back(byte);
    }
  }
  to.push_back('"');
}

void append_number(double number, ByteBuffer& to) {
  if (std::isnan(number)) {
    to.append(std::string_view("NaN"));
  } else if (std::isinf(number)) {
    to.append(std::string_view(number > 0 ? "Infinity" : "-Infinity"));
  } else {
    append_decimal(to, number);
  }
}

struct TextField {
  uint32_t number = 0;
  uint64_t scalar = 0;
  ByteView bytes;
};

// The next field of a message that inspect_any_value() has found good.
TextField take_field(const uint8_t*& p, const uint8_t* end) {
  TextField field;
  const uint8_t tag_byte = *p++;
  field.number = tag_byte >> 3;
  if ((tag_byte & 7) == static_cast<uint8_t>(WireType::kFixed64)) {
    std::memcpy(&field.scalar, p, sizeof field.scalar);
    p += sizeof field.scalar;
    return field;
  }
  p = read_varint(p, end, field.scalar);
  if ((tag_byte & 7) == static_cast<uint8_t>(WireType::kBytes)) {
    field.bytes = {p, static_cast<size_t>(field.scalar)};
    p += field.scalar;
  }
  return field;
}

// Of several fields of an AnyValue the last one counts, as for every decoder.
TextField value_of(ByteView any_value) {
  TextField field;
  const uint8_t* p = any_value.data();
  while (p != any_value.data() + any_value.size()) {
    field = take_field(p, any_value.data() + any_value.size());
  }
  return field;
}

void append_json(ByteView any_value, ByteBuffer& to);

// An ArrayValue; of a KeyValueList the values are KeyValues.
void append_list(ByteView list, bool is_map, ByteBuffer& to) {
  to.push_back(is_map ? '{' : '[');
  const uint8_t* p = list.data();
  const uint8_t* const end = p + list.size();
  for (bool is_first = true; p != end; is_first = false) {
    const ByteView item = take_field(p, end).bytes;
    if (!is_first) to.push_back(',');
    if (!is_map) {
      append_json(item, to);
      continue;
    }
    ByteView key;
    ByteView value;
    const uint8_t* q = item.data();
    while (q != item.data() + item.size()) {
      const TextField field = take_field(q, item.data() + item.size());
      (field.number == 1 ? key : value) = field.bytes;
    }
    append_json_string(as_text(key), to);
    to.push_back(':');
    append_json(value, to);
  }
  to.push_back(is_map ? '}' : ']');
}

// An AnyValue within another one.
void append_json(ByteView any_value, ByteBuffer& to) {
  const TextField field = value_of(any_value);
  const double number = std::bit_cast<double>(field.scalar);
  switch (field.number) {
    case 1:
      return append_json_string(as_text(field.bytes), to);
    case 2:
      return to.append(std::string_view(field.scalar != 0 ? "true" : "false"));
    case 3:
      return append_decimal(to, static_cast<int64_t>(field.scalar));
    case 4:
      if (!std::isfinite(number)) to.push_back('"');
      append_number(number, to);
      if (!std::isfinite(number)) to.push_back('"');
      return;
    case 5:
    case 6:
      return append_list(field.bytes, field.number == 6, to);
    case 7:
      to.push_back('"');
      append_base64(field.bytes, to);
      return to.push_back('"');
    default:
      return to.append(std::string_view("null"));
  }
}

// One that is the attribute's value itself: without quotes.
void append_any_value(std::string_view message, ByteBuffer& to) {
  ByteBuffer repaired;
  switch (inspect_any_value(as_bytes(message))) {
    case AnyValueState::kMalformed:
      return to.append(kInvalidAnyValue);
    case AnyValueState::kBadText:
      append_repaired_any_value(as_bytes(message), repaired);
      message = as_text(repaired.view());
      break;
    case AnyValueState::kValid:
      break;
  }
  const TextField field = value_of(as_bytes(message));
  if (field.number == 0 || field.number == 1) return to.append(field.bytes);
  if (field.number == 7) return append_base64(field.bytes, to);
  if (field.number == 4) return append_number(std::bit_cast<double>(field.scalar), to);
  append_json(as_bytes(message), to);
}

}  // namespace

void append_attribute_text(const model::ValueView& value, ByteBuffer& to) {
  switch (value.type) {
    case FOREBAY_BOOL:
      return to.append(std::string_view(value.i64 != 0 ? "true" : "false"));
    case FOREBAY_INT64:
      return append_decimal(to, value.i64);
    case FOREBAY_DOUBLE:
      return append_number(value.f64, to);
    case FOREBAY_STRING:
      return append_valid_utf8(value.bytes, to);
    case FOREBAY_BYTES:
      return append_base64(as_bytes(value.bytes), to);
    case FOREBAY_ANYVALUE:
      return append_any_value(value.bytes, to);
    default:
      return;
  }
}

}  // namespace forebay::encode
