#include "model/record.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "base/random.h"
#include "model/bound_attributes.h"
#include "record_maker.h"

namespace forebay::model {
namespace {

using namespace std::string_literals;

void expect_value(const ValueView& view, const forebay_value& value) {
  const bool known = value.type <= FOREBAY_ANYVALUE;
  ASSERT_EQ(view.type, known ? value.type : static_cast<uint32_t>(FOREBAY_NULL));
  if (value.type == FOREBAY_BOOL) {
    EXPECT_EQ(view.i64, value.as.i64 != 0 ? 1 : 0);
  } else if (value.type == FOREBAY_INT64) {
    EXPECT_EQ(view.i64, value.as.i64);
  } else if (value.type == FOREBAY_DOUBLE) {
    EXPECT_EQ(std::bit_cast<uint64_t>(view.f64), std::bit_cast<uint64_t>(value.as.f64));
  } else if (known && value.type >= FOREBAY_STRING) {
    EXPECT_EQ(view.bytes, std::string_view(value.as.data, value.size));
  }
}

TEST(RecordTest, a_record_of_a_site_is_a_header_and_its_values) {
  const Site* site = make_site({.body = "b", .keys = {"a", "b"}});
  const auto bytes = make_record(
      {.site = site, .values = {int_value(-7), text_value("seven")}, .scope = 3, .ticks = 99});
  // Header, type and 8 bytes, type and length and text.
  EXPECT_EQ(bytes.size(), 32u + 9u + 5u + 5u);
  RecordReader reader(bytes.data());
  EXPECT_EQ(reader.header().ticks, 99u);
  EXPECT_EQ(reader.header().site, site);
  EXPECT_EQ(reader.header().scope, 3u);
  EXPECT_EQ(reader.header().size, bytes.size());
  EXPECT_EQ(reader.header().value_count, 2u);
  EXPECT_EQ(reader.header().attribute_count, 0u);
  EXPECT_EQ(reader.header().severity, 9u);
  EXPECT_EQ(reader.header().flags, 0u);
  EXPECT_EQ(reader.context(), nullptr);
  ValueView body;
  EXPECT_FALSE(reader.own_body(body));
  EXPECT_EQ(reader.next_value().i64, -7);
  EXPECT_EQ(reader.next_value().bytes, "seven");
}

TEST(RecordTest, a_weight_comes_back_and_costs_those_without_one_nothing) {
  const Site* site = make_site({.body = "b", .keys = {"a"}});
  const auto plain = make_record({.site = site, .values = {int_value(1)}});
  const auto weighted = make_record({.site = site, .values = {int_value(1)}, .weight = 1000});
  EXPECT_EQ(weighted.size(), plain.size() + 8);
  RecordReader reader(weighted.data());
  EXPECT_EQ(reader.weight(), 1000u);
  EXPECT_EQ(reader.header().flags, kHasWeight);
  EXPECT_EQ(reader.next_value().i64, 1);
  EXPECT_EQ(RecordReader(plain.data()).weight(), 1u);
  EXPECT_EQ(weight_of(reader.header(), weighted.data()), 1000u);
  EXPECT_EQ(weight_of(RecordReader(plain.data()).header(), plain.data()), 1u);
}

TEST(RecordTest, everything_that_only_some_records_have_comes_back) {
  Extra extra;
  extra.fields.time_unix_nano = 123;
  std::memcpy(extra.fields.trace_id, "0123456789abcdef", 16);
  std::memcpy(extra.fields.span_id, "ABCDEFGH", 8);
  extra.fields.trace_flags = 1;
  extra.fields.severity_text = text("NOTICE");
  extra.fields.event_name = text("event");
  extra.fields.body = text_value("body");
  extra.fields.dropped_attributes_count = 5;
  extra.attribute("k", int_value(1)).attribute("", null_value());
  const auto bytes = make_record({.values = {double_value(0.5)},
                                  .extra = &extra,
                                  .severity = 17,
                                  .flags = kTruncated,
                                  .weight = 3});
  RecordReader reader(bytes.data());
  EXPECT_EQ(reader.header().flags,
            kTruncated | kHasWeight | kHasContext | kHasSeverityText | kHasEventName | kHasBody);
  EXPECT_EQ(reader.weight(), 3u);
  EXPECT_EQ(reader.header().dropped_attributes_count, 5u);
  ASSERT_NE(reader.context(), nullptr);
  EXPECT_EQ(reader.context()->time_unix_nano, 123u);
  EXPECT_EQ(std::memcmp(reader.context()->trace_id, "0123456789abcdef", 16), 0);
  EXPECT_EQ(std::memcmp(reader.context()->span_id, "ABCDEFGH", 8), 0);
  EXPECT_EQ(reader.context()->trace_flags, 1u);
  EXPECT_EQ(reader.severity_text(), "NOTICE");
  EXPECT_EQ(reader.event_name(), "event");
  ValueView body;
  ASSERT_TRUE(reader.own_body(body));
  EXPECT_EQ(body.bytes, "body");
  EXPECT_EQ(reader.next_value().f64, 0.5);
  std::string_view key;
  EXPECT_EQ(reader.next_attribute(key).i64, 1);
  EXPECT_EQ(key, "k");
  EXPECT_EQ(reader.next_attribute(key).type, static_cast<uint32_t>(FOREBAY_NULL));
  EXPECT_EQ(key, "");
}

TEST(RecordTest, bound_attributes_are_written_as_they_would_be_one_by_one) {
  Extra extra;
  extra.fields.event_name = text("event");
  extra.attribute("text", text_value("some text")).attribute("", int_value(-1));
  extra.attribute("nested", any_value("any")).attribute("none", null_value());
  for (const uint32_t type : {7u, 10u, 12u, 0xffffffffu}) {
    forebay_value unknown = int_value(5);
    unknown.type = type;
    extra.attribute("unknown", unknown);
  }
  extra.attribute("yes", bool_value(true)).attribute("half", double_value(0.5));
  const auto expected = make_record({.values = {int_value(1)}, .extra = &extra, .ticks = 7});
  const BoundAttributes bound(extra.fields.attributes, extra.fields.attribute_count);
  Extra with;
  with.fields.event_name = extra.fields.event_name;
  with.fields.struct_size = sizeof with.fields;
  with.fields.bound = &bound;
  with.fields.attributes = bound.attributes;
  with.fields.attribute_count = bound.attribute_count;
  ASSERT_EQ(bound_in(with.fields), &bound);
  const auto record = make_record({.values = {int_value(1)}, .extra = &with, .ticks = 7});
  // But for the room that is left where a type is unknown, and for the size that says so.
  ASSERT_LE(record.size(), expected.size());
  EXPECT_TRUE(std::equal(record.begin() + sizeof(RecordHeader), record.end(),
                         expected.begin() + sizeof(RecordHeader)));
  // One by one again: what is told of the set is as good as what it was made of.
  with.fields.bound = nullptr;
  EXPECT_EQ(make_record({.values = {int_value(1)}, .extra = &with, .ticks = 7}), expected);
}

TEST(RecordTest, what_is_bound_counts_only_where_all_of_it_is_given_and_the_caller_knows_of_it) {
  const forebay_attribute cells[] = {{"a", 1, 0, int_value(1)}, {"b", 1, 0, int_value(2)}};
  const BoundAttributes bound(cells, 2);
  forebay_extra extra{};
  extra.struct_size = sizeof extra;
  extra.bound = &bound;
  extra.attributes = bound.attributes;
  extra.attribute_count = 2;
  EXPECT_EQ(bound_in(extra), &bound);
  extra.attribute_count = 1;
  EXPECT_EQ(bound_in(extra), nullptr);
  extra.attribute_count = 2;
  extra.attributes = cells;
  EXPECT_EQ(bound_in(extra), nullptr);
  extra.attributes = bound.attributes;
  extra.struct_size = offsetof(forebay_extra, bound);  // of an older header
  EXPECT_EQ(bound_in(extra), nullptr);
}

TEST(RecordTest, what_a_bound_set_says_of_itself_has_nothing_else_and_is_known_by_its_address) {
  const forebay_attribute cells[] = {{"a", 1, 0, int_value(1)}, {"b", 1, 0, text_value("text")}};
  const BoundAttributes bound(cells, 2);
  EXPECT_EQ(only_bound_in(*bound.extra), &bound);
  EXPECT_EQ(bound_in(*bound.extra), &bound);
  forebay_extra copy = *bound.extra;
  EXPECT_EQ(only_bound_in(copy), nullptr);  // of which nobody knows what was put in
  EXPECT_EQ(bound_in(copy), &bound);
  copy.struct_size = offsetof(forebay_extra, bound);
  EXPECT_EQ(only_bound_in(copy), nullptr);

  const forebay_value values[] = {int_value(7), text_value("a text of more than sixteen bytes")};
  const auto record_of = [&](const BoundAttributes* only_bound) {
    RecordInput input;
    input.values = values;
    input.value_count = 2;
    input.extra = bound.extra;
    input.only_bound = only_bound;
    input.severity = 13;
    std::vector<uint8_t> bytes(measure_record(input));
    write_record(input, 5, static_cast<uint32_t>(bytes.size()), bytes.data());
    return bytes;
  };
  EXPECT_EQ(record_of(&bound), record_of(nullptr));
}

TEST(RecordTest, each_part_of_a_context_alone_makes_one) {
  for (int part = 0; part < 4; ++part) {
    Extra extra;
    if (part == 0) extra.fields.time_unix_nano = 1;
    if (part == 1) extra.fields.trace_id[15] = 1;
    if (part == 2) extra.fields.span_id[7] = 1;
    if (part == 3) extra.fields.trace_flags = 1;
    const auto bytes = make_record({.extra = &extra});
    EXPECT_NE(RecordReader(bytes.data()).context(), nullptr) << part;
    EXPECT_EQ(bytes.size(), sizeof(RecordHeader) + sizeof(RecordContext));
  }
  const Extra nothing;
  EXPECT_EQ(make_record({.extra = &nothing}).size(), sizeof(RecordHeader));
}

TEST(RecordTest, more_dropped_attributes_than_fit_are_as_many_as_fit) {
  Extra extra;
  extra.fields.dropped_attributes_count = 1'000'000;
  const auto bytes = make_record({.extra = &extra});
  EXPECT_EQ(RecordReader(bytes.data()).header().dropped_attributes_count, UINT16_MAX);
}

TEST(RecordTest, an_unknown_type_is_no_value_and_a_bool_is_zero_or_one) {
  forebay_value unknown = int_value(5);
  for (const uint32_t type : {7u, 8u, 12u, 255u, 256u, 0xffffffffu}) {
    unknown.type = type;
    const auto bytes = make_record({.values = {unknown, int_value(6)}});
    RecordReader reader(bytes.data());
    EXPECT_EQ(reader.next_value().type, static_cast<uint32_t>(FOREBAY_NULL)) << type;
    EXPECT_EQ(reader.next_value().i64, 6) << type;
  }
  forebay_value odd = bool_value(true);
  odd.as.i64 = 256;
  const auto bytes = make_record({.values = {odd}});
  EXPECT_EQ(RecordReader(bytes.data()).next_value().i64, 1);
}

TEST(RecordTest, texts_of_every_length_come_back_and_take_what_was_measured) {
  for (size_t size = 0; size < 70; ++size) {
    std::string content;
    for (size_t i = 0; i < size; ++i) content += static_cast<char>('!' + i);
    // In memory of just its size: a sanitizer sees a byte too many, read or written.
    const std::vector<char> exact(content.begin(), content.end());
    const auto bytes = make_record({.values = {text_value({exact.data(), exact.size()})}});
    EXPECT_EQ(bytes.size(), sizeof(RecordHeader) + 5 + size);
    EXPECT_EQ(RecordReader(bytes.data()).next_value().bytes, content);
  }
}

forebay_value random_value(Random& random, const std::string& text) {
  const size_t size = random.below(text.size());
  const size_t at = random.below(text.size() - size);
  const std::string_view piece = std::string_view(text).substr(at, size);
  switch (random.below(8)) {
    case 1:
      return bool_value(random.below(2) != 0);
    case 2:
      return int_value(static_cast<int64_t>(random.next()));
    case 3:
      return double_value(std::bit_cast<double>(random.next()));
    case 4:
      return text_value(piece);
    case 5:
      return bytes_value(piece);
    case 6:
      return any_value(piece);
    default:
      return null_value();
  }
}

TEST(RecordTest, whatever_is_written_is_read) {
  const uint64_t seed = Random::from_system().next();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  std::string pool(300, '\0');
  for (char& c : pool) c = static_cast<char>(random.next());
  for (int round = 0; round < 3000; ++round) {
    RecordContent content;
    for (uint64_t n = random.below(6); n != 0; --n) {
      content.values.push_back(random_value(random, pool));
    }
    Extra extra;
    std::vector<std::string_view> keys;
    std::vector<forebay_value> own;
    if (random.below(2) != 0) {
      content.extra = &extra;
      extra.fields.body = random_value(random, pool);
      extra.fields.time_unix_nano = random.below(2);
      if (random.below(2) != 0)
        extra.fields.event_name = text(std::string_view(pool).substr(9, 40));
      for (uint64_t n = random.below(6); n != 0; --n) {
        keys.push_back(std::string_view(pool).substr(random.below(200), random.below(100)));
        own.push_back(random_value(random, pool));
        extra.attribute(keys.back(), own.back());
      }
    }
    const auto bytes = make_record(content);
    RecordReader reader(bytes.data());
    ASSERT_EQ(reader.header().size, bytes.size());
    ValueView body;
    const bool has_body =
        content.extra != nullptr && extra.fields.body.type != static_cast<uint32_t>(FOREBAY_NULL);
    ASSERT_EQ(reader.own_body(body), has_body);
    if (has_body) expect_value(body, extra.fields.body);
    ASSERT_EQ(reader.event_name().size(),
              content.extra != nullptr ? extra.fields.event_name.size : 0);
    for (const forebay_value& value : content.values) expect_value(reader.next_value(), value);
    ASSERT_EQ(reader.header().attribute_count, own.size());
    for (size_t i = 0; i < own.size(); ++i) {
      std::string_view key;
      expect_value(reader.next_attribute(key), own[i]);
      ASSERT_EQ(key, keys[i]);
    }
  }
}

}  // namespace
}  // namespace forebay::model
