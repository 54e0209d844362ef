#include "admit/redaction.h"

#include <gtest/gtest.h>

#include <cctype>
#include <random>

namespace forebay::admit {
namespace {

std::string hit(const Redaction& rules, std::string_view key) {
  const std::string* const text = rules.instead_of(key);
  return text != nullptr ? *text : "";
}

TEST(RedactionTest, a_rule_hits_its_key_in_any_case_and_at_the_end_of_a_dotted_one) {
  const Redaction rules({"password", "API-Key"});
  for (const char* key : {"password", "Password", "PASSWORD", "user.password", "a.b.PassWord"}) {
    EXPECT_EQ(hit(rules, key), "[redacted: password]") << key;
  }
  for (const char* key : {"api_key", "api-key", "API_KEY", "http.request.header.api-key"}) {
    EXPECT_EQ(hit(rules, key), "[redacted: API-Key]") << key;
  }
  for (const char* key : {"", "passwords", "mypassword", "password.hint", "apikey", "p", "."}) {
    EXPECT_EQ(hit(rules, key), "") << key;
  }
}

TEST(RedactionTest, a_star_stands_for_any_characters) {
  const Redaction rules({"*secret*", "card*number", "*"});
  EXPECT_EQ(hit(rules, "my_secrets"), "[redacted: *secret*]");
  EXPECT_EQ(hit(rules, "cardnumber"), "[redacted: card*number]");
  EXPECT_EQ(hit(rules, "card.holder.number"), "[redacted: card*number]");
  EXPECT_EQ(hit(rules, "anything"), "[redacted: *]");
  const Redaction slow({"*a*a*a*a*a*b"});
  EXPECT_EQ(hit(slow, std::string(100'000, 'a')), "");
}

TEST(RedactionTest, an_exception_takes_a_key_back) {
  const Redaction rules({"cookie", "*token", "!token", "!session.cookie"});
  EXPECT_EQ(hit(rules, "token"), "");
  EXPECT_EQ(hit(rules, "access_token"), "[redacted: *token]");
  EXPECT_EQ(hit(rules, "session.cookie"), "");
  EXPECT_EQ(hit(rules, "other.cookie"), "[redacted: cookie]");
}

TEST(RedactionTest, the_default_rules_are_about_secrets_and_leave_the_rest) {
  const Redaction rules(Redaction::default_rules());
  for (const char* key : {"password", "Authorization", "http.request.header.authorization",
                          "set-cookie", "X-Api-Key", "client_secret", "refresh_token"}) {
    EXPECT_NE(hit(rules, key), "") << key;
  }
  for (const char* key : {"user.id", "http.route", "token_count", "tokens", "secretary",
                          "passenger", "cookie_banner_seen", "url.path", "order_id"}) {
    EXPECT_EQ(hit(rules, key), "") << key;
  }
}

TEST(RedactionTest, lists_are_validated_and_equal_ones_are_one) {
  EXPECT_TRUE(Redaction::validate({"a", "!b", "*"}).is_ok());
  EXPECT_EQ(Redaction::validate({"a", "!"}).message(), "redact[1]: '!' names no key");
  EXPECT_FALSE(Redaction::validate({std::string(200, 'a')}).is_ok());
  EXPECT_EQ(Redaction::of({"x", "y"}), Redaction::of({"x", "y"}));
  EXPECT_NE(Redaction::of({"x", "y"}), Redaction::of({"y", "x"}));
  EXPECT_EQ(Redaction::of({}), nullptr);
}

// What a rule without stars says, as it is written in the header.
bool model_hits(const std::string& rule, const std::string& key) {
  const auto plain = [](std::string text) {
    for (char& c : text) c = c == '-' ? '_' : static_cast<char>(std::tolower(c));
    return text;
  };
  return plain(key) == plain(rule) || plain(key).ends_with("." + plain(rule));
}

TEST(RedactionTest, rules_of_any_length_hit_just_the_keys_that_they_are_about) {
  std::mt19937 random(7);
  const auto text = [&](size_t longest) {
    std::string made(1 + random() % longest, 'a');
    for (char& c : made) c = "abAB.-_"[random() % 7];
    return made;
  };
  int hits = 0;
  for (int round = 0; round < 3'000; ++round) {
    const std::string rule = text(6);
    const Redaction rules({rule});
    for (int i = 0; i < 40; ++i) {
      std::string key = text(9);
      if (i % 4 == 0) key = rule;
      if (i % 4 == 1) key += "." + rule;
      for (char& c : key) {
        if (i % 2 == 0 && random() % 2 == 0) c = c == '-' ? '_' : c == '_' ? '-' : c ^ 0x20;
      }
      // A rule with a dot in it hits whole keys only.
      if (rule.find('.') != std::string::npos && key.find('.') != std::string::npos) continue;
      hits += model_hits(rule, key) ? 1 : 0;
      EXPECT_EQ(hit(rules, key).empty(), !model_hits(rule, key)) << rule << " " << key;
    }
  }
  EXPECT_GT(hits, 10'000);
}

}  // namespace
}  // namespace forebay::admit
