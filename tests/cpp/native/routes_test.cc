// Several destinations, as options of forebay::Collector.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "forebay/forebay.h"

namespace {

using forebay::Collector;
using forebay::Options;
using forebay::Route;
using namespace std::chrono_literals;

Options with(std::vector<Route> routes) {
  Options options;
  options.service_name = "native";
  options.routes = std::move(routes);
  options.ledger_in_memory = true;
  return options;
}

TEST(RoutesTest, every_option_of_a_route_is_known_to_the_core) {
  Options options = with({{.name = "main",
                           .exporters = {forebay::OtlpHttpExporter{.endpoint = "http://127.0.0.1:1",
                                                                   .headers = {{"x-key", "v"}}},
                                         forebay::MemoryExporter{}},
                           .order = forebay::RouteOrder::kRoundRobin,
                           .on_backlog_full = forebay::OnBacklogFull::kEvictOldest,
                           .backlog_share = 0.5},
                          {.name = "shown", .exporters = {forebay::ConsoleExporter{}}}});
  options.console = forebay::ConsoleFormat::kJson;
  auto made = Collector::create(options);
  EXPECT_TRUE(made.is_ok()) << made.message();
}

TEST(RoutesTest, a_bad_route_is_named_by_its_path) {
  const auto expect = [](const std::string& beginning, std::vector<Route> routes) {
    auto made = Collector::create(with(std::move(routes)));
    ASSERT_FALSE(made.is_ok());
    EXPECT_TRUE(std::string(made.message()).starts_with(beginning)) << made.message();
  };
  const forebay::Exporter null = forebay::NullExporter{};
  expect("routes[0].exporters", {{.name = "a"}});
  expect("routes[1].name", {{.name = "a", .exporters = {null}}, {.exporters = {null}}});
  expect("routes[1].name: 'a' is used twice",
         {{.name = "a", .exporters = {null}}, {.name = "a", .exporters = {null}}});
  expect("routes[0].exporters[1].directory",
         {{.name = "a", .exporters = {null, forebay::FileExporter{}}}});
  expect("routes[0].exporters[1].type",
         {{.name = "a", .exporters = {forebay::MemoryExporter{}, forebay::MemoryExporter{}}}});
  expect("routes[1].backlog_share: leaves it 0 bytes",
         {{.name = "a", .exporters = {null}, .backlog_share = 1.0},
          {.name = "b", .exporters = {null}}});
  expect("routes: their backlog_share sum up",
         {{.name = "a", .exporters = {null}, .backlog_share = 0.6},
          {.name = "b", .exporters = {null}, .backlog_share = 0.6}});
  expect("routes: there are more than 8",
         std::vector<Route>(9, {.name = "a", .exporters = {null}}));
}

TEST(RoutesTest, each_route_gets_everything_and_tells_which_destination_took_it) {
  const std::string directory = testing::TempDir() + "forebay_routes_test";
  std::filesystem::remove_all(directory);
  auto made = Collector::create(
      with({{.name = "main", .exporters = {forebay::MemoryExporter{}, forebay::NullExporter{}}},
            {.name = "files", .exporters = {forebay::FileExporter{.directory = directory}}}}));
  ASSERT_TRUE(made.is_ok()) << made.message();
  const Collector collector = *made;
  const forebay::Logger log = collector.logger("native.routes");
  for (int i = 0; i < 20; ++i) FOREBAY_INFO(log, "record", {"i", i});
  EXPECT_TRUE(collector.flush(30s).complete);
  const forebay::Stats stats = collector.stats();
  EXPECT_EQ(stats.delivered(), 20);
  EXPECT_EQ(stats.route("main").number("destinations.0.delivered"), 20);
  EXPECT_EQ(stats.route("main").number("destinations.1.delivered"), 0);
  EXPECT_EQ(stats.route("files").delivered(), 20);
  EXPECT_TRUE(collector.audit().balanced);
  EXPECT_EQ(collector.text("directory"), directory);
  EXPECT_FALSE(collector.take_memory().empty());
  EXPECT_TRUE(collector.shutdown(30s).complete);
  EXPECT_FALSE(std::filesystem::is_empty(directory));
  std::filesystem::remove_all(directory);
}

}  // namespace
