#include "encode/utf8.h"

namespace forebay::encode {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Step {
  uint32_t bytes;  // of a character, or of the ill-formed part
  bool valid;
};

// The sequence that starts at `p` with a byte over 0x7F. The second byte's range depends on the
// first (Unicode table 3-7): that keeps out overlong forms, surrogates and what is over U+10FFFF.
Step step(const uint8_t* p, size_t left) noexcept {
  const uint8_t lead = p[0];
  uint32_t length = 0;
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {1, false};
  }
  for (uint32_t i = 1; i < length; ++i) {
    if (i >= left || p[i] < low || p[i] > high) return {i, false};
    low = 0x80;
    high = 0xBF;
  }
  return {length, true};
}

// Where the first byte at or after `p` is that is not ASCII.
const uint8_t* skip_ascii(const uint8_t* p, const uint8_t* end) noexcept {
  while (end - p >= 8) {
    uint64_t word = 0;
    std::memcpy(&word, p, 8);
    if ((word & 0x8080808080808080ULL) != 0) break;
    p += 8;
  }
  while (p != end && *p < 0x80) ++p;
  return p;
}

// Where the first ill-formed part starts, and its length; `end` where there is none.
const uint8_t* find_ill_formed(const uint8_t* p, const uint8_t* end, uint32_t& bytes) noexcept {
  while (true) {
    // A text in another script has few runs of ASCII worth looking for 8 at a time.
    if (p != end && *p < 0x80) p = skip_ascii(p, end);
    if (p == end) return end;
    const Step found = step(p, static_cast<size_t>(end - p));
    if (!found.valid) {
      bytes = found.bytes;
      return p;
    }
    p += found.bytes;
  }
}

}  // namespace

bool is_valid_utf8(std::string_view text) noexcept {
  const ByteView bytes = as_bytes(text);
  const uint8_t* end = bytes.data() + bytes.size();
  uint32_t ill_formed = 0;
  return find_ill_formed(bytes.data(), end, ill_formed) == end;
}

void append_valid_utf8(std::string_view text, ByteBuffer& out) {
  const ByteView bytes = as_bytes(text);
  const uint8_t* p = bytes.data();
  const uint8_t* end = p + bytes.size();
  while (true) {
    uint32_t ill_formed = 0;
    const uint8_t* bad = find_ill_formed(p, end, ill_formed);
    out.append(ByteView(p, bad));
    if (bad == end) return;
    out.append(kReplacement);
    p = bad + ill_formed;
  }
}

}  // namespace forebay::encode
