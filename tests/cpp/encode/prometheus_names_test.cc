#include "encode/prometheus_names.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "encode/attribute_text.h"
#include "encode/point_maker.h"

namespace forebay::encode {
namespace {

using model::PointKind;

TEST(PrometheusNamesTest, names_take_the_form_that_prometheus_knows) {
  const auto named = [](std::string_view name, PointKind kind, bool is_monotonic,
                        std::string_view unit) {
    auto given = stream(name, kind, unit);
    given.is_monotonic = is_monotonic;
    const PrometheusName made = prometheus_name(given);
    return made.base + "|" + made.unit;
  };
  const auto gauge = [&](std::string_view name, std::string_view unit) {
    return named(name, PointKind::kGauge, false, unit);
  };
  const auto sum = [&](std::string_view name, std::string_view unit) {
    return named(name, PointKind::kSum, true, unit);
  };
  EXPECT_EQ(gauge("a.b-c/d", ""), "a_b_c_d|");
  EXPECT_EQ(gauge("a..__b", ""), "a_b|");
  EXPECT_EQ(gauge("a:b", ""), "a:b|");
  EXPECT_EQ(gauge("9lives", ""), "_9lives|");
  EXPECT_EQ(gauge("h\xC3\xA9", ""), "h_|");
  EXPECT_EQ(gauge("h\xC3\xA9", "s"), "h_seconds|seconds");
  EXPECT_EQ(gauge("\xE6\xB8\xA9\xE5\xBA\xA6", "Cel"), "|");
  EXPECT_EQ(gauge("", "s"), "|");
  EXPECT_EQ(gauge("wait_seconds", "s"), "wait_seconds|seconds");
  EXPECT_EQ(gauge("milliseconds", "s"), "milliseconds_seconds|seconds") << "not a word of its own";
  EXPECT_EQ(gauge("seconds", "s"), "seconds|");
  EXPECT_EQ(gauge("fill", "1"), "fill_ratio|ratio");
  EXPECT_EQ(sum("fill", "1"), "fill|");
  EXPECT_EQ(sum("cpu.seconds.total", "s"), "cpu_seconds|seconds");
  EXPECT_EQ(sum("cpu_total", "s"), "cpu_seconds|seconds");
  EXPECT_EQ(sum("total", ""), "total|");
  EXPECT_EQ(sum("a.", ""), "a|");
  EXPECT_EQ(gauge("a_total", ""), "a_total|");
}

TEST(PrometheusNamesTest, units_become_words) {
  EXPECT_EQ(prometheus_unit("s"), "seconds");
  EXPECT_EQ(prometheus_unit("By"), "bytes");
  EXPECT_EQ(prometheus_unit("kBy/s"), "kilobytes_per_second");
  EXPECT_EQ(prometheus_unit("m/s"), "meters_per_second");
  EXPECT_EQ(prometheus_unit("1"), "");
  EXPECT_EQ(prometheus_unit("1/min"), "per_minute");
  EXPECT_EQ(prometheus_unit("%"), "percent");
  EXPECT_EQ(prometheus_unit("{packet}"), "");
  EXPECT_EQ(prometheus_unit("{packet}/s"), "per_second");
  EXPECT_EQ(prometheus_unit("By{page}"), "bytes");
  EXPECT_EQ(prometheus_unit("By/{page}"), "bytes");
  EXPECT_EQ(prometheus_unit("{open"), "");
  EXPECT_EQ(prometheus_unit("widgets"), "widgets");
  EXPECT_EQ(prometheus_unit("kg.m2"), "kg_m2");
  EXPECT_EQ(prometheus_unit("\xC2\xB5s"), "s") << "what cannot be written is dropped";
  EXPECT_EQ(prometheus_unit(""), "");
}

TEST(AttributeTextTest, attributes_that_are_no_text_become_one) {
  const auto text_of = [](const model::OwnedValue& value) {
    ByteBuffer out;
    append_attribute_text({value.type, value.i64, value.f64, value.bytes}, out);
    return std::string(as_text(out.view()));
  };
  EXPECT_EQ(text_of(integer(INT64_MIN)), "-9223372036854775808");
  EXPECT_EQ(text_of(integer(0, FOREBAY_BOOL)), "false");
  EXPECT_EQ(text_of(real(0.1)), "0.1");
  EXPECT_EQ(text_of(real(NAN)), "NaN");
  EXPECT_EQ(text_of(real(-INFINITY)), "-Infinity");
  EXPECT_EQ(text_of(owned(FOREBAY_BYTES, "f")), "Zg==");
  EXPECT_EQ(text_of(owned(FOREBAY_BYTES, "fo")), "Zm8=");
  EXPECT_EQ(text_of(owned(FOREBAY_BYTES, "\xFF\xFF\xFF")), "////");
  const auto any = [&](std::string_view message) {
    return text_of(owned(FOREBAY_ANYVALUE, message));
  };
  using namespace std::string_view_literals;
  EXPECT_EQ(any(""), "");
  EXPECT_EQ(any("\x0A\x02\"x"), "\"x") << "a string is itself";
  EXPECT_EQ(any("\x10\x01"), "true");
  EXPECT_EQ(any("\x18\x07"), "7");
  EXPECT_EQ(any("\x21\0\0\0\0\0\0\xF0\x7F"sv), "Infinity");
  EXPECT_EQ(any("\x3A\x01\xFF"), "/w==");
  EXPECT_EQ(any("\x2A\0"sv), "[]");
  EXPECT_EQ(any("\x2A\x0E\x0A\x04\x0A\x02\"\n\x0A\x02\x10\0\x0A\0\x0A\0"sv),
            "[\"\\\"\\n\",false,null,null]");
  EXPECT_EQ(any("\x2A\x10\x0A\x03\x3A\x01\xFF\x0A\x09\x21\0\0\0\0\0\0\xF8\x7F"sv),
            "[\"/w==\",\"NaN\"]");
  EXPECT_EQ(any("\x32\x0E\x0A\x07\x0A\x01k\x12\x02\x18\x05\x0A\x03\x0A\x01m"),
            "{\"k\":5,\"m\":null}");
  EXPECT_EQ(any("\x2A\x05\x0A\x03\x0A\x01\x01"), "[\"\\u0001\"]");
  EXPECT_EQ(any("\x2A\x05\x0A\x03\x0A\x01\xFF"), "[\"\xEF\xBF\xBD\"]");
  EXPECT_EQ(any("\x2A\x7F"), "invalid AnyValue");
}

}  // namespace
}  // namespace forebay::encode
