// Fields of OTLP messages, written in one pass: texts are checked while they are copied, and only
// one that turns out not to be UTF-8 is written a second time.
#pragma once
#include <string_view>

#include "base/bytes.h"
#include "encode/any_value.h"
#include "encode/protobuf_writer.h"
#include "encode/utf8.h"
#include "model/record.h"

namespace forebay::encode {

// Room at the end of a buffer, written through a bare pointer. Nothing of it belongs to the buffer
// until commit(), so that whoever throws in between leaves the buffer as it was.
class Room {
 public:
  Room(ByteBuffer& out, size_t bytes) : out_(out), bytes_(bytes), start_(out.reserve(bytes)) {}

  [[nodiscard]] uint8_t* start() const noexcept { return start_; }
  // Makes the room larger, and returns where `p` is from now on.
  uint8_t* enlarge(uint8_t* p, size_t more) {
    const auto written = p - start_;
    bytes_ += more;
    start_ = out_.reserve(bytes_);
    return start_ + written;
  }
  void commit(const uint8_t* p) noexcept { out_.advance(static_cast<size_t>(p - start_)); }

 private:
  ByteBuffer& out_;
  size_t bytes_;
  uint8_t* start_;
};

// The most that a value takes besides the bytes of its key and its text: tags, lengths, a varint,
// and kInvalidAnyValue where it is replaced. What a Room must have for each.
inline constexpr size_t kMaxValueOverhead = 48;

// What comes before an AnyValue of `size` bytes, its length included. Three kinds, for put_value().

struct BodyHead {
  uint8_t* write(uint8_t* p, uint64_t size) const noexcept {
    *p++ = tag(5, WireType::kBytes);
    return put_varint(p, size);
  }
};

// An attribute whose key is at hand in its final form, key_field_size() bytes, and 16 to spare.
struct CachedKeyHead {
  const uint8_t* key_field;
  uint32_t key_field_size;

  uint8_t* write(uint8_t* p, uint64_t size) const noexcept {
    *p++ = tag(6, WireType::kBytes);
    p = put_varint(p, key_field_size + varint_size(size) + size);
    p = put_blocks(p, key_field, key_field_size);
    return put_varint(p, size);
  }
};

// The key of a KeyValue and the tag of its value.
constexpr uint64_t key_field_size(std::string_view key) noexcept {
  return 1 + varint_size(key.size()) + key.size() + 1;
}
inline uint8_t* put_key_field(uint8_t* p, std::string_view valid_key) noexcept {
  *p++ = tag(1, WireType::kBytes);
  p = put_varint(p, valid_key.size());
  copy_ascii(p, valid_key.data(), valid_key.size());
  p += valid_key.size();
  *p++ = tag(2, WireType::kBytes);
  return p;
}

struct TextKeyHead {
  uint8_t attribute_tag;
  std::string_view valid_key;

  uint8_t* write(uint8_t* p, uint64_t size) const noexcept {
    *p++ = attribute_tag;
    p = put_varint(p, key_field_size(valid_key) + varint_size(size) + size);
    p = put_key_field(p, valid_key);
    return put_varint(p, size);
  }
};

// A string_value, bytes_value: `field` is the tag.
template <typename Head>
uint8_t* put_bytes_value(uint8_t* p, const Head& head, uint8_t field, uint64_t size) noexcept {
  p = head.write(p, 1 + varint_size(size) + size);
  *p++ = field;
  return put_varint(p, size);
}

template <typename Head>
[[gnu::noinline, gnu::cold]] uint8_t* put_repaired_text_value(Room& room, uint8_t* p,
                                                              const Head& head,
                                                              std::string_view text) {
  ByteBuffer repaired;
  append_valid_utf8(text, repaired);
  p = room.enlarge(p, repaired.size());
  p = put_bytes_value(p, head, tag(1, WireType::kBytes), repaired.size());
  std::memcpy(p, repaired.data(), repaired.size());
  return p + repaired.size();
}

template <typename Head>
[[gnu::noinline]] uint8_t* put_any_value(Room& room, uint8_t* p, const Head& head,
                                         std::string_view message) {
  ByteBuffer repaired;
  switch (inspect_any_value(as_bytes(message))) {
    case AnyValueState::kMalformed:
      p = put_bytes_value(p, head, tag(1, WireType::kBytes), kInvalidAnyValue.size());
      std::memcpy(p, kInvalidAnyValue.data(), kInvalidAnyValue.size());
      return p + kInvalidAnyValue.size();
    case AnyValueState::kBadText:
      append_repaired_any_value(as_bytes(message), repaired);
      p = room.enlarge(p, repaired.size());
      message = as_text(repaired.view());
      break;
    case AnyValueState::kValid:
      break;
  }
  p = head.write(p, message.size());
  if (!message.empty()) std::memcpy(p, message.data(), message.size());
  return p + message.size();
}

// Writes `head` and the AnyValue of `value`.
template <typename Head>
uint8_t* put_value(Room& room, uint8_t* const p, const Head& head, const model::ValueView& value) {
  uint8_t* q = nullptr;
  switch (value.type) {
    case FOREBAY_BOOL:
      q = head.write(p, 2);
      *q++ = tag(2, WireType::kVarint);
      *q++ = value.i64 != 0 ? 1 : 0;
      return q;
    case FOREBAY_INT64: {
      const auto number = static_cast<uint64_t>(value.i64);
      q = head.write(p, 1 + varint_size(number));
      *q++ = tag(3, WireType::kVarint);
      return put_varint(q, number);
    }
    case FOREBAY_DOUBLE:
      q = head.write(p, 9);
      *q++ = tag(4, WireType::kFixed64);
      return put_fixed64(q, std::bit_cast<uint64_t>(value.f64));
    case FOREBAY_STRING:
      q = put_bytes_value(p, head, tag(1, WireType::kBytes), value.bytes.size());
      if (!copy_ascii(q, value.bytes.data(), value.bytes.size()) && !is_valid_utf8(value.bytes))
          [[unlikely]] {
        return put_repaired_text_value(room, p, head, value.bytes);
      }
      return q + value.bytes.size();
    case FOREBAY_BYTES:
      q = put_bytes_value(p, head, tag(7, WireType::kBytes), value.bytes.size());
      copy_ascii(q, value.bytes.data(), value.bytes.size());
      return q + value.bytes.size();
    case FOREBAY_ANYVALUE:
      return put_any_value(room, p, head, value.bytes);
    default:
      return head.write(p, 0);
  }
}

// A message field, or one of bytes: what it takes, and it itself.
constexpr size_t field_size(size_t message) noexcept { return 1 + varint_size(message) + message; }
inline uint8_t* put_field(uint8_t* p, uint8_t field, ByteView content) noexcept {
  *p++ = field;
  p = put_varint(p, content.size());
  if (!content.empty()) std::memcpy(p, content.data(), content.size());
  return p + content.size();
}

// A string field.
inline uint8_t* put_text(Room& room, uint8_t* p, uint8_t field, std::string_view text) {
  uint8_t* q = p;
  *q++ = field;
  q = put_varint(q, text.size());
  if (copy_ascii(q, text.data(), text.size()) || is_valid_utf8(text)) return q + text.size();
  ByteBuffer repaired;
  append_valid_utf8(text, repaired);
  q = room.enlarge(p, repaired.size());
  *q++ = field;
  q = put_varint(q, repaired.size());
  std::memcpy(q, repaired.data(), repaired.size());
  return q + repaired.size();
}

}  // namespace forebay::encode
