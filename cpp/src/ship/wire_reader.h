// Reads the fields of one protobuf message from its bytes, without knowing what they mean.
//
// Source: https://protobuf.dev/programming-guides/encoding/. Groups (wire types 3 and 4) are not
// part of OTLP and count as corrupt.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"

namespace forebay::ship {

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct WireField {
  uint32_t number = 0;
  WireType type = WireType::kVarint;
  uint64_t value = 0;  // varint, fixed64 and fixed32: the bits
  ByteView bytes;      // kBytes: the content
  ByteView whole;      // the field as it stands, tag included

  [[nodiscard]] double as_double() const noexcept { return std::bit_cast<double>(value); }
};

class WireReader {
 public:
  explicit WireReader(ByteView message) noexcept : rest_(message) {}

  // The next field, or false: at the end, or where the bytes are no message (then corrupt()).
  bool next(WireField& field) noexcept {
    if (rest_.empty() || corrupt_) return false;
    const ByteView start = rest_;
    uint64_t tag = 0;
    if (!varint(tag) || (tag >> 3) == 0 || (tag >> 3) > kMaxFieldNumber) return fail();
    field.number = static_cast<uint32_t>(tag >> 3);
    field.type = static_cast<WireType>(tag & 7);
    field.bytes = {};
    switch (field.type) {
      case WireType::kVarint:
        if (!varint(field.value)) return fail();
        break;
      case WireType::kFixed64:
        if (!fixed<uint64_t>(field.value)) return fail();
        break;
      case WireType::kFixed32:
        if (!fixed<uint32_t>(field.value)) return fail();
        break;
      case WireType::kBytes:
        if (!varint(field.value) || field.value > rest_.size()) return fail();
        field.bytes = rest_.first(field.value);
        rest_ = rest_.subspan(field.value);
        break;
      default:
        return fail();
    }
    field.whole = start.first(start.size() - rest_.size());
    return true;
  }
  // A bare varint, as packed fields hold them.
  bool next_varint(uint64_t& value) noexcept {
    if (rest_.empty() || corrupt_) return false;
    return varint(value) || fail();
  }
  // A bare fixed64, as packed fields hold them.
  bool next_fixed64(uint64_t& value) noexcept {
    if (rest_.empty() || corrupt_) return false;
    return fixed<uint64_t>(value) || fail();
  }
  [[nodiscard]] bool corrupt() const noexcept { return corrupt_; }

 private:
  static constexpr uint64_t kMaxFieldNumber = (1u << 29) - 1;

  bool fail() noexcept {
    corrupt_ = true;
    return false;
  }
  bool varint(uint64_t& value) noexcept {
    value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (rest_.empty()) return false;
      const uint8_t byte = rest_[0];
      rest_ = rest_.subspan(1);
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
  template <typename T>
  bool fixed(uint64_t& value) noexcept {
    static_assert(std::endian::native == std::endian::little);
    if (rest_.size() < sizeof(T)) return false;
    T bits = 0;
    std::memcpy(&bits, rest_.data(), sizeof bits);
    rest_ = rest_.subspan(sizeof bits);
    value = bits;
    return true;
  }

  ByteView rest_;
  bool corrupt_ = false;
};

inline void append_varint(ByteBuffer& to, uint64_t value) {
  while (value >= 0x80) {
    to.push_back(static_cast<uint8_t>(value | 0x80));
    value >>= 7;
  }
  to.push_back(static_cast<uint8_t>(value));
}

// A length-delimited field.
inline void append_bytes_field(ByteBuffer& to, uint32_t number, ByteView content) {
  append_varint(to, (static_cast<uint64_t>(number) << 3) | 2);
  append_varint(to, content.size());
  to.append(content);
}

}  // namespace forebay::ship
