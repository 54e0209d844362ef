#include "encode/decimal_text.h"

#include <charconv>

namespace forebay::encode {
namespace {

// "-1.7976931348623157e+308" is the longest of all.
constexpr size_t kMaxDecimalBytes = 32;

template <typename Number>
void append(ByteBuffer& to, Number number) {
  char* const begin = reinterpret_cast<char*>(to.reserve(kMaxDecimalBytes));
  const char* const end = std::to_chars(begin, begin + kMaxDecimalBytes, number).ptr;
  to.advance(static_cast<size_t>(end - begin));
}

}  // namespace

void append_decimal(ByteBuffer& to, int64_t number) { append(to, number); }
void append_decimal(ByteBuffer& to, uint64_t number) { append(to, number); }
void append_decimal(ByteBuffer& to, double number) { append(to, number); }

}  // namespace forebay::encode
