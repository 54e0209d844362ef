#include "ship/otlp_json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

#include "ship/json_of.h"
#include "ship/json_text.h"
#include "ship/otlp_bytes.h"

namespace forebay::ship {
namespace {

using namespace testing;

// A LogsData with this one record, and what is inside its brackets as JSON.
std::string record_json(const Message& record) {
  const std::string all =
      json_of(Message().message(1, Message().message(2, Message().message(2, record))).bytes());
  const std::string before = "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[";
  const std::string after = "]}]}]}";
  EXPECT_EQ(all.substr(0, before.size()), before);
  return all.substr(before.size(), all.size() - before.size() - after.size());
}
std::string body_json(const Message& any_value) {
  const std::string all = record_json(Message().message(5, any_value));
  const std::string before = "{\"body\":";
  return all.substr(before.size(), all.size() - before.size() - 1);
}
std::string double_json(double value) {
  ByteBuffer output;
  append_json_double(output, value);
  return std::string(as_text(output.view()));
}
std::string string_json(const std::string& text) {
  ByteBuffer output;
  append_json_string(output, as_bytes(text));
  return std::string(as_text(output.view()));
}

TEST(OtlpJsonTest, a_record_has_every_form_that_otlp_json_asks_for) {
  Message record;
  record.fixed64(1, 1'800'000'000'123'456'789).fixed64(11, 5).varint(2, 9).text(3, "INFO");
  record.message(5, any_text("hi")).varint(7, 2).fixed32(8, 1);
  record.text(9,
              std::string("\x00\x01\xab\xff\x00\x01\xab\xff\x00\x01\xab\xff\x00\x01\xab\xff", 16));
  record.text(10, "\x01\x02\x03\x04\x05\x06\x07\x08").text(12, "login");
  EXPECT_EQ(record_json(record),
            "{\"timeUnixNano\":\"1800000000123456789\",\"observedTimeUnixNano\":\"5\","
            "\"severityNumber\":9,\"severityText\":\"INFO\",\"eventName\":\"login\","
            "\"body\":{\"stringValue\":\"hi\"},\"droppedAttributesCount\":2,\"flags\":1,"
            "\"traceId\":\"0001abff0001abff0001abff0001abff\",\"spanId\":\"0102030405060708\"}");
}

TEST(OtlpJsonTest, every_kind_of_value) {
  EXPECT_EQ(body_json(Message().text(1, "")), "{\"stringValue\":\"\"}");
  EXPECT_EQ(body_json(Message().varint(2, 0)), "{\"boolValue\":false}");
  EXPECT_EQ(body_json(Message().varint(2, 1)), "{\"boolValue\":true}");
  EXPECT_EQ(body_json(Message().varint(3, UINT64_MAX)), "{\"intValue\":\"-1\"}");
  EXPECT_EQ(body_json(Message().varint(3, uint64_t{1} << 63)),
            "{\"intValue\":\"-9223372036854775808\"}");
  EXPECT_EQ(body_json(Message().number(4, 101.25)), "{\"doubleValue\":101.25}");
  EXPECT_EQ(body_json(Message().number(4, std::nan(""))), "{\"doubleValue\":\"NaN\"}");
  EXPECT_EQ(
      body_json(Message().message(5, Message().message(1, any_text("a")).message(1, Message()))),
      "{\"arrayValue\":{\"values\":[{\"stringValue\":\"a\"},{}]}}");
  EXPECT_EQ(body_json(Message().message(6, Message().message(1, key_value("k", any_text("v"))))),
            "{\"kvlistValue\":{\"values\":[{\"key\":\"k\",\"value\":{\"stringValue\":\"v\"}}]}}");
  EXPECT_EQ(body_json(Message().text(7, std::string("\x00\xff\x10", 3))),
            "{\"bytesValue\":\"AP8Q\"}");
  EXPECT_EQ(body_json(Message()), "{}");
}

TEST(OtlpJsonTest, base64_of_every_length) {
  const auto base64 = [](const std::string& text) {
    ByteBuffer output;
    append_base64(output, as_bytes(text));
    return std::string(as_text(output.view()));
  };
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
}

TEST(OtlpJsonTest, numbers_read_back_as_they_were) {
  EXPECT_EQ(double_json(std::numeric_limits<double>::infinity()), "\"Infinity\"");
  EXPECT_EQ(double_json(-std::numeric_limits<double>::infinity()), "\"-Infinity\"");
  EXPECT_EQ(double_json(-0.0), "-0.0");
  EXPECT_EQ(double_json(0.0), "0");
  EXPECT_EQ(std::strtod(double_json(0.1).c_str(), nullptr), 0.1);
  EXPECT_EQ(std::strtod(double_json(1e300).c_str(), nullptr), 1e300);
  EXPECT_EQ(std::strtod(double_json(5e-324 * 3).c_str(), nullptr), 5e-324 * 3);
}

TEST(OtlpJsonTest, strings_are_escaped_and_always_utf8) {
  EXPECT_EQ(string_json("a\"b\\c\n\r\t\x01\x1f\x7f"), "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\x7f\"");
  EXPECT_EQ(string_json(std::string("nul\0!", 5)), "\"nul\\u0000!\"");
  EXPECT_EQ(string_json("ä€😀"), "\"ä€😀\"");
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_EQ(string_json("\xff"), "\"" + bad + "\"");
  EXPECT_EQ(string_json("\xc0\xaf"), "\"" + bad + bad + "\"");            // overlong
  EXPECT_EQ(string_json("\xed\xa0\x80"), "\"" + bad + bad + bad + "\"");  // surrogate
  EXPECT_EQ(string_json("a\xe2\x82"), "\"a" + bad + bad + "\"");          // cut
  EXPECT_EQ(string_json("\xf4\x90\x80\x80").find("\xf4"), std::string::npos);
}

TEST(OtlpJsonTest, what_proto3_calls_default_is_left_out) {
  EXPECT_EQ(record_json(Message().fixed64(1, 0).varint(2, 0).text(3, "").fixed32(8, 0)), "{}");
}

TEST(OtlpJsonTest, a_histogram_point) {
  Message point;
  point.fixed64(2, 1).fixed64(3, 2).fixed64(4, 6).number(5, 0.0);
  point.text(6, std::string("\1\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0", 16)).number(7, 2.5).number(11, -1);
  Message metric;
  metric.text(1, "t").message(9, Message().message(1, point).varint(2, 2));
  const std::string all =
      json_of(Message().message(1, Message().message(2, Message().message(2, metric))).bytes(),
              Signal::kMetrics);
  EXPECT_EQ(all,
            "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"t\",\"histogram\":"
            "{\"dataPoints\":[{\"startTimeUnixNano\":\"1\",\"timeUnixNano\":\"2\",\"count\":\"6\","
            "\"sum\":0,\"bucketCounts\":[\"1\",\"5\"],\"explicitBounds\":[2.5],\"min\":-1}],"
            "\"aggregationTemporality\":2}}]}]}]}");
}

TEST(OtlpJsonTest, an_exponential_point_has_signed_scale_and_offset) {
  // sint32 is zigzag: 3 is -2, 4 is 2.
  const Message buckets = Message().varint(1, 4).text(2, "\x01\x02");
  const Message point = Message().varint(6, 3).message(8, buckets);
  const Message metric = Message().message(10, Message().message(1, point));
  const std::string all =
      json_of(Message().message(1, Message().message(2, Message().message(2, metric))).bytes(),
              Signal::kMetrics);
  EXPECT_NE(all.find("{\"scale\":-2,\"positive\":{\"offset\":2,\"bucketCounts\":[\"1\",\"2\"]}}"),
            std::string::npos)
      << all;
}

TEST(OtlpJsonTest, fields_in_any_order_and_messages_in_pieces_are_read_as_protobuf_reads_them) {
  // Records before the scope, the scope in two pieces, another record after it, the last oneof
  // wins.
  Message scope_logs;
  scope_logs.message(2, Message().message(5, Message().text(1, "x").varint(3, 7)));
  scope_logs.message(1, Message().text(1, "na")).message(1, Message().text(2, "v1"));
  scope_logs.message(2, Message().varint(2, 9).varint(2, 17));
  EXPECT_EQ(json_of(Message().message(1, Message().message(2, scope_logs)).bytes()),
            "{\"resourceLogs\":[{\"scopeLogs\":[{\"scope\":{\"name\":\"na\",\"version\":\"v1\"},"
            "\"logRecords\":[{\"body\":{\"intValue\":\"7\"}},{\"severityNumber\":17}]}]}]}");
}

TEST(OtlpJsonTest, unknown_fields_and_wrong_wire_types_are_skipped) {
  EXPECT_EQ(record_json(Message().varint(99, 1).text(2, "nine").text(1000, "x").varint(2, 5)),
            "{\"severityNumber\":5}");
}

TEST(OtlpJsonTest, nesting_stops_where_protobuf_readers_stop) {
  const auto nested = [](int levels) {
    Message value = any_text("deep");
    for (int i = 0; i < levels; ++i) value = Message().message(5, Message().message(1, value));
    return value;
  };
  EXPECT_NE(body_json(nested(45)).find("deep"), std::string::npos);
  Message record;
  record.message(5, nested(60));
  EXPECT_EQ(
      json_of(Message().message(1, Message().message(2, Message().message(2, record))).bytes()),
      "ERROR");
}

TEST(OtlpJsonTest, bytes_that_are_no_message_leave_the_output_as_it_was) {
  const std::string good = log_request({log_record(9, "a"), log_record(17, "b")});
  OtlpJsonWriter writer;
  for (size_t cut = 1; cut < good.size(); ++cut) {
    ByteBuffer output;
    output.append("before");
    const Status status = writer.write(Signal::kLogs, as_bytes(good.substr(0, cut)), output);
    EXPECT_FALSE(status.is_ok()) << cut;
    EXPECT_EQ(as_text(output.view()), "before");
  }
}

}  // namespace
}  // namespace forebay::ship
