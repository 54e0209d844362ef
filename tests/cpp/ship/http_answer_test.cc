#include "ship/http_answer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "ship/otlp_bytes.h"

namespace forebay::ship {
namespace {

using namespace std::chrono_literals;
using testing::Message;

TEST(HttpAnswerTest, retry_after_takes_seconds_and_all_three_forms_of_a_date) {
  // 2027-01-15 08:00:00 UTC
  const WallTime now{std::chrono::seconds{1'800'000'000}};
  const auto parse = [&](std::string_view text) { return parse_retry_after(text, now); };
  EXPECT_EQ(parse("7"), Duration{7s});
  EXPECT_EQ(parse(" 0 "), Duration{0s});
  EXPECT_EQ(parse("300"), Duration{300s});
  EXPECT_EQ(parse("301"), Duration{300s});
  EXPECT_EQ(parse("1000000000"), Duration{300s});
  EXPECT_EQ(parse("99999999999999999999999"), Duration{300s});
  EXPECT_EQ(parse("Fri, 15 Jan 2027 08:00:30 GMT"), Duration{30s});
  EXPECT_EQ(parse("Friday, 15-Jan-27 08:00:31 GMT"), Duration{31s});
  EXPECT_EQ(parse("Fri Jan 15 08:00:32 2027"), Duration{32s});
  EXPECT_EQ(parse("Sat Jan  2 08:00:32 2100"), Duration{300s});
  for (const char* none :
       {"", "-1", "+1", "1.5", "7s", "soon", "Fri, 15 Jan 2027 07:59:59 GMT",
        "Fri, 15 Jan 2027 08:00:00 GMT", "Fri, 15 Jxn 2027 08:00:30 GMT",
        "Fri, 15 Jan 2027 25:00:30 GMT", "Fri, 99 Jan 2027 08:00:30 GMT",
        "Fri, 15 Jan 2027 08:00:30 CET", "Fri Jan", ", , , , , , , , , , , , , , "}) {
    EXPECT_EQ(parse(none), std::nullopt) << none;
  }
}

TEST(HttpAnswerTest, a_strangers_text_is_shown_without_what_commands_a_terminal) {
  HttpResponse response;
  response.status = 503;
  response.content_type = "text/html";
  response.body = "\x1b[31mred\nline" + std::string(1000, 'x');
  const std::string text = describe_answer(response);
  EXPECT_EQ(text.find("503 Service Unavailable:  [31mred line"), 0u);
  EXPECT_LT(text.size(), 320u);
  response.content_type = "application/x-protobuf";
  response.body = Message().varint(1, 14).text(2, "sending queue is full").bytes();
  EXPECT_EQ(describe_answer(response), "503 Service Unavailable: sending queue is full");
  response.body = "\xff\xff";
  EXPECT_EQ(describe_answer(response), "503 Service Unavailable");
}

}  // namespace
}  // namespace forebay::ship
