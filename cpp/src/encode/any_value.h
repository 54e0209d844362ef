// AnyValue messages that somebody else encoded: nested lists and maps come in this form.
#pragma once
#include <string_view>

#include "base/bytes.h"

namespace forebay::encode {

// What a value that is no AnyValue is replaced with: one bad record must never cost a batch.
inline constexpr std::string_view kInvalidAnyValue = "invalid AnyValue";

// Messages within messages that are accepted. Official decoders stop at 100 from the request down;
// the way to a record's value takes seven of them.
inline constexpr int kMaxMessageDepth = 90;

enum class AnyValueState {
  kValid,    // every decoder takes it: copy it as it is
  kBadText,  // well-formed, but a string or key in it is not UTF-8
  kMalformed
};

// Walks the whole message. Only the fields that opentelemetry-proto defines are accepted, each with
// its own wire type: what a schema does not know cannot be vouched for.
[[nodiscard]] AnyValueState inspect_any_value(ByteView message) noexcept;

// Appends a kBadText message with every ill-formed part of its texts replaced by U+FFFD. May throw
// std::bad_alloc.
void append_repaired_any_value(ByteView message, ByteBuffer& out);

}  // namespace forebay::encode
