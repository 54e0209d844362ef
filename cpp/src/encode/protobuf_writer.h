// The primitives of protobuf's wire format, over a bare pointer.
//
// Every function writes at `p`, for which the caller has made room, and returns where the next byte
// goes. Varints are minimal, so that what is written is what an official encoder would write.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>

namespace forebay::encode {

inline constexpr uint32_t kMaxVarintBytes = 10;

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// The tag of a field number below 16: one byte.
constexpr uint8_t tag(uint32_t field, WireType type) noexcept {
  return static_cast<uint8_t>(field << 3 | static_cast<uint32_t>(type));
}

constexpr uint32_t varint_size(uint64_t value) noexcept {
  // ceil(bits / 7) without a division: 9 / 64 is close enough to 1 / 7 up to 64 bits.
  return (static_cast<uint32_t>(std::bit_width(value | 1)) * 9 + 64) >> 6;
}

inline uint8_t* put_varint(uint8_t* p, uint64_t value) noexcept {
  while (value >= 0x80) {
    *p++ = static_cast<uint8_t>(value | 0x80);
    value >>= 7;
  }
  *p++ = static_cast<uint8_t>(value);
  return p;
}

inline uint8_t* put_fixed64(uint8_t* p, uint64_t value) noexcept {
  static_assert(std::endian::native == std::endian::little);
  std::memcpy(p, &value, sizeof value);
  return p + sizeof value;
}

inline uint8_t* put_fixed32(uint8_t* p, uint32_t value) noexcept {
  std::memcpy(p, &value, sizeof value);
  return p + sizeof value;
}

// Copies in whole blocks of 16: reads and writes up to 15 bytes past the end, so that short pieces
// cost one load and one store. Both sides must have that much to spare.
inline constexpr uint32_t kBlockBytes = 16;
inline uint8_t* put_blocks(uint8_t* p, const uint8_t* from, uint32_t size) noexcept {
  for (uint32_t done = 0; done < size; done += kBlockBytes) {
    std::memcpy(p + done, from + done, kBlockBytes);
  }
  return p + size;
}

// Reads a varint between `p` and `end`; null where it does not end in time or has over 64 bits.
inline const uint8_t* read_varint(const uint8_t* p, const uint8_t* end, uint64_t& value) noexcept {
  uint64_t result = 0;
  for (uint32_t shift = 0; shift < 64; shift += 7) {
    if (p == end) return nullptr;
    const uint8_t byte = *p++;
    if (shift == 63 && byte > 1) return nullptr;
    result |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) {
      value = result;
      return p;
    }
  }
  return nullptr;
}

}  // namespace forebay::encode
