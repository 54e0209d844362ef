#include "encode/otlp_logs.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>

#include "encode/any_value.h"
#include "encode/wire_reader.h"
#include "record_maker.h"

namespace forebay::encode {
namespace {

using namespace std::string_literals;

constexpr WallTime kObserved{Duration{1'800'000'000'123'456'789}};

wire::LogRecord encoded(const RecordContent& content, WallTime observed = kObserved) {
  LogEncoder encoder;
  ByteBuffer out;
  encoder.append_record(make_record(content).data(), observed, out);
  const auto records = wire::log_records(out.view());
  EXPECT_EQ(records.size(), 1u);
  return records.at(0);
}

TEST(LogEncoderTest, a_record_carries_its_site_and_a_value_for_each_key) {
  const auto* site = make_site({.severity = 9,
                                .body = "request finished",
                                .keys = {"route", "status", "elapsed_ms", "cached"}});
  const auto record = encoded(
      {.site = site,
       .values = {text_value("/items"), int_value(200), double_value(12.5), bool_value(true)}});
  EXPECT_EQ(record.time, 1'800'000'000'123'456'789u);
  EXPECT_EQ(record.observed, 1'800'000'000'123'456'789u);
  EXPECT_EQ(record.severity, 9u);
  EXPECT_EQ(record.severity_text, "INFO");
  EXPECT_EQ(record.body, "str:request finished");
  EXPECT_EQ(record.attributes, (wire::Attributes{{"route", "str:/items"},
                                                 {"status", "int:200"},
                                                 {"elapsed_ms", "double:12.5"},
                                                 {"cached", "bool:1"}}));
  EXPECT_EQ(record.dropped_attributes, 0u);
  EXPECT_EQ(record.flags, 0u);
  EXPECT_EQ(record.trace_id + record.span_id + record.event_name, "");
}

TEST(LogEncoderTest, every_type_of_value_becomes_its_any_value) {
  const auto* site = make_site({.keys = {"null", "no", "min", "zero", "empty", "bytes", "list"}});
  const auto record = encoded(
      {.site = site,
       .values = {null_value(), bool_value(false), int_value(INT64_MIN), int_value(0),
                  text_value(""), bytes_value("\xff\x01"), any_value("\x2A\x04\x0A\x02\x18\x07")}});
  EXPECT_EQ(record.attributes, (wire::Attributes{{"null", "empty"},
                                                 {"no", "bool:0"},
                                                 {"min", "int:-9223372036854775808"},
                                                 {"zero", "int:0"},
                                                 {"empty", "str:"},
                                                 {"bytes", "bytes:\xff\x01"},
                                                 {"list", "[int:7]"}}));
}

TEST(LogEncoderTest, fewer_values_leave_the_last_keys_out_and_more_are_ignored) {
  const auto* site = make_site({.keys = {"a", "b"}});
  EXPECT_EQ(encoded({.site = site, .values = {int_value(1)}}).attributes,
            (wire::Attributes{{"a", "int:1"}}));
  EXPECT_EQ(
      encoded({.site = site, .values = {int_value(1), int_value(2), int_value(3)}}).attributes,
      (wire::Attributes{{"a", "int:1"}, {"b", "int:2"}}));
}

TEST(LogEncoderTest, a_body_among_the_values_comes_before_the_keys) {
  const auto* site = make_site({.body = "unused", .keys = {"a"}, .body_in_values = true});
  auto record = encoded({.site = site, .values = {text_value("the body"), int_value(1)}});
  EXPECT_EQ(record.body, "str:the body");
  EXPECT_EQ(record.attributes, (wire::Attributes{{"a", "int:1"}}));

  Extra extra;
  extra.fields.body = int_value(42);
  record =
      encoded({.site = site, .values = {text_value("the body"), int_value(1)}, .extra = &extra});
  EXPECT_EQ(record.body, "int:42") << "the record's own body wins";
  EXPECT_EQ(record.attributes, (wire::Attributes{{"a", "int:1"}}));

  EXPECT_EQ(encoded({.site = site, .values = {null_value()}}).body, "none");
  EXPECT_EQ(encoded({.site = site, .values = {}}).body, "none");
}

TEST(LogEncoderTest, an_empty_body_is_left_out) {
  EXPECT_EQ(encoded({.site = make_site({.keys = {"x"}}), .values = {int_value(1)}}).body, "none");
}

TEST(LogEncoderTest, context_event_name_and_dropped_count_are_carried) {
  Extra extra;
  extra.fields.time_unix_nano = 77;
  std::memcpy(extra.fields.trace_id, "0123456789abcdef", 16);
  std::memcpy(extra.fields.span_id, "ABCDEFGH", 8);
  extra.fields.trace_flags = 0x301;
  extra.fields.event_name = text("user.login");
  extra.fields.dropped_attributes_count = 300;
  extra.fields.severity_text = text("NOTICE");
  const auto record = encoded({.site = make_site({.body = "b"}), .extra = &extra});
  EXPECT_EQ(record.time, 77u);
  EXPECT_EQ(record.observed, 1'800'000'000'123'456'789u);
  EXPECT_EQ(record.trace_id, "0123456789abcdef");
  EXPECT_EQ(record.span_id, "ABCDEFGH");
  EXPECT_EQ(record.flags, 0x301u);
  EXPECT_EQ(record.event_name, "user.login");
  EXPECT_EQ(record.dropped_attributes, 300u);
  EXPECT_EQ(record.severity_text, "NOTICE");
  EXPECT_EQ(record.body, "str:b");
}

TEST(LogEncoderTest, ids_that_are_all_zero_are_left_out_one_by_one) {
  Extra extra;
  extra.fields.trace_id[15] = 1;
  auto record = encoded({.site = make_site({.body = "b"}), .extra = &extra});
  EXPECT_EQ(record.trace_id, std::string(15, '\0') + "\x01");
  EXPECT_EQ(record.span_id, "");

  Extra flags_only;
  flags_only.fields.trace_flags = 1;
  record = encoded({.site = make_site({.body = "b"}), .extra = &flags_only});
  EXPECT_EQ(record.trace_id + record.span_id, "");
  EXPECT_EQ(record.flags, 1u);
}

TEST(LogEncoderTest, a_severity_that_is_not_the_sites_has_its_standard_name) {
  const auto* site = make_site({.severity = 9, .severity_text = "HINWEIS", .body = "b"});
  EXPECT_EQ(encoded({.site = site, .severity = 9}).severity_text, "HINWEIS");
  const auto record = encoded({.site = site, .severity = 18});
  EXPECT_EQ(record.severity, 18u);
  EXPECT_EQ(record.severity_text, "ERROR2");
  EXPECT_EQ(record.body, "str:b");
}

TEST(LogEncoderTest, a_record_without_a_site_carries_everything_itself) {
  Extra extra;
  extra.fields.body = text_value("alone");
  extra.attribute("k", int_value(1));
  const auto record = encoded({.extra = &extra, .severity = 13});
  EXPECT_EQ(record.severity, 13u);
  EXPECT_EQ(record.severity_text, "WARN");
  EXPECT_EQ(record.body, "str:alone");
  EXPECT_EQ(record.attributes, (wire::Attributes{{"k", "int:1"}}));
}

TEST(LogEncoderTest, the_last_of_equal_keys_wins) {
  const auto* site = make_site({.keys = {"a", "b", "a"}});
  EXPECT_EQ(
      encoded({.site = site, .values = {int_value(1), int_value(2), int_value(3)}}).attributes,
      (wire::Attributes{{"a", "int:3"}, {"b", "int:2"}}));
  EXPECT_EQ(encoded({.site = site, .values = {int_value(1), int_value(2)}}).attributes,
            (wire::Attributes{{"a", "int:1"}, {"b", "int:2"}}))
      << "a key without a value shadows nothing";

  Extra extra;
  extra.attribute("b", int_value(4)).attribute("c", int_value(5)).attribute("c", null_value());
  EXPECT_EQ(
      encoded({.site = site, .values = {int_value(1), int_value(2)}, .extra = &extra}).attributes,
      (wire::Attributes{{"a", "int:1"}, {"b", "int:4"}, {"c", "empty"}}));
}

TEST(LogEncoderTest, keys_that_become_equal_by_repair_are_one_key) {
  const auto* site = make_site({.keys = {"k\xff", "k\xfe"}});
  const std::string key = "k" + std::string(wire::kMark);
  EXPECT_EQ(encoded({.site = site, .values = {int_value(1), int_value(2)}}).attributes,
            (wire::Attributes{{key, "int:2"}}));
  Extra extra;
  extra.attribute("k\xfd", int_value(3));
  EXPECT_EQ(encoded({.site = site, .values = {int_value(1)}, .extra = &extra}).attributes,
            (wire::Attributes{{key, "int:3"}}));
}

TEST(LogEncoderTest, many_attributes_are_unique_too) {
  std::vector<std::string> keys;
  for (int i = 0; i < 300; ++i) keys.push_back("key" + std::to_string(i % 100));
  Extra extra;
  for (int i = 0; i < 300; ++i) extra.attribute(keys[static_cast<size_t>(i)], int_value(i));
  const auto record = encoded({.extra = &extra});
  ASSERT_EQ(record.attributes.size(), 100u);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(record.attributes.at("key" + std::to_string(i)), "int:" + std::to_string(200 + i));
  }
}

TEST(LogEncoderTest, the_source_location_gives_way_to_the_users_attributes) {
  const SiteContent content{
      .body = "b", .keys = {"a"}, .file = "/srv/app.py", .function = "app.main", .line = 300};
  const auto* site = make_site(content);
  EXPECT_EQ(encoded({.site = site, .values = {int_value(1)}}).attributes,
            (wire::Attributes{{"a", "int:1"},
                              {"code.file.path", "str:/srv/app.py"},
                              {"code.function.name", "str:app.main"},
                              {"code.line.number", "int:300"}}));

  SiteContent clashing = content;
  clashing.keys = {"code.file.path"};
  Extra extra;
  extra.attribute("code.line.number", int_value(7));
  EXPECT_EQ(encoded({.site = make_site(clashing), .values = {text_value("mine")}, .extra = &extra})
                .attributes,
            (wire::Attributes{{"code.file.path", "str:mine"},
                              {"code.function.name", "str:app.main"},
                              {"code.line.number", "int:7"}}));
  EXPECT_EQ(encoded({.site = make_site(clashing)}).attributes.at("code.file.path"),
            "str:/srv/app.py")
      << "a key without a value shadows nothing";
}

TEST(LogEncoderTest, a_record_that_was_cut_says_so) {
  const auto* site = make_site({.keys = {"a", "forebay.truncated"}});
  const auto record = encoded(
      {.site = site, .values = {int_value(1), text_value("no")}, .flags = model::kTruncated});
  EXPECT_EQ(record.attributes, (wire::Attributes{{"a", "int:1"}, {"forebay.truncated", "bool:1"}}));
  EXPECT_EQ(encoded({.site = make_site({.body = "b"}), .flags = model::kInternal}).attributes,
            wire::Attributes{});
}

TEST(LogEncoderTest, text_that_is_not_utf8_is_repaired_wherever_it_stands) {
  const auto* site = make_site({.severity_text = "I\xff",
                                .body = "b\xff",
                                .keys = {"k\xff"},
                                .file = "f\xff",
                                .function = "g\xff"});
  Extra extra;
  extra.fields.event_name = text("e\xff");
  extra.attribute("own\xff", text_value("v\xff"));
  const std::string mark(wire::kMark);
  const auto record = encoded({.site = site, .values = {text_value("s\xff")}, .extra = &extra});
  EXPECT_EQ(record.severity_text, "I" + mark);
  EXPECT_EQ(record.body, "str:b" + mark);
  EXPECT_EQ(record.event_name, "e" + mark);
  EXPECT_EQ(record.attributes, (wire::Attributes{{"k" + mark, "str:s" + mark},
                                                 {"own" + mark, "str:v" + mark},
                                                 {"code.file.path", "str:f" + mark},
                                                 {"code.function.name", "str:g" + mark}}));
}

TEST(LogEncoderTest, a_record_that_stands_for_more_than_itself_says_for_how_many) {
  const auto* site = make_site({.body = "b", .keys = {"a", "forebay.adjusted_count"}});
  EXPECT_EQ(encoded({.site = site, .values = {int_value(1)}, .weight = 50}).attributes,
            (wire::Attributes{{"a", "int:1"}, {"forebay.adjusted_count", "int:50"}}));
  EXPECT_EQ(
      encoded({.site = site, .values = {int_value(1), int_value(2)}, .weight = 50}).attributes,
      (wire::Attributes{{"a", "int:1"}, {"forebay.adjusted_count", "int:50"}}))
      << "a caller's attribute of that name gives way";
  EXPECT_EQ(encoded({.site = site, .values = {int_value(1)}}).attributes,
            (wire::Attributes{{"a", "int:1"}}));
}

TEST(LogEncoderTest, a_long_text_of_bad_bytes_has_room_to_grow) {
  const std::string bad(100'000, '\xff');
  const auto* site = make_site({.keys = {"a", "b"}});
  const auto record = encoded({.site = site, .values = {text_value(bad), text_value("after")}});
  EXPECT_EQ(record.attributes.at("a").size(), 4 + 300'000u);
  EXPECT_EQ(record.attributes.at("b"), "str:after");
}

TEST(LogEncoderTest, an_any_value_that_is_none_costs_only_itself) {
  const auto* site = make_site({.keys = {"bad", "text", "good"}});
  const auto record =
      encoded({.site = site,
               .values = {any_value("\xff\xff\xff"), any_value("\x0A\x02\xC3x"), int_value(1)}});
  EXPECT_EQ(record.attributes, (wire::Attributes{{"bad", "str:" + std::string(kInvalidAnyValue)},
                                                 {"text", "str:" + std::string(wire::kMark) + "x"},
                                                 {"good", "int:1"}}));
}

TEST(LogEncoderTest, lengths_are_right_at_every_size_of_a_record) {
  // One encoder, so that its guess of the length's width is wrong in both directions.
  const auto* site = make_site({.body = "b", .keys = {"text"}});
  LogEncoder encoder;
  for (size_t size :
       {0u,      1u,      60u,     70u,     71u,        72u, 73u, 74u,     75u,  76u,  77u,
        78u,     79u,     80u,     81u,     82u,        83u, 84u, 85u,     100u, 127u, 128u,
        16'000u, 16'300u, 16'383u, 16'384u, 2'097'152u, 3u,  90u, 16'384u, 90u}) {
    const std::string content(size, 'x');
    ByteBuffer out;
    encoder.append_record(make_record({.site = site, .values = {text_value(content)}}).data(),
                          kObserved, out);
    const auto records = wire::log_records(out.view());
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].attributes.at("text"), "str:" + content);
  }
}

TEST(LogEncoderTest, records_are_appended_and_need_no_memory_once_there_is_room) {
  const auto* site = make_site({.body = "b", .keys = {"n"}});
  LogEncoder encoder;
  ByteBuffer out;
  out.reserve(1 << 16);
  const uint8_t* memory = out.data();
  for (int i = 0; i < 100; ++i) {
    encoder.append_record(make_record({.site = site, .values = {int_value(i)}}).data(), kObserved,
                          out);
  }
  EXPECT_EQ(out.data(), memory);
  const auto records = wire::log_records(out.view());
  ASSERT_EQ(records.size(), 100u);
  EXPECT_EQ(records[99].attributes.at("n"), "int:99");
}

TEST(LogEncoderTest, a_time_before_the_epoch_is_unknown) {
  const auto record = encoded({.site = make_site({.body = "b"})}, WallTime{Duration{-5}});
  EXPECT_EQ(record.observed, 0u);
}

TEST(LogEncoderTest, a_request_holds_the_resource_and_each_scope_with_its_records) {
  LogEncoder encoder;
  ByteBuffer first;
  ByteBuffer second;
  const auto* site = make_site({.body = "b", .keys = {"n"}});
  for (int i = 0; i < 3; ++i) {
    encoder.append_record(make_record({.site = site, .values = {int_value(i)}}).data(), kObserved,
                          i < 2 ? first : second);
  }
  model::Resource resource;
  resource.attributes = {{"service.name", model::OwnedValue::text("checkout")},
                         {"bad\xff", model::OwnedValue::copy_of(int_value(3))}};
  const model::Scope api{.id = 1,
                         .name = "checkout.api",
                         .version = "2.0",
                         .attributes = {{"team", model::OwnedValue::text("x")},
                                        {"team", model::OwnedValue::text("y")}}};
  const model::Scope nameless;
  const std::array segments = {ScopeSegment{&api, first.view()},
                               ScopeSegment{&nameless, second.view()}};
  ByteBuffer out;
  out.append("before");
  encoder.append_request(resource, segments, out);
  const std::string written(as_text(out.view()));
  ASSERT_TRUE(written.starts_with("before"));

  const auto request = wire::fields_of(written.substr(6));
  ASSERT_EQ(request.size(), 1u);
  ASSERT_EQ(request[0].number, 1u);
  const auto resource_logs = wire::fields_of(request[0].bytes);
  ASSERT_EQ(resource_logs.size(), 3u);
  EXPECT_EQ(resource_logs[0].number, 1u);
  wire::Attributes attributes;
  for (const auto& field : wire::fields_of(resource_logs[0].bytes)) {
    EXPECT_EQ(field.number, 1u);
    wire::add_attribute(field.bytes, attributes);
  }
  EXPECT_EQ(attributes, (wire::Attributes{{"service.name", "str:checkout"},
                                          {"bad" + std::string(wire::kMark), "int:3"}}));

  EXPECT_EQ(resource_logs[1].number, 2u);
  const auto scope_logs = wire::fields_of(resource_logs[1].bytes);
  ASSERT_EQ(scope_logs.size(), 3u);
  EXPECT_EQ(scope_logs[0].number, 1u);
  const auto scope = wire::fields_of(scope_logs[0].bytes);
  ASSERT_EQ(scope.size(), 3u);
  EXPECT_EQ(scope[0].bytes, "checkout.api");
  EXPECT_EQ(scope[1].bytes, "2.0");
  EXPECT_EQ(scope[2].number, 3u);
  wire::Attributes scope_attributes;
  wire::add_attribute(scope[2].bytes, scope_attributes);
  EXPECT_EQ(scope_attributes, (wire::Attributes{{"team", "str:y"}}));
  EXPECT_EQ(wire::log_record(scope_logs[2].bytes).attributes.at("n"), "int:1");

  const auto other = wire::fields_of(resource_logs[2].bytes);
  ASSERT_EQ(other.size(), 2u);
  EXPECT_EQ(other[0].bytes, "");
  EXPECT_EQ(wire::log_record(other[1].bytes).attributes.at("n"), "int:2");
}

TEST(LogEncoderTest, sites_are_known_apart_in_whatever_order_they_come) {
  LogEncoder encoder;
  std::vector<const model::Site*> sites;
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) names.push_back("order" + std::to_string(i));
  for (const std::string& name : names) sites.push_back(make_site({.body = name, .keys = {name}}));
  ByteBuffer out;
  for (size_t i = 0; i < 400; ++i) {
    const size_t which = i * 67 % 200;
    const auto bytes = make_record({.site = sites[which], .values = {int_value(1)}});
    encoder.append_record(bytes.data(), kObserved, out);
  }
  const auto records = wire::log_records(out.view());
  ASSERT_EQ(records.size(), 400u);
  for (size_t i = 0; i < 400; ++i) {
    const std::string& name = names[i * 67 % 200];
    EXPECT_EQ(records[i].body, "str:" + name);
    EXPECT_EQ(records[i].attributes, (wire::Attributes{{name, "int:1"}}));
  }
}

}  // namespace
}  // namespace forebay::encode
