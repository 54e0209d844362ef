// What a record can carry: values, and attributes with a key.
//
// One rule for strings: what is a literal in the macros (message, keys) is kept by pointer until
// the core has copied it once; everything else is copied before the call returns. So a view or a
// pointer must live as long as the call, and no longer.
#pragma once
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "forebay/c_api.h"

namespace forebay {
inline namespace v1 {

// A string literal, checked while compiling. Its address is good for as long as its module is
// loaded.
class Literal {
 public:
  template <size_t N>
  consteval Literal(const char (&text)[N]) noexcept  // NOLINT(google-explicit-constructor)
      : data_(text), size_(N - 1) {}

  [[nodiscard]] constexpr forebay_string raw() const noexcept { return {data_, size_}; }

 private:
  const char* data_;
  size_t size_;
};

namespace detail {
// Not in the C ABI: an unsigned number above 2^63 - 1, which goes out as decimal text.
inline constexpr uint32_t kLargeUnsigned = 0x100;
inline constexpr size_t kMaxDigits = 20;

// A string's size is 32 bits in the ABI; the core cuts far earlier.
constexpr uint32_t clamped(size_t size) noexcept {
  constexpr size_t kMost = std::numeric_limits<uint32_t>::max();
  return static_cast<uint32_t>(size < kMost ? size : kMost);
}
}  // namespace detail

// One value: null, bool, integer, double, string or bytes. Borrows what it is made from.
class Value {
 public:
  constexpr Value(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor)

  template <std::same_as<bool> T>
  constexpr Value(T value) noexcept  // NOLINT(google-explicit-constructor)
      : raw_{FOREBAY_BOOL, 0, {.i64 = value ? 1 : 0}} {}

  // A character is neither a number nor a string; say which: int{c}, or std::string_view{&c, 1}.
  Value(char) = delete;
  Value(wchar_t) = delete;
  Value(char8_t) = delete;
  Value(char16_t) = delete;
  Value(char32_t) = delete;

  template <std::integral T>
  requires(!std::same_as<T, bool> && sizeof(T) <= sizeof(int64_t)) constexpr Value(
      T value) noexcept  // NOLINT(google-explicit-constructor)
      : raw_{FOREBAY_INT64, 0, {.i64 = static_cast<int64_t>(value)}} {
    if constexpr (std::is_unsigned_v<T> && sizeof(T) == sizeof(int64_t)) {
      if (value > static_cast<T>(std::numeric_limits<int64_t>::max())) {
        raw_.type = detail::kLargeUnsigned;
      }
    }
  }

  // An enumeration goes out as its number.
  template <class T>
  requires std::is_enum_v<T>
  constexpr Value(T value) noexcept  // NOLINT(google-explicit-constructor)
      : Value(static_cast<std::underlying_type_t<T>>(value)) {}

  template <std::floating_point T>
  constexpr Value(T value) noexcept  // NOLINT(google-explicit-constructor)
      : raw_{FOREBAY_DOUBLE, 0, {.f64 = static_cast<double>(value)}} {}

  constexpr Value(std::string_view text) noexcept  // NOLINT(google-explicit-constructor)
      : raw_{FOREBAY_STRING, detail::clamped(text.size()), {.data = text.data()}} {}
  Value(const std::string& text) noexcept  // NOLINT(google-explicit-constructor)
      : Value(std::string_view(text)) {}
  // Ends at the first zero byte; a null pointer is null.
  constexpr Value(const char* text) noexcept {  // NOLINT(google-explicit-constructor)
    if (text != nullptr) *this = Value(std::string_view(text));
  }
  Value(std::span<const std::byte> bytes) noexcept  // NOLINT(google-explicit-constructor)
      : raw_{FOREBAY_BYTES,
             detail::clamped(bytes.size()),
             {.data = reinterpret_cast<const char*>(bytes.data())}} {}

  // As it crosses the ABI, but for detail::kLargeUnsigned.
  [[nodiscard]] constexpr const forebay_value& raw() const noexcept { return raw_; }

 private:
  forebay_value raw_{FOREBAY_NULL, 0, {.i64 = 0}};
};

// A key and a value for Logger::emit. Borrows both.
struct Attribute {
  std::string_view key;
  Value value;
};

namespace detail {

// A key and a value for the macros: the key is part of the site.
struct Field {
  Literal key;
  Value value;
};

// The value in the ABI's own types; `digits` must live as long as what is returned.
inline forebay_value spelled(forebay_value value, std::array<char, kMaxDigits>& digits) noexcept {
  if (value.type != kLargeUnsigned) return value;
  auto number = static_cast<uint64_t>(value.as.i64);
  size_t at = kMaxDigits;
  do {
    digits[--at] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  forebay_value text{FOREBAY_STRING, static_cast<uint32_t>(kMaxDigits - at), {.i64 = 0}};
  text.as.data = digits.data() + at;
  return text;
}

}  // namespace detail

}  // namespace v1
}  // namespace forebay
