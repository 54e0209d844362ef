#include "encode/any_value.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"
#include "encode/utf8.h"
#include "encode/wire_reader.h"

namespace forebay::encode {
namespace {

using namespace std::string_literals;

std::string varint(size_t value) {
  std::string bytes;
  for (; value >= 128; value /= 128) bytes += static_cast<char>(value % 128 + 128);
  return bytes + static_cast<char>(value);
}
std::string field(char tag, const std::string& content) {
  return tag + varint(content.size()) + content;
}
std::string any_text(const std::string& content) { return field('\x0A', content); }
std::string list(const std::string& items) { return field('\x2A', items); }
std::string item(const std::string& value) { return field('\x0A', value); }
std::string map(const std::string& entries) { return field('\x32', entries); }
std::string entry(const std::string& key, const std::string& value) {
  return field('\x0A', field('\x0A', key) + field('\x12', value));
}
// `levels` lists within one another.
std::string nested_lists(int levels) {
  std::string value = "\x18\x01";
  for (int i = 0; i < levels; ++i) value = list(item(value));
  return value;
}

AnyValueState inspect(const std::string& message) { return inspect_any_value(as_bytes(message)); }
std::string repaired(const std::string& message) {
  ByteBuffer out;
  append_repaired_any_value(as_bytes(message), out);
  return std::string(as_text(out.view()));
}

TEST(AnyValueTest, every_kind_of_value_is_accepted) {
  for (const std::string& message :
       {""s, any_text(""), any_text("x"), "\x10\x01"s, "\x18\x96\x01"s, "\x21"s + "12345678"s,
        field('\x3A', "\xff\xfe"), list(""), list(item(any_text("a")) + item("")), map(""),
        map(entry("k", "\x18\x05") + entry("", list(item(map(entry("in", any_text("x")))))))}) {
    EXPECT_EQ(inspect(message), AnyValueState::kValid) << testing::PrintToString(message);
  }
}

TEST(AnyValueTest, what_is_no_any_value_is_malformed) {
  for (const std::string& message :
       {"\xff"s, "\x0A"s, "\x0A\x05hi"s, "\x18"s, "\x18\x80"s,
        "\x21"
        "1234567"s,
        "\x08\x01"s,                   // field 1 as a varint
        "\x42\x01x"s,                  // field 8
        "\x0B\x0C"s,                   // a group
        "\x02\x00"s,                   // field 0
        "\x8A\x00\x01x"s,              // a tag of two bytes
        list("\x12\x00"s),             // field 2 of an ArrayValue
        map(item(field('\x1A', ""))),  // field 3 of a KeyValue
        list(item("\x0A\x09"
                  "short"s)),
        "\x0A\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,  // a length of 2^64-1
        "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"s, any_text("ok") + "\x07"s}) {
    EXPECT_EQ(inspect(message), AnyValueState::kMalformed) << testing::PrintToString(message);
  }
}

TEST(AnyValueTest, nesting_is_accepted_up_to_the_limit_and_never_exhausts_the_stack) {
  // Each list is two messages: the AnyValue and the ArrayValue; the innermost value is one more.
  EXPECT_EQ(inspect(nested_lists((kMaxMessageDepth - 1) / 2)), AnyValueState::kValid);
  EXPECT_EQ(inspect(nested_lists(kMaxMessageDepth / 2)), AnyValueState::kMalformed);
  EXPECT_EQ(inspect(nested_lists(10'000)), AnyValueState::kMalformed);
}

TEST(AnyValueTest, bad_text_is_repaired_at_every_depth) {
  const std::string message = map(entry("bad\xff", any_text("fine")) +
                                  entry("k", list(item(any_text("\xC3")) + item("\x18\x07"))));
  ASSERT_EQ(inspect(message), AnyValueState::kBadText);
  EXPECT_EQ(wire::any_value(repaired(message)),
            "{bad\xEF\xBF\xBD=str:fine,k=[str:\xEF\xBF\xBD,int:7]}");
}

TEST(AnyValueTest, repairing_makes_lengths_grow_past_a_varint_byte) {
  const std::string message = list(item(any_text(std::string(100, '\xff'))));
  const std::string good = repaired(message);
  EXPECT_EQ(inspect(good), AnyValueState::kValid);
  EXPECT_EQ(wire::any_value(good).size(), std::string("[str:]").size() + 300);
}

TEST(AnyValueTest, bad_text_before_a_malformed_part_is_malformed) {
  EXPECT_EQ(inspect(list(item(any_text("\xff")) + "\x07"s)), AnyValueState::kMalformed);
}

TEST(AnyValueTest, whatever_is_accepted_or_repaired_reads_back) {
  const uint64_t seed = Random::from_system().next();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const std::string whole = map(entry("key", list(item(any_text("abc")) + item("\x18\x05"))) +
                                entry("other", field('\x3A', "bytes")));
  int states[3] = {};
  for (int round = 0; round < 20'000; ++round) {
    std::string message = whole;
    for (uint64_t flips = random.below(3) + 1; flips != 0; --flips) {
      message[random.below(message.size())] ^= static_cast<char>(1 << random.below(8));
    }
    const AnyValueState state = inspect(message);
    ++states[static_cast<int>(state)];
    if (state == AnyValueState::kMalformed) continue;
    const std::string good = state == AnyValueState::kBadText ? repaired(message) : message;
    ASSERT_EQ(inspect(good), AnyValueState::kValid) << testing::PrintToString(message);
  }
  for (const int seen : states) EXPECT_GT(seen, 0);
}

}  // namespace
}  // namespace forebay::encode
