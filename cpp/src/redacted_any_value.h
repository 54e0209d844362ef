// Redaction inside nested values, which come as OTLP AnyValue messages in protobuf form.
#pragma once
#include <string>
#include <string_view>

#include "admit/redaction.h"

namespace forebay::engine {

// Writes the message with the values of all keys replaced that a rule hits, at any depth. False,
// with `out` as it was: no rule hits any, or it is no AnyValue (which the encoder will not send).
// May throw std::bad_alloc.
bool redact_any_value(std::string_view message, const admit::Redaction& rules, std::string& out);

}  // namespace forebay::engine
