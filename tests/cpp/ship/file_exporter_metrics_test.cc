// Metrics in files of their own, beside those of logs and under the same limits.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "ship/file_exporter_fixture.h"
#include "ship/metric_bytes.h"

namespace forebay::ship {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using Kind = Attempt::Kind;

const std::string kMetrics = ".metrics.jsonl";

TEST(FileExporterMetricsTest, signals_do_not_share_a_file_and_are_numbered_apart) {
  FileExporterFixture f;
  EXPECT_EQ(f.send(info_batch("l", 1)).kind, Kind::kDelivered);
  EXPECT_EQ(f.send(counter_batch("m", 2)).kind, Kind::kDelivered);
  EXPECT_EQ(f.send(info_batch("l", 1)).kind, Kind::kDelivered);
  EXPECT_EQ(f.send(counter_batch("m", 2, Codec::kNone)).kind, Kind::kDelivered);
  EXPECT_EQ(f.names(), (std::vector<std::string>{nth(1), nth(1, kId, kMetrics)}));
  const std::string logs = f.bytes(nth(1));
  const std::string metrics = f.bytes(nth(1, kId, kMetrics));
  EXPECT_EQ(logs.find("{\"resourceLogs\":[{\"resource\":"), 0u);
  EXPECT_EQ(logs.find("resourceMetrics"), std::string::npos);
  EXPECT_EQ(metrics.find("{\"resourceMetrics\":[{\"resource\":"), 0u);
  EXPECT_EQ(metrics.find("resourceLogs"), std::string::npos);
  EXPECT_EQ(std::count(metrics.begin(), metrics.end(), '\n'), 2) << "a MetricsData object a line";
}

TEST(FileExporterMetricsTest, otlp_is_a_length_and_the_batchs_own_zstd_frame) {
  FileOptions options = in_dir();
  options.format = FileFormat::kOtlp;
  FileExporterFixture f(options);
  const EncodedBatch batch = counter_batch("m", 5);
  EXPECT_EQ(f.send(batch).kind, Kind::kDelivered);
  EXPECT_EQ(f.names(), std::vector<std::string>{nth(1, kId, ".metrics.otlp.zst")});
  const std::string all = f.bytes(nth(1, kId, ".metrics.otlp.zst"));
  ASSERT_EQ(all.size(), 4 + batch.body->size());
  EXPECT_EQ(static_cast<uint8_t>(all[3]) | static_cast<uint8_t>(all[2]) << 8, batch.body->size());
  EXPECT_EQ(all.substr(4), as_text(batch.body->view()));
}

TEST(FileExporterMetricsTest, each_signals_file_is_followed_by_the_next_in_its_own_time) {
  FileExporterFixture f;
  EXPECT_EQ(f.send(info_batch("l", 1)).kind, Kind::kDelivered);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(f.send(counter_batch("m", 5)).kind, Kind::kDelivered);
  EXPECT_EQ(f.send(info_batch("l", 1)).kind, Kind::kDelivered);
  EXPECT_EQ(f.files.files.count("/d/" + nth(2)), 0u) << "the logs' file is not full";
  EXPECT_EQ(f.files.files.count("/d/" + nth(3, kId, kMetrics)), 1u);
  for (const std::string& name : f.names()) EXPECT_LE(f.bytes(name).size(), 4096u) << name;
}

TEST(FileExporterMetricsTest, files_of_an_earlier_exporter_are_not_written_to) {
  FileExporterFixture f;
  f.files.put("/d/" + nth(7, kId, kMetrics), "old\n", f.files.now_unix_s);
  f.send(counter_batch("m", 1));
  f.send(info_batch("l", 1));
  EXPECT_EQ(f.bytes(nth(7, kId, kMetrics)), "old\n");
  EXPECT_EQ(f.files.files.count("/d/" + nth(8, kId, kMetrics)), 1u);
  EXPECT_EQ(f.files.files.count("/d/" + nth(1)), 1u) << "logs count for themselves";
}

TEST(FileExporterMetricsTest, one_cap_holds_for_both_signals_together) {
  FileExporterFixture f;
  const std::string kib10(10'240, 'x');
  const int64_t now = f.files.now_unix_s;
  f.files.put("/d/" + nth(1, kOther, kMetrics), kib10, now - 40);
  f.files.put("/d/" + nth(1, kOther), kib10, now - 30);
  f.files.put("/d/" + nth(2, kOther, ".metrics.otlp.zst"), kib10, now - 20);
  f.files.put("/d/" + nth(2, kOther), kib10, now - 10);
  f.files.put("/d/notes.metrics.jsonl", kib10, now - 999);
  EXPECT_EQ(f.send(counter_batch("m", 3)).kind, Kind::kDelivered);
  EXPECT_EQ(f.files.files.count("/d/" + nth(1, kOther, kMetrics)), 0u);
  EXPECT_EQ(f.files.files.count("/d/" + nth(1, kOther)), 1u);
  EXPECT_EQ(f.files.files.count("/d/" + nth(2, kOther, ".metrics.otlp.zst")), 1u);
  EXPECT_EQ(f.files.files.count("/d/notes.metrics.jsonl"), 1u);
}

TEST(FileExporterMetricsTest, a_lone_writer_of_both_keeps_within_the_cap_and_its_own_files) {
  FileExporterFixture f;
  for (int i = 0; i < 500; ++i) {
    f.tick(1s);
    ASSERT_EQ(f.send(info_batch("l", 10)).kind, Kind::kDelivered);
    if (i % 3 == 0) {
      ASSERT_EQ(f.send(counter_batch("m", 5)).kind, Kind::kDelivered);
    }
    uint64_t total = 0;
    for (const std::string& name : f.names()) total += f.bytes(name).size();
    ASSERT_LE(total, 40'960u + 2 * 4096u);
  }
  EXPECT_GE(f.names().size(), 9u);
}

TEST(FileExporterMetricsTest, what_nobody_wrote_to_for_max_age_goes) {
  FileOptions options = in_dir();
  options.max_age = 1h;
  FileExporterFixture f(options);
  f.files.put("/d/" + nth(1, kOther, kMetrics), "x", f.files.now_unix_s - 3601);
  f.files.put("/d/" + nth(2, kOther, kMetrics), "x", f.files.now_unix_s - 3599);
  f.send(info_batch("l", 1));
  EXPECT_EQ(f.files.files.count("/d/" + nth(1, kOther, kMetrics)), 0u);
  EXPECT_EQ(f.files.files.count("/d/" + nth(2, kOther, kMetrics)), 1u);
}

TEST(FileExporterMetricsTest, a_disk_full_from_the_start_gathers_no_empty_files) {
  FileExporterFixture f;
  f.files.room = 0;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(f.send(counter_batch("m", 1)).kind, Kind::kRetry);
    EXPECT_EQ(f.send(info_batch("l", 1)).kind, Kind::kRetry);
  }
  EXPECT_TRUE(f.names().empty());
  f.files.room = UINT64_MAX;
  EXPECT_EQ(f.send(counter_batch("m", 1)).kind, Kind::kDelivered);
  EXPECT_EQ(f.names(), std::vector<std::string>{nth(1, kId, kMetrics)});
}

TEST(FileExporterMetricsTest, its_files_are_told_from_others_and_from_those_of_logs) {
  EXPECT_TRUE(FileExporter::is_ours(nth(1, kId, kMetrics)));
  EXPECT_TRUE(FileExporter::is_ours(nth(1, kId, ".metrics.otlp.zst")));
  for (const std::string name : {"notes.metrics.jsonl", "report-000001.metrics.jsonl",
                                 ".metrics.jsonl", "x-000001.metrics.otlp.zst"}) {
    EXPECT_FALSE(FileExporter::is_ours(name)) << name;
  }
  EXPECT_FALSE(FileExporter::is_ours(nth(1, kId, ".spans.jsonl")));
  // A service may be called as it likes: what tells is what comes after the number.
  FileOptions options = in_dir();
  options.service = "x.metrics";
  FileExporterFixture f(options);
  f.send(info_batch("l", 1));
  EXPECT_FALSE(f.names().at(0).ends_with(kMetrics)) << f.names().at(0);
}

}  // namespace
}  // namespace forebay::ship
