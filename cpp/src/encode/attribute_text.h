// The value of an attribute as text, for formats that know nothing but text.
//
// Source: OpenTelemetry specification, common, "AnyValue representation for non-OTLP protocols": a
// string is itself, bytes are base64, an empty value is an empty text, and all else is JSON; NaN
// and infinities are NaN, Infinity and -Infinity, in quotes where they are within a list or map.
#pragma once
#include "base/bytes.h"
#include "model/record.h"

namespace forebay::encode {

// UTF-8 comes out, whatever comes in: what is ill-formed becomes U+FFFD, and an ANYVALUE that is
// none becomes kInvalidAnyValue. Throws only std::bad_alloc.
void append_attribute_text(const model::ValueView& value, ByteBuffer& to);

}  // namespace forebay::encode
