// The pieces of JSON text, appended to a buffer. UTF-8 out, whatever comes in.
#pragma once
#include <cstdint>

#include "base/bytes.h"

namespace forebay::ship {

// Quoted and escaped. Bytes that are not UTF-8 become U+FFFD: one bad byte must not spoil a file.
void append_json_string(ByteBuffer& to, ByteView text);
// The shortest text that reads back as the same double; NaN and infinities as the strings that
// proto3's JSON mapping has for them.
void append_json_double(ByteBuffer& to, double value);
void append_decimal(ByteBuffer& to, int64_t value);
void append_decimal(ByteBuffer& to, uint64_t value);
// Without quotes.
void append_hex(ByteBuffer& to, ByteView bytes);
void append_base64(ByteBuffer& to, ByteView bytes);

// The length of the UTF-8 sequence at the front of `text`, 0 where it is none. Source: Unicode
// 15.0 table 3-7.
size_t utf8_sequence(ByteView text) noexcept;

}  // namespace forebay::ship
