#include "model/site.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "record_maker.h"

namespace forebay::model {
namespace {

TEST(SiteRegistryTest, a_site_is_copied_whole) {
  std::string body = "body";
  std::string key = "key";
  const Site* site = make_site({.severity = 13,
                                .severity_text = "WARNING",
                                .body = body,
                                .keys = {key, ""},
                                .body_in_values = true,
                                .file = "/a.cc",
                                .function = "f",
                                .line = 7});
  ASSERT_NE(site, nullptr);
  body = "gone";
  key = "bye";
  EXPECT_EQ(site->severity, 13u);
  EXPECT_EQ(site->severity_text, "WARNING");
  EXPECT_EQ(site->body, "body");
  EXPECT_EQ(site->keys, (std::vector<std::string>{"key", ""}));
  EXPECT_TRUE(site->body_in_values);
  EXPECT_EQ(site->file, "/a.cc");
  EXPECT_EQ(site->function, "f");
  EXPECT_EQ(site->line, 7u);
  EXPECT_EQ(SiteRegistry::process().at(site->id), site);
}

TEST(SiteRegistryTest, equal_content_is_one_site_and_any_difference_makes_another) {
  const SiteContent content{.body = "same", .keys = {"a", "b"}, .file = "f", .function = "g"};
  const Site* site = make_site(content);
  EXPECT_EQ(make_site(content), site);
  std::vector<const Site*> all = {site};
  const auto differs = [&](auto change) {
    SiteContent other = content;
    change(other);
    const Site* made = make_site(other);
    for (const Site* seen : all) EXPECT_NE(made, seen);
    all.push_back(made);
  };
  differs([](SiteContent& c) { c.severity = 10; });
  differs([](SiteContent& c) { c.severity_text = "X"; });
  differs([](SiteContent& c) { c.body = "other"; });
  differs([](SiteContent& c) { c.keys = {"a"}; });
  differs([](SiteContent& c) { c.keys = {"ab"}; });
  differs([](SiteContent& c) { c.keys = {"a", "b", ""}; });
  differs([](SiteContent& c) { c.body_in_values = true; });
  differs([](SiteContent& c) { c.file = "g"; });
  differs([](SiteContent& c) { c.function = "f"; });
  differs([](SiteContent& c) { c.line = 1; });
}

TEST(SiteRegistryTest, a_severity_without_a_text_has_its_standard_name) {
  EXPECT_EQ(make_site({.severity = 10, .body = "standard"})->severity_text, "INFO2");
  EXPECT_EQ(make_site({.severity = 0, .body = "standard"})->severity_text, "");
}

TEST(SiteRegistryTest, what_is_no_site_is_refused) {
  EXPECT_EQ(make_site({.severity = 25}), nullptr);
  SiteContent wide;
  wide.keys.assign(kMaxKeys, "k");
  EXPECT_NE(make_site(wide), nullptr);
  wide.keys.emplace_back("one more");
  EXPECT_EQ(make_site(wide), nullptr);
}

TEST(SiteRegistryTest, ids_are_dense_and_an_unknown_one_is_nothing) {
  auto& registry = SiteRegistry::process();
  const uint32_t before = registry.size();
  const Site* site = make_site({.body = "a body that nobody had before"});
  EXPECT_EQ(site->id, before);
  EXPECT_EQ(registry.size(), before + 1);
  EXPECT_EQ(registry.at(before + 1), nullptr);
}

TEST(SiteRegistryTest, threads_that_intern_the_same_sites_agree) {
  constexpr int kSites = 200;
  std::vector<std::vector<const Site*>> seen(4, std::vector<const Site*>(kSites));
  std::vector<std::thread> threads;
  for (size_t t = 0; t < seen.size(); ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < kSites; ++i) {
        const size_t which = (i + t * 50) % kSites;
        const std::string body = "contended " + std::to_string(which);
        seen[t][which] = make_site({.body = body});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t t = 1; t < seen.size(); ++t) EXPECT_EQ(seen[t], seen[0]);
  for (size_t i = 0; i < kSites; ++i) {
    EXPECT_EQ(seen[0][i]->body, "contended " + std::to_string(i));
  }
}

TEST(SiteRegistryTest, equal_scopes_are_one) {
  auto& registry = SiteRegistry::process();
  const std::vector<OwnedAttribute> team = {{"team", OwnedValue::text("x")}};
  const std::vector<OwnedAttribute> other = {{"team", OwnedValue::text("y")}};
  const Scope& scope = registry.intern_scope("api", "1", team);
  EXPECT_EQ(&registry.intern_scope("api", "1", team), &scope);
  EXPECT_NE(&registry.intern_scope("api", "2", team), &scope);
  EXPECT_NE(&registry.intern_scope("api", "1", other), &scope);
  EXPECT_NE(&registry.intern_scope("api", "1", {}), &scope);
  EXPECT_EQ(registry.scope(scope.id), &scope);
  EXPECT_EQ(scope.name, "api");
  EXPECT_EQ(scope.version, "1");
  EXPECT_EQ(scope.attributes, team);
}

// The limits are tried in a child: a full registry would be in the way of every later test.

int fill_scopes() {
  auto& registry = SiteRegistry::process();
  for (uint32_t i = 0; i < kMaxScopes; ++i) {
    registry.intern_scope("scope " + std::to_string(i), "", {});
  }
  const Scope& overflow = registry.intern_scope("one too many", "", {});
  if (overflow.id != 0 || overflow.name != "forebay.overflow") return 1;
  if (registry.intern_scope("scope 5", "", {}).id == 0) return 2;
  return registry.scope(kMaxScopes) == nullptr ? 0 : 3;
}

int fill_sites() {
  auto& registry = SiteRegistry::process();
  const Site* known = make_site({.body = "known"});
  for (uint32_t i = registry.size(); i < kMaxSites; ++i) {
    const std::string body = "filler " + std::to_string(i);
    if (make_site({.body = body}) == nullptr) return 1;
  }
  if (registry.size() != kMaxSites) return 2;
  if (make_site({.body = "one too many"}) != nullptr) return 3;
  return make_site({.body = "known"}) == known ? 0 : 4;
}

TEST(SiteRegistryDeathTest, beyond_the_limit_of_scopes_there_is_one_for_all_and_others_stay_known) {
  EXPECT_EXIT(std::_Exit(fill_scopes()), testing::ExitedWithCode(0), "");
}

TEST(SiteRegistryDeathTest, beyond_the_limit_of_sites_there_are_no_more_and_others_stay_known) {
  EXPECT_EXIT(std::_Exit(fill_sites()), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace forebay::model
