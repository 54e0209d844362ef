#include "exporter_factory.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace forebay::engine {
namespace {

// The options that these pairs of path and text come to.
CollectorOptions parsed(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::vector<forebay_option> options;
  for (const auto& [path, text] : pairs) {
    forebay_option option{};
    option.key = path.data();
    option.key_size = static_cast<uint32_t>(path.size());
    option.value.type = FOREBAY_STRING;
    option.value.size = static_cast<uint32_t>(text.size());
    option.value.as.data = text.data();
    options.push_back(option);
  }
  auto made = CollectorOptions::parse(options.data(), options.size());
  EXPECT_TRUE(made.is_ok()) << made.status().message();
  return made.take();
}

TEST(ExporterFactoryTest, makes_the_exporters_of_each_route_in_their_order) {
  const CollectorOptions options = parsed({{"routes[0].name", "main"},
                                           {"routes[0].exporters[0].type", "otlp_http"},
                                           {"routes[0].exporters[1].type", "memory"},
                                           {"routes[1].name", "shown"},
                                           {"routes[1].exporters[0].type", "console"}});
  const MadeExporters made = make_exporters(options, Clock::system());
  ASSERT_EQ(made.routes.size(), 2u);
  ASSERT_EQ(made.routes[0].size(), 2u);
  EXPECT_EQ(made.routes[0][0]->description(), "otlp http://localhost:4318/v1/logs");
  EXPECT_EQ(made.routes[0][1]->description(), "memory");
  EXPECT_NE(made.memory, nullptr);
  EXPECT_EQ(made.routes[1].at(0)->description(), "console");
  // Batches come as the first destination wants them.
  EXPECT_EQ(options.pipeline.compress.codec, Codec::kZstd);
}

TEST(ExporterFactoryTest, an_endpoint_of_one_signal_is_all_that_is_needed_where_the_other_follows) {
  for (const auto& [path, url] : std::vector<std::pair<std::string, std::string>>{
           {"exporter.logs_endpoint", "http://h/own"},
           {"exporter.logs_endpoint", "http://h/v1/logs"},
           {"exporter.metrics_endpoint", "http://h/o/v1/metrics"}}) {
    EXPECT_TRUE(validate_exporters(parsed({{path, url}})).is_ok()) << path << " " << url;
  }
  const CollectorOptions metrics_only =
      parsed({{"exporter.metrics_endpoint", "http://h/o/v1/metrics"}});
  EXPECT_EQ(make_exporters(metrics_only, Clock::system()).routes.at(0).at(0)->description(),
            "otlp http://h/o/v1/logs");
  const Status nowhere =
      validate_exporters(parsed({{"exporter.metrics_endpoint", "http://h/push"}}));
  EXPECT_EQ(nowhere.message().find("exporter.logs_endpoint: "), 0u) << nowhere.message();
}

TEST(ExporterFactoryTest, all_http_destinations_of_a_collector_are_waited_for_together) {
  const CollectorOptions options = parsed({{"routes[0].name", "main"},
                                           {"routes[0].exporters[0].type", "otlp_http"},
                                           {"routes[0].exporters[1].type", "otlp_http"},
                                           {"routes[0].exporters[1].console", "json"},
                                           {"routes[1].name", "other"},
                                           {"routes[1].exporters[0].type", "otlp_http"}});
  const MadeExporters made = make_exporters(options, Clock::system());
  const MadeExporters another = make_exporters(options, Clock::system());
  const void* loop = made.routes[0][0]->waits_on();
  EXPECT_EQ(made.routes[0][1]->waits_on(), loop) << "also behind a console view";
  EXPECT_EQ(made.routes[1][0]->waits_on(), loop);
  EXPECT_NE(another.routes[0][0]->waits_on(), loop) << "each collector has its own threads";
}

}  // namespace
}  // namespace forebay::engine
