// forebay::Collector over the real core: its options reach the core by their paths, and its numbers
// come back by their names.
#include "forebay/collector.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "forebay/forebay.h"

namespace {

using forebay::Collector;
using forebay::Lane;
using forebay::OnFull;
using forebay::Options;
using forebay::Severity;
using forebay::Status;
using namespace std::chrono_literals;

// The message of the error that the options must have.
std::string error_of(const Options& options) {
  auto made = Collector::create(options);
  EXPECT_FALSE(made.is_ok());
  EXPECT_EQ(made.status().code(), Status::Code::kInvalid);
  return made.message();
}

Options memory_options() {
  return {
      .service_name = "native", .exporter = forebay::MemoryExporter{}, .ledger_in_memory = true};
}

TEST(CollectorTest, a_bad_option_is_named_by_its_path) {
  const auto expect = [](const std::string& path, auto change) {
    Options options = memory_options();
    change(options);
    const std::string message = error_of(options);
    EXPECT_TRUE(message.starts_with(path)) << message;
  };
  expect("lanes[1].max_age", [](Options& o) {
    o.lanes = {{.name = "a"}, {.name = "b", .max_age = 0ns}};
  });
  expect("lanes[0].name", [](Options& o) { o.lanes = {{.name = "with space"}}; });
  expect("lanes[0].backlog_share",
         [](Options& o) { o.lanes = {{.name = "a", .backlog_share = 1.5}}; });
  expect("lanes[0].queue_records",
         [](Options& o) { o.lanes = {{.name = "a", .queue_records = 1}}; });
  expect("lanes[0].high_watermark",
         [](Options& o) { o.lanes = {{.name = "a", .high_watermark = 1.5}}; });
  expect("lanes[0].low_watermark",
         [](Options& o) { o.lanes = {{.name = "a", .low_watermark = 0.9}}; });
  expect("lanes[0].on_full[0].timeout", [](Options& o) {
    o.lanes = {{.name = "a", .on_full = {OnFull::block(-1s), OnFull::drop_newest()}}};
  });
  expect("batch.max_records", [](Options& o) { o.batch.max_records = 0; });
  expect("batch.max_bytes", [](Options& o) { o.batch.max_bytes = UINT64_MAX; });
  expect("batch.max_delay", [](Options& o) { o.batch.max_delay = 2h; });
  expect("backlog.max_bytes", [](Options& o) { o.backlog.max_bytes = 1; });
  expect("retry.max", [](Options& o) {
    o.retry.initial = 10s;
    o.retry.max = 5s;
  });
  expect("retry.max_elapsed", [](Options& o) { o.retry.max_elapsed = -1s; });
  expect("memory_limit", [](Options& o) { o.memory_limit = 5; });
  expect("max_record_bytes", [](Options& o) { o.max_record_bytes = 1; });
  expect("exporter.max_bytes",
         [](Options& o) { o.exporter = forebay::MemoryExporter{.max_bytes = 1}; });
  expect("exporter.directory", [](Options& o) { o.exporter = forebay::FileExporter{}; });
  expect("exporter.endpoint",
         [](Options& o) { o.exporter = forebay::OtlpHttpExporter{.endpoint = "ftp://nowhere"}; });
  expect("exporter.max_in_flight",
         [](Options& o) { o.exporter = forebay::OtlpHttpExporter{.max_in_flight = 65}; });
  expect("exporter.client_key",
         [](Options& o) { o.exporter = forebay::OtlpHttpExporter{.client_certificate = "c.pem"}; });
}

TEST(CollectorTest, every_option_at_once_is_known_to_the_core) {
  Options options = memory_options();
  options.resource = {{"a", std::string("text")}, {"b", true}, {"c", int64_t{3}}, {"d", 0.5}};
  options.lanes = {{.name = "audit",
                    .min_severity = Severity::kWarn,
                    .logger = "audit.*",
                    .queue_records = 4096,
                    .queue_bytes = 1 << 20,
                    .on_full = {OnFull::block(5ms), OnFull::drop_oldest()},
                    .on_backlog_full = forebay::OnBacklogFull::kEvictOldest,
                    .backlog_share = 0.25,
                    .max_age = 1h,
                    .high_watermark = 0.9,
                    .low_watermark = 0.5,
                    .gap_records = false},
                   {.name = "rest", .on_full = {OnFull::fail()}}};
  options.batch = {.max_records = 100, .max_bytes = 1 << 20, .max_delay = 10ms};
  options.backlog = {.max_bytes = 1 << 20, .order = forebay::BacklogOrder::kNewestFirst};
  options.retry = {.initial = 1ms, .max = 1s, .max_elapsed = 1min};
  options.memory_limit = 64 << 20;
  options.max_record_bytes = 4096;
  options.run_directory = "/nowhere";
  // The core opens the files of TLS and reads no more than that here.
  const std::vector<forebay::Exporter> exporters = {
      forebay::OtlpHttpExporter{.endpoint = "http://127.0.0.1:1",
                                .logs_endpoint = "http://127.0.0.1:1/logs",
                                .headers = {{"x-key", "value"}},
                                .timeout = 1s,
                                .compression = forebay::Compression::kGzip,
                                .compression_level = 3,
                                .max_in_flight = 2,
                                .ca_file = __FILE__,
                                .client_certificate = __FILE__,
                                .client_key = __FILE__,
                                .verify = false},
      forebay::FileExporter{.directory = "/nowhere",
                            .format = forebay::FileFormat::kOtlp,
                            .max_file_bytes = 1 << 20,
                            .max_total_bytes = 2 << 20,
                            .max_age = 1h},
      forebay::ConsoleExporter{.format = forebay::ConsoleFormat::kJson},
      forebay::MemoryExporter{.max_bytes = 1 << 20},
      forebay::NullExporter{.compression = forebay::Compression::kNone},
  };
  for (const forebay::Exporter& exporter : exporters) {
    options.exporter = exporter;
    auto made = Collector::create(options);
    EXPECT_TRUE(made.is_ok()) << made.message();
  }
}

TEST(CollectorTest, stats_audit_and_receipts_balance_by_lane_and_in_sum) {
  Options options = memory_options();
  options.lanes = {{.name = "urgent", .min_severity = Severity::kWarn}, {.name = "normal"}};
  options.resource = {{"region", std::string("eu-central")}};
  auto made = Collector::create(options);
  ASSERT_TRUE(made.is_ok()) << made.message();
  const Collector collector = *made;
  const forebay::Logger log = collector.logger("native.lanes");
  for (int i = 0; i < 30; ++i) FOREBAY_INFO(log, "calm", {"i", i});
  for (int i = 0; i < 12; ++i) FOREBAY_ERROR(log, "alarm", {"i", i});
  const forebay::Receipt flushed = collector.flush(30s);
  EXPECT_TRUE(flushed.complete);
  EXPECT_GT(flushed.elapsed.count(), 0);
  const forebay::Stats stats = collector.stats();
  EXPECT_EQ(stats.emitted(), 42);
  EXPECT_EQ(stats.delivered(), 42);
  EXPECT_EQ(stats.lane("normal").delivered(), 30);
  EXPECT_EQ(stats.lane("urgent").delivered(), 12);
  EXPECT_EQ(stats.lane("no such lane").delivered(), 0);
  EXPECT_EQ(stats.severity("error").emitted(), 12);
  EXPECT_EQ(stats.held(), 0);
  EXPECT_EQ(stats.difference(), 0);
  const forebay::Audit audit = collector.audit();
  EXPECT_TRUE(audit.balanced);
  EXPECT_TRUE(audit.exact);
  EXPECT_EQ(audit.difference, 0);
  EXPECT_EQ(audit.lanes.size(), 2U);
  std::string bytes;
  for (const std::string& batch : collector.take_memory()) bytes += batch;
  EXPECT_NE(bytes.find("eu-central"), std::string::npos);
  EXPECT_EQ(collector.text("service_name"), "native");
  FOREBAY_INFO(log, "the last one");
  const forebay::Receipt last = collector.shutdown(30s);
  EXPECT_TRUE(last.complete);
  EXPECT_EQ(last.delivered() + collector.stats().held(), 1);
  EXPECT_TRUE(collector.shutdown(1s).complete);
}

TEST(CollectorTest, a_full_lane_refuses_and_the_reason_has_its_count) {
  Options options = memory_options();
  options.lanes = {{.name = "small", .queue_records = 8, .on_full = {OnFull::fail()}}};
  auto made = Collector::create(options);
  ASSERT_TRUE(made.is_ok()) << made.message();
  const forebay::Logger log = (*made).logger("native.full");
  int64_t refused = 0;
  for (int i = 0; i < 100'000; ++i) {
    if (FOREBAY_INFO(log, "more than fits", {"i", i}).is_refused()) ++refused;
  }
  EXPECT_GT(refused, 0);
  const forebay::Stats stats = (*made).stats();
  EXPECT_EQ(stats.refused("queue_full"), refused);
  EXPECT_EQ(stats.emitted(), 100'000);
  EXPECT_TRUE((*made).shutdown(30s).complete);
  EXPECT_EQ((*made).stats().difference(), 0);
  EXPECT_TRUE((*made).audit().balanced);
}

TEST(CollectorTest, an_empty_collector_answers_with_nothing) {
  const Collector none;
  EXPECT_FALSE(none);
  EXPECT_EQ(none.stats().emitted(), 0);
  EXPECT_FALSE(none.flush(1s).complete);
  EXPECT_EQ(none.text("service_name"), "");
  EXPECT_TRUE(none.take_memory().empty());
  none.set_default();
}

TEST(CollectorTest, the_default_is_the_one_that_was_set) {
  auto made = Collector::create(memory_options());
  ASSERT_TRUE(made.is_ok()) << made.message();
  (*made).set_default();
  EXPECT_EQ(forebay::default_collector().handle(), (*made).handle());
}

TEST(CollectorTest, a_logger_outlives_its_collector) {
  forebay::Logger log = [] {
    auto made = Collector::create(memory_options());
    EXPECT_TRUE(made.is_ok()) << made.message();
    const forebay::Logger log_of_it = (*made).logger("native.outlives");
    EXPECT_TRUE(FOREBAY_INFO(log_of_it, "alive").is_accepted());
    return log_of_it;
  }();
  EXPECT_EQ(FOREBAY_INFO(log, "gone").code(), FOREBAY_REFUSED_SHUTDOWN);
}

}  // namespace
