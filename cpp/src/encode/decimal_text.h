// Numbers as text: the shortest that reads back as the same, whatever the locale.
#pragma once
#include <cstdint>

#include "base/bytes.h"

namespace forebay::encode {

void append_decimal(ByteBuffer& to, int64_t number);
void append_decimal(ByteBuffer& to, uint64_t number);
// A finite number.
void append_decimal(ByteBuffer& to, double number);

}  // namespace forebay::encode
