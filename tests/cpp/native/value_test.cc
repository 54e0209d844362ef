#include "forebay/value.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <type_traits>

namespace {

using forebay::Value;

TEST(ValueTest, every_integer_up_to_63_bits_is_an_int64) {
  const auto number = [](auto value) {
    const forebay_value raw = Value(value).raw();
    EXPECT_EQ(raw.type, uint32_t{FOREBAY_INT64});
    return raw.as.i64;
  };
  EXPECT_EQ(number(int8_t{-5}), -5);
  EXPECT_EQ(number(uint8_t{200}), 200);
  EXPECT_EQ(number(int16_t{-300}), -300);
  EXPECT_EQ(number(4'000'000'000U), 4'000'000'000);
  EXPECT_EQ(number(-1L), -1);
  EXPECT_EQ(number(-1LL), -1);
  EXPECT_EQ(number(uint64_t{INT64_MAX}), INT64_MAX);
}

TEST(ValueTest, an_unsigned_number_beyond_goes_out_as_its_digits) {
  std::array<char, forebay::detail::kMaxDigits> digits;
  const auto text = [&](uint64_t value) {
    const forebay_value raw = forebay::detail::spelled(Value(value).raw(), digits);
    EXPECT_EQ(raw.type, uint32_t{FOREBAY_STRING});
    return std::string(raw.as.data, raw.size);
  };
  EXPECT_EQ(text(UINT64_MAX), "18446744073709551615");
  EXPECT_EQ(text(uint64_t{1} << 63), "9223372036854775808");
}

TEST(ValueTest, a_bool_is_no_integer_and_an_enumeration_is_its_number) {
  enum class Colour : uint8_t { kRed = 7 };
  EXPECT_EQ(Value(true).raw().type, uint32_t{FOREBAY_BOOL});
  EXPECT_EQ(Value(true).raw().as.i64, 1);
  EXPECT_EQ(Value(Colour::kRed).raw().type, uint32_t{FOREBAY_INT64});
  EXPECT_EQ(Value(Colour::kRed).raw().as.i64, 7);
}

TEST(ValueTest, strings_of_every_kind_keep_their_bytes_and_their_size) {
  const auto text = [](const Value& value) {
    EXPECT_EQ(value.raw().type, uint32_t{FOREBAY_STRING});
    return std::string(value.raw().as.data, value.raw().size);
  };
  const std::string with_zero("a\0b", 3);
  const char* pointer = "pointer";
  EXPECT_EQ(text(with_zero), with_zero);
  EXPECT_EQ(text(std::string_view("view")), "view");
  EXPECT_EQ(text(pointer), "pointer");
  EXPECT_EQ(text("literal"), "literal");
}

TEST(ValueTest, a_null_pointer_is_null) {
  const char* nothing = nullptr;
  EXPECT_EQ(Value(nothing).raw().type, uint32_t{FOREBAY_NULL});
  EXPECT_EQ(Value(nullptr).raw().type, uint32_t{FOREBAY_NULL});
}

TEST(ValueTest, floats_are_doubles_and_bytes_are_bytes) {
  EXPECT_EQ(Value(1.5F).raw().type, uint32_t{FOREBAY_DOUBLE});
  EXPECT_EQ(Value(1.5F).raw().as.f64, 1.5);
  EXPECT_TRUE(std::isnan(Value(std::nan("")).raw().as.f64));
  const std::array<std::byte, 2> bytes{std::byte{0}, std::byte{255}};
  EXPECT_EQ(Value(std::span<const std::byte>(bytes)).raw().type, uint32_t{FOREBAY_BYTES});
  EXPECT_EQ(Value(std::span<const std::byte>(bytes)).raw().size, 2U);
}

// What compiles is part of the promise: a pointer is not silently a bool, a character no number.
static_assert(!std::is_constructible_v<Value, void*>);
static_assert(!std::is_constructible_v<Value, char>);

}  // namespace
