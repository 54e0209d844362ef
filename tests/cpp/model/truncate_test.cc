#include "model/truncate.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "record_maker.h"

namespace forebay::model {
namespace {

RecordInput input_of(const std::vector<forebay_value>& values, const Extra* extra = nullptr) {
  RecordInput input;
  input.values = values.data();
  input.value_count = static_cast<uint32_t>(values.size());
  input.extra = extra != nullptr ? &extra->fields : nullptr;
  input.severity = 9;
  return input;
}

// Written and read back: what is left of it.
struct ReadBack {
  RecordHeader header{};
  std::string body;
  std::vector<std::string> values;
  std::vector<std::string> keys;
};

ReadBack read_back(const RecordInput& input) {
  const uint64_t size = measure_record(input);
  std::vector<uint8_t> bytes(size);
  write_record(input, 1, static_cast<uint32_t>(size), bytes.data());
  RecordReader reader(bytes.data());
  ReadBack read;
  read.header = reader.header();
  ValueView body;
  if (reader.own_body(body)) read.body = body.bytes;
  for (int i = 0; i < read.header.value_count; ++i) {
    read.values.emplace_back(reader.next_value().bytes);
  }
  for (int i = 0; i < read.header.attribute_count; ++i) {
    std::string_view key;
    (void)reader.next_attribute(key);
    read.keys.emplace_back(key);
  }
  return read;
}

TEST(TruncateTest, the_longest_text_gives_up_just_what_is_too_much) {
  const std::string longest(10'000, 'l');
  const std::string other(300, 'o');
  const std::vector<forebay_value> values = {text_value(other), text_value(longest)};
  const TruncatedRecord cut(input_of(values), 1000);
  EXPECT_EQ(measure_record(cut.input()), 1000u);
  const ReadBack read = read_back(cut.input());
  EXPECT_EQ(read.values[0], other);
  EXPECT_EQ(read.values[1], longest.substr(0, read.values[1].size()));
  EXPECT_NE(read.header.flags & kTruncated, 0);
  EXPECT_EQ(read.header.dropped_attributes_count, 0);
}

TEST(TruncateTest, several_texts_are_cut_when_one_is_not_enough) {
  const std::string a(5000, 'a');
  const std::string b(4000, 'b');
  const std::vector<forebay_value> values = {text_value(b), text_value(a)};
  const TruncatedRecord cut(input_of(values), 256);
  EXPECT_LE(measure_record(cut.input()), 256u);
  const ReadBack read = read_back(cut.input());
  EXPECT_GE(read.values[0].size(), 32u);
  EXPECT_GE(read.values[1].size(), 32u);
}

TEST(TruncateTest, a_cut_falls_between_characters) {
  const std::string characters[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
  for (const std::string& character : characters) {
    std::string body;
    while (body.size() < 3000) body += character;
    for (uint64_t most = 256; most < 264; ++most) {
      Extra extra;
      extra.fields.body = text_value(body);
      const TruncatedRecord cut(input_of({}, &extra), most);
      const ReadBack read = read_back(cut.input());
      EXPECT_EQ(read.body.size() % character.size(), 0u) << character;
      EXPECT_LE(read.header.size, most);
      EXPECT_GT(read.header.size, most - character.size());
    }
  }
}

TEST(TruncateTest, bytes_that_are_no_characters_are_cut_all_the_same) {
  const std::string body(3000, '\x80');
  Extra extra;
  extra.fields.body = text_value(body);
  const TruncatedRecord cut(input_of({}, &extra), 300);
  EXPECT_LE(measure_record(cut.input()), 300u);
  EXPECT_GT(read_back(cut.input()).body.size(), 200u);
}

TEST(TruncateTest, what_cannot_be_shortened_goes_as_a_whole_and_is_counted) {
  const std::string nested(2000, 'n');
  const std::string bytes(2000, 'b');
  Extra extra;
  extra.attribute("nested", any_value(nested)).attribute("number", int_value(7));
  const std::vector<forebay_value> values = {bytes_value(bytes)};
  const TruncatedRecord cut(input_of(values, &extra), 300);
  const ReadBack read = read_back(cut.input());
  EXPECT_LE(read.header.size, 300u);
  EXPECT_EQ(read.header.dropped_attributes_count, 2);
  EXPECT_EQ(read.keys, (std::vector<std::string>{"nested", "number"}));
}

TEST(TruncateTest, attributes_go_from_the_back_when_texts_are_as_short_as_they_get) {
  std::deque<std::string> keys;
  Extra extra;
  for (int i = 0; i < 100; ++i)
    extra.attribute(keys.emplace_back("key" + std::to_string(i)), int_value(i));
  const TruncatedRecord cut(input_of({}, &extra), 500);
  const ReadBack read = read_back(cut.input());
  EXPECT_LE(read.header.size, 500u);
  ASSERT_GT(read.keys.size(), 10u);
  EXPECT_EQ(read.keys.front(), "key0");
  EXPECT_EQ(read.keys.back(), "key" + std::to_string(read.keys.size() - 1));
  EXPECT_EQ(read.header.dropped_attributes_count, 100 - read.keys.size());
}

TEST(TruncateTest, keys_and_names_without_end_are_cut_too) {
  const std::string key(1'000'000, 'k');
  const std::string name(1'000'000, 'e');
  Extra extra;
  extra.attribute(key, int_value(1));
  extra.fields.event_name = text(name);
  extra.fields.severity_text = text(name);
  const TruncatedRecord cut(input_of({}, &extra), 4096);
  const ReadBack read = read_back(cut.input());
  EXPECT_LE(read.header.size, 4096u);
  ASSERT_EQ(read.keys.size(), 1u);
  EXPECT_EQ(read.keys[0].size(), 1024u);
}

TEST(TruncateTest, names_leave_room_in_the_smallest_record_and_are_cut_between_characters) {
  std::string name;
  while (name.size() < 600) name += "\xe2\x82\xac";
  Extra extra;
  extra.fields.time_unix_nano = 1;
  extra.fields.event_name = text(name);
  extra.fields.severity_text = text(name);
  extra.fields.body = text_value(name);
  const TruncatedRecord cut(input_of({}, &extra), 256);
  EXPECT_LE(measure_record(cut.input()), 256u);
  EXPECT_EQ(cut.input().extra->event_name.size, 30u);
  EXPECT_EQ(cut.input().extra->severity_text.size, 30u);
  EXPECT_GT(read_back(cut.input()).body.size(), 60u);
}

TEST(TruncateTest, the_original_is_not_touched) {
  const std::string body(5000, 'x');
  Extra extra;
  extra.fields.body = text_value(body);
  extra.attribute("text", text_value(body));
  const RecordInput input = input_of({}, &extra);
  const uint64_t before = measure_record(input);
  const TruncatedRecord cut(input, 256);
  EXPECT_EQ(measure_record(input), before);
  EXPECT_EQ(extra.fields.body.size, 5000u);
  EXPECT_EQ(extra.fields.dropped_attributes_count, 0u);
}

TEST(TruncateTest, any_record_fits_any_limit_from_256_bytes_on) {
  const uint64_t first = 1;
  for (uint64_t seed = first; seed < first + 2000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const std::string pad(20'000, 'p');
    const auto some_value = [&] {
      const std::string_view content =
          std::string_view(pad).substr(0, random.below(random.below(3) == 0 ? 20'000 : 100));
      switch (random.below(5)) {
        case 0:
          return int_value(1);
        case 1:
          return bytes_value(content);
        case 2:
          return any_value(content);
        case 3:
          return null_value();
        default:
          return text_value(content);
      }
    };
    std::vector<forebay_value> values;
    for (uint64_t n = random.below(40); n != 0; --n) values.push_back(some_value());
    Extra extra;
    std::deque<std::string> keys;
    for (uint64_t n = random.below(40); n != 0; --n) {
      extra.attribute(keys.emplace_back(random.below(2000), 'k'), some_value());
    }
    if (random.below(2) == 0) extra.fields.body = some_value();
    if (random.below(2) == 0) extra.fields.time_unix_nano = 1;
    if (random.below(4) == 0) extra.fields.event_name = text(pad);
    if (random.below(4) == 0) extra.fields.severity_text = text(pad);
    const uint64_t most = 256 + random.below(random.below(2) == 0 ? 200 : 20'000);
    const TruncatedRecord cut(input_of(values, &extra), most);
    const ReadBack read = read_back(cut.input());
    ASSERT_LE(read.header.size, most);
  }
}

}  // namespace
}  // namespace forebay::model
