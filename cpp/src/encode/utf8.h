// UTF-8 on its way to the wire: what is not valid becomes U+FFFD.
#pragma once
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/bytes.h"

namespace forebay::encode {

// Bytes that U+FFFD takes for the one byte that it may stand for.
inline constexpr uint32_t kMaxReplacementGrowth = 3;

[[nodiscard]] bool is_valid_utf8(std::string_view text) noexcept;

// Appends `text` with each maximal ill-formed part replaced by one U+FFFD: the practice that the
// Unicode standard recommends, and what Python's errors="replace" does. May throw std::bad_alloc.
void append_valid_utf8(std::string_view text, ByteBuffer& out);

// Copies `size` bytes, and says whether all of them were ASCII: one pass for the usual case. Long
// texts go 16 bytes at a time with an overlapping end; nothing outside of the two ranges is
// touched.
inline bool copy_ascii(uint8_t* to, const char* from, size_t size) noexcept {
  constexpr uint64_t kHighBits = 0x8080808080808080ULL;
  if (size > 16) {
    uint64_t seen = 0;
    const auto copy = [&](size_t at) {
      uint64_t words[2];
      std::memcpy(words, from + at, 16);
      std::memcpy(to + at, words, 16);
      seen |= words[0] | words[1];
    };
    for (size_t at = 0; at + 16 < size; at += 16) copy(at);
    copy(size - 16);
    return (seen & kHighBits) == 0;
  }
  if (size >= 8) {
    uint64_t first = 0;
    uint64_t last = 0;
    std::memcpy(&first, from, 8);
    std::memcpy(&last, from + size - 8, 8);
    std::memcpy(to, &first, 8);
    std::memcpy(to + size - 8, &last, 8);
    return ((first | last) & kHighBits) == 0;
  }
  if (size >= 4) {
    uint32_t first = 0;
    uint32_t last = 0;
    std::memcpy(&first, from, 4);
    std::memcpy(&last, from + size - 4, 4);
    std::memcpy(to, &first, 4);
    std::memcpy(to + size - 4, &last, 4);
    return ((first | last) & 0x80808080u) == 0;
  }
  if (size == 0) return true;
  const auto first = static_cast<uint8_t>(from[0]);
  const auto middle = static_cast<uint8_t>(from[size / 2]);
  const auto last = static_cast<uint8_t>(from[size - 1]);
  to[0] = first;
  to[size / 2] = middle;
  to[size - 1] = last;
  return ((first | middle | last) & 0x80) == 0;
}

}  // namespace forebay::encode
