#include "model/severity.h"

#include <gtest/gtest.h>

#include "base/severity_class.h"

namespace forebay::model {
namespace {

TEST(SeverityTest, names_are_those_of_the_data_model) {
  EXPECT_EQ(severity_name(kTrace), "TRACE");
  EXPECT_EQ(severity_name(kDebug + 1), "DEBUG2");
  EXPECT_EQ(severity_name(kInfo), "INFO");
  EXPECT_EQ(severity_name(kWarn + 3), "WARN4");
  EXPECT_EQ(severity_name(kError), "ERROR");
  EXPECT_EQ(severity_name(24), "FATAL4");
  EXPECT_EQ(severity_name(kUnspecified), "");
  EXPECT_EQ(severity_name(kSeverityOff), "");
  EXPECT_EQ(severity_name(UINT32_MAX), "");
}

TEST(SeverityTest, every_name_gives_its_number_in_any_case) {
  for (uint32_t number = 1; number <= 24; ++number) {
    EXPECT_EQ(severity_from_name(severity_name(number)), number);
  }
  EXPECT_EQ(severity_from_name("info"), 9u);
  EXPECT_EQ(severity_from_name("wArN2"), 14u);
}

TEST(SeverityTest, pythons_names_are_known_too) {
  EXPECT_EQ(severity_from_name("WARNING"), uint32_t{kWarn});
  EXPECT_EQ(severity_from_name("critical"), uint32_t{kFatal});
  EXPECT_EQ(severity_from_name("NOTSET"), uint32_t{kUnspecified});
}

TEST(SeverityTest, what_is_no_name_gives_nothing) {
  for (const std::string_view name : {"", "INFO5", "INFOS", "LOUD", " INFO", "9"}) {
    EXPECT_EQ(severity_from_name(name), std::nullopt) << name;
  }
}

TEST(SeverityTest, a_class_holds_four_numbers) {
  EXPECT_EQ(severity_class(0), SeverityClass::kUnspecified);
  EXPECT_EQ(severity_class(1), SeverityClass::kTrace);
  EXPECT_EQ(severity_class(4), SeverityClass::kTrace);
  EXPECT_EQ(severity_class(5), SeverityClass::kDebug);
  EXPECT_EQ(severity_class(12), SeverityClass::kInfo);
  EXPECT_EQ(severity_class(13), SeverityClass::kWarn);
  EXPECT_EQ(severity_class(20), SeverityClass::kError);
  EXPECT_EQ(severity_class(24), SeverityClass::kFatal);
  EXPECT_EQ(severity_class(25), SeverityClass::kUnspecified);
}

TEST(SeverityTest, counts_add_up_class_by_class) {
  SeverityCounts a;
  a[SeverityClass::kInfo] = 2;
  SeverityCounts b;
  b[SeverityClass::kInfo] = 3;
  b[SeverityClass::kFatal] = 1;
  a += b;
  EXPECT_EQ(a[SeverityClass::kInfo], 5u);
  EXPECT_EQ(a[SeverityClass::kFatal], 1u);
  EXPECT_EQ(a.total(), 6u);
}

}  // namespace
}  // namespace forebay::model
