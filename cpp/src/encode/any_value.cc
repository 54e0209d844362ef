#include "encode/any_value.h"

#include <algorithm>
#include <array>

#include "encode/protobuf_writer.h"
#include "encode/utf8.h"

namespace forebay::encode {
namespace {

// The four message types that an AnyValue is made of.
enum Type : uint8_t { kAnyValue, kArrayValue, kKeyValueList, kKeyValue };

enum class Content : uint8_t { kNone, kScalar, kText, kBytes, kMessage };

struct Field {
  uint8_t tag;
  Content content;
  Type message = kAnyValue;
};

// Which fields each type has, by opentelemetry/proto/common/v1/common.proto.
constexpr std::array<Field, 7> kAnyValueFields = {{
    {tag(1, WireType::kBytes), Content::kText},
    {tag(2, WireType::kVarint), Content::kScalar},
    {tag(3, WireType::kVarint), Content::kScalar},
    {tag(4, WireType::kFixed64), Content::kScalar},
    {tag(5, WireType::kBytes), Content::kMessage, kArrayValue},
    {tag(6, WireType::kBytes), Content::kMessage, kKeyValueList},
    {tag(7, WireType::kBytes), Content::kBytes},
}};

Field field_of(Type type, uint8_t tag_byte) noexcept {
  constexpr Field kUnknown{0, Content::kNone};
  switch (type) {
    case kAnyValue: {
      const uint32_t number = tag_byte >> 3;
      if (number < 1 || number > kAnyValueFields.size()) return kUnknown;
      const Field& field = kAnyValueFields[number - 1];
      return field.tag == tag_byte ? field : kUnknown;
    }
    case kArrayValue:
      if (tag_byte == tag(1, WireType::kBytes)) return {tag_byte, Content::kMessage, kAnyValue};
      return kUnknown;
    case kKeyValueList:
      if (tag_byte == tag(1, WireType::kBytes)) return {tag_byte, Content::kMessage, kKeyValue};
      return kUnknown;
    case kKeyValue:
      if (tag_byte == tag(1, WireType::kBytes)) return {tag_byte, Content::kText};
      if (tag_byte == tag(2, WireType::kBytes)) return {tag_byte, Content::kMessage, kAnyValue};
      return kUnknown;
  }
  return kUnknown;
}

// The payload of a field, past its tag; moves `p` behind it. False where it does not fit.
bool take_payload(const uint8_t*& p, const uint8_t* end, const Field& field, ByteView& payload) {
  const uint8_t* start = p;
  if (field.content == Content::kScalar) {
    if ((field.tag & 7) == static_cast<uint8_t>(WireType::kFixed64)) {
      if (end - p < 8) return false;
      p += 8;
    } else {
      uint64_t ignored = 0;
      p = read_varint(p, end, ignored);
      if (p == nullptr) return false;
    }
    payload = {start, p};
    return true;
  }
  uint64_t size = 0;
  p = read_varint(p, end, size);
  if (p == nullptr || size > static_cast<uint64_t>(end - p)) return false;
  payload = {p, static_cast<size_t>(size)};
  p += size;
  return true;
}

AnyValueState inspect(Type type, ByteView message, int depth) noexcept {
  if (depth > kMaxMessageDepth) return AnyValueState::kMalformed;
  AnyValueState state = AnyValueState::kValid;
  const uint8_t* p = message.data();
  const uint8_t* end = p + message.size();
  while (p != end) {
    const Field field = field_of(type, *p++);
    ByteView payload;
    if (field.content == Content::kNone || !take_payload(p, end, field, payload)) {
      return AnyValueState::kMalformed;
    }
    if (field.content == Content::kText && !is_valid_utf8(as_text(payload))) {
      state = AnyValueState::kBadText;
    } else if (field.content == Content::kMessage) {
      const AnyValueState inner = inspect(field.message, payload, depth + 1);
      if (inner == AnyValueState::kMalformed) return inner;
      state = std::max(state, inner);
    }
  }
  return state;
}

void repair(Type type, ByteView message, ByteBuffer& out) {
  const uint8_t* p = message.data();
  const uint8_t* end = p + message.size();
  while (p != end) {
    const Field field = field_of(type, *p++);
    ByteView payload;
    if (!take_payload(p, end, field, payload)) return;  // inspect() has seen that it fits
    ByteBuffer repaired;
    if (field.content == Content::kText) {
      append_valid_utf8(as_text(payload), repaired);
      payload = repaired.view();
    } else if (field.content == Content::kMessage) {
      repair(field.message, payload, repaired);
      payload = repaired.view();
    }
    uint8_t* to = out.reserve(1 + kMaxVarintBytes);
    uint8_t* const start = to;
    *to++ = field.tag;
    if (field.content != Content::kScalar) to = put_varint(to, payload.size());
    out.advance(static_cast<size_t>(to - start));
    out.append(payload);
  }
}

}  // namespace

AnyValueState inspect_any_value(ByteView message) noexcept {
  return inspect(kAnyValue, message, 1);
}

void append_repaired_any_value(ByteView message, ByteBuffer& out) {
  repair(kAnyValue, message, out);
}

}  // namespace forebay::encode
