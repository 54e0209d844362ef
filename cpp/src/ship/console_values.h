// What log records and metric points on a console have in common: times, values, text that is safe
// to show. All of it is appended to `output`.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"

namespace forebay::ship {

struct KeyValueView {
  ByteView key;
  ByteView value;  // an AnyValue
};
KeyValueView key_value(ByteView bytes) noexcept;

// An AnyValue as plain JSON; null where it holds nothing, or what is no AnyValue.
void append_plain_value(ByteView any_value, ByteBuffer& output);
// KeyValues as a plain JSON object.
void append_plain_members(std::span<const ByteView> key_values, ByteBuffer& output);

// Text for a terminal: control characters, and bytes that are not UTF-8, as escapes.
void append_shown(std::string_view text, ByteBuffer& output);
// The same, and spaces up to a width.
void append_padded(std::string_view text, size_t width, ByteBuffer& output);
// A string bare where it holds none of the separators and, if there are any, is not empty; all else
// as plain JSON.
void append_shown_value(ByteView any_value, std::string_view separators, ByteBuffer& output);

// `12:34:56.789`, by the local clock.
void append_local_time(uint64_t unix_nano, ByteBuffer& output);
// `2026-11-24T22:00:00.123456Z`
void append_utc_time(uint64_t unix_nano, ByteBuffer& output);

}  // namespace forebay::ship
