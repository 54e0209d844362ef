#include "ship/otlp_http_options.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace forebay::ship {
namespace {

using namespace std::chrono_literals;

TEST(OtlpHttpOptionsTest, paths_are_appended_after_one_slash_and_exact_urls_are_left_alone) {
  OtlpHttpOptions options;
  EXPECT_EQ(options.url(Signal::kLogs), "http://localhost:4318/v1/logs");
  options.endpoint = "https://h/base/";
  EXPECT_EQ(options.url(Signal::kMetrics), "https://h/base/v1/metrics");
  options.logs_endpoint = "http://h:9428/insert/opentelemetry/v1/logs";
  EXPECT_EQ(options.url(Signal::kLogs), options.logs_endpoint);
  EXPECT_EQ(options.url(Signal::kMetrics), "https://h/base/v1/metrics");
}

TEST(OtlpHttpOptionsTest, the_path_of_the_one_endpoint_given_is_exchanged_for_the_other_signal) {
  OtlpHttpOptions options;
  options.logs_endpoint = "http://h:1/otlp/v1/logs";
  EXPECT_EQ(options.url(Signal::kLogs), "http://h:1/otlp/v1/logs");
  EXPECT_EQ(options.url(Signal::kMetrics), "http://h:1/otlp/v1/metrics");
  options.metrics_endpoint = "http://vm:8428/push";
  EXPECT_EQ(options.url(Signal::kMetrics), "http://vm:8428/push");
  OtlpHttpOptions other;
  other.metrics_endpoint = "http://vm:8428/opentelemetry/v1/metrics";
  EXPECT_EQ(other.url(Signal::kLogs), "http://vm:8428/opentelemetry/v1/logs");
}

TEST(OtlpHttpOptionsTest,
     a_signal_for_which_nothing_was_named_goes_nowhere_and_never_to_localhost) {
  for (const char* url : {"http://h/ingest", "http://h/v1/logs/", "http://h/v1/logs?token=secret",
                          "http://h/xv1/logs", "http://h"}) {
    OtlpHttpOptions options;
    options.logs_endpoint = url;
    EXPECT_TRUE(options.validate().is_ok());
    EXPECT_TRUE(options.validate_for(Signal::kLogs).is_ok());
    EXPECT_EQ(options.url(Signal::kMetrics), "") << url;
    const std::string message = options.validate_for(Signal::kMetrics).message();
    EXPECT_EQ(message.find("metrics_endpoint: "), 0u) << message;
    EXPECT_EQ(message.find("secret"), std::string::npos) << message;
    options.endpoint = "http://base:4318";
    EXPECT_TRUE(options.validate_for(Signal::kMetrics).is_ok());
    EXPECT_EQ(options.url(Signal::kMetrics), "http://base:4318/v1/metrics");
  }
  OtlpHttpOptions options;
  options.metrics_endpoint = "http://vm/push";
  EXPECT_EQ(options.validate_for(Signal::kLogs).message().find("logs_endpoint: "), 0u);
}

TEST(OtlpHttpOptionsTest, the_server_of_an_url_is_its_host_and_port) {
  const auto is = [](const char* url, std::string_view address, uint16_t port) {
    const Server server = server_of(url);
    EXPECT_EQ(server.address, address) << url;
    EXPECT_EQ(server.port, port) << url;
  };
  is("http://collector:4318/v1/logs", "collector", 4318);
  is("http://collector", "collector", 80);
  is("HTTPS://collector.example/v1/logs?a=b:1", "collector.example", 443);
  is("https://user:pass:word@10.0.0.7:14318/v1/logs", "10.0.0.7", 14318);
  is("http://[::1]:4318/v1/logs", "::1", 4318);
  is("http://[2001:db8::7]/v1/logs", "2001:db8::7", 80);
  is("http://collector:/v1/logs", "collector", 80);
  is("", "", 0);
}

TEST(OtlpHttpOptionsTest, each_wrong_field_is_named_and_no_secret_with_it) {
  const auto message = [](auto change) {
    OtlpHttpOptions options;
    change(options);
    return options.validate().message();
  };
  const auto starts = [&](const std::string& field, auto change) {
    EXPECT_EQ(message(change).substr(0, field.size() + 1), field + ":") << message(change);
  };
  starts("endpoint", [](auto& o) { o.endpoint = "localhost:4318"; });
  starts("endpoint", [](auto& o) { o.endpoint = "ftp://h"; });
  starts("endpoint", [](auto& o) { o.endpoint = "http://"; });
  starts("endpoint", [](auto& o) { o.endpoint = "http://:4318"; });
  starts("endpoint", [](auto& o) { o.endpoint = "http://a b"; });
  starts("endpoint", [](auto& o) { o.endpoint = "http://h?x=1"; });
  starts("logs_endpoint", [](auto& o) { o.logs_endpoint = "h"; });
  starts("metrics_endpoint", [](auto& o) { o.metrics_endpoint = "h"; });
  starts("headers", [](auto& o) { o.headers = {{"a b", "c"}}; });
  starts("headers", [](auto& o) { o.headers = {{"a", "secret\r\nb: c"}}; });
  starts("headers", [](auto& o) { o.headers = {{"content-TYPE", "x"}}; });
  starts("timeout", [](auto& o) { o.timeout = -1s; });
  starts("max_in_flight", [](auto& o) { o.max_in_flight = 0; });
  starts("max_request_bytes", [](auto& o) { o.max_request_bytes = 1; });
  EXPECT_EQ(message([](auto& o) {
              o.headers = {{"a", "secret\nb"}};
            }).find("secret"),
            std::string::npos);
  EXPECT_EQ(message([](auto& o) { o.timeout = 0s; }), "");
  EXPECT_EQ(without_secrets("https://user:pass@h:1/p?token=t#f"), "https://h:1/p");
  EXPECT_EQ(without_secrets("http://h/a@b"), "http://h/a@b");
}

}  // namespace
}  // namespace forebay::ship
