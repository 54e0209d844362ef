#include "encode/utf8.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace forebay::encode {
namespace {

std::string replaced(std::string_view text) {
  ByteBuffer out;
  append_valid_utf8(text, out);
  return std::string(as_text(out.view()));
}

constexpr std::string_view kMark = "\xEF\xBF\xBD";
std::string marks(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += kMark;
  return text;
}

TEST(Utf8Test, text_of_every_length_of_character_is_valid_and_kept) {
  for (const std::string_view text :
       {"", "plain", "\x7f", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF",
        "twelve bytes \xE6\x97\xA5\xE6\x9C\xAC and more than sixteen"}) {
    EXPECT_TRUE(is_valid_utf8(text)) << text;
    EXPECT_EQ(replaced(text), text);
  }
}

TEST(Utf8Test, each_maximal_ill_formed_part_becomes_one_mark) {
  // The rows of the Unicode standard's tables 3-8 to 3-11, and the ends of texts.
  const struct {
    std::string_view text;
    std::string expected;
  } cases[] = {
      {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", marks(8) + "A"},
      {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", marks(8) + "A"},
      {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", marks(5) + "A" + marks(2) + "B"},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", marks(4) + "A"},
      {"a\xE2\x82", "a" + marks(1)},
      {"\xF0\x9F\x98", marks(1)},
      {"\xC3", marks(1)},
      {"\x80", marks(1)},
      {"\xC1\x81", marks(2)},
      {"\xF5\x80\x80\x80", marks(4)},
      {"ok \xFF then ok", "ok " + marks(1) + " then ok"},
  };
  for (const auto& c : cases) {
    EXPECT_FALSE(is_valid_utf8(c.text)) << c.expected;
    EXPECT_EQ(replaced(c.text), c.expected);
    EXPECT_TRUE(is_valid_utf8(c.expected));
    EXPECT_LE(c.expected.size(), c.text.size() * kMaxReplacementGrowth);
  }
}

TEST(Utf8Test, a_bad_byte_is_seen_at_every_place_of_a_text_of_any_length) {
  for (size_t size = 1; size < 70; ++size) {
    for (size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      text[at] = '\xFF';
      EXPECT_FALSE(is_valid_utf8(text)) << size << " " << at;
      EXPECT_EQ(replaced(text).size(), size + 2);
    }
  }
}

TEST(Utf8Test, copying_tells_ascii_and_touches_only_its_own_bytes) {
  for (size_t size = 0; size < 100; ++size) {
    for (size_t at = 0; at <= size; ++at) {  // at == size: all ASCII
      std::string text;
      for (size_t i = 0; i < size; ++i) text += static_cast<char>('a' + i % 26);
      if (at < size) text[at] = '\x80';
      // Of just their size: a sanitizer sees a byte too many.
      const auto from = std::make_unique<char[]>(size);
      std::memcpy(from.get(), text.data(), size);
      const auto to = std::make_unique<uint8_t[]>(size);
      EXPECT_EQ(copy_ascii(to.get(), from.get(), size), at == size) << size << " " << at;
      EXPECT_EQ(as_text({to.get(), size}), text);
    }
  }
}

}  // namespace
}  // namespace forebay::encode
