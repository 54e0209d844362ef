#include "ship/file_exporter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "ship/file_exporter_fixture.h"

namespace forebay::ship {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using Kind = Attempt::Kind;

TEST(FileExporterTest, nothing_is_touched_before_the_first_batch) {
  FileExporterFixture f;
  EXPECT_TRUE(f.exporter.poll(0ns).empty());
  EXPECT_TRUE(f.files.made.empty());
  EXPECT_EQ(f.files.opened, 0u);
}

TEST(FileExporterTest, a_batch_is_one_line_in_one_write) {
  FileExporterFixture f;
  EXPECT_EQ(f.exporter.codec(), Codec::kNone);
  EXPECT_EQ(f.send(info_batch("a", 2)).kind, Kind::kDelivered);
  EXPECT_EQ(f.send(info_batch("b", 2, Codec::kNone)).kind, Kind::kDelivered);
  EXPECT_EQ(f.names(), std::vector<std::string>{nth(1)});
  const std::string text = f.bytes(nth(1));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_EQ(text.back(), '\n');
  EXPECT_EQ(text.find("{\"resourceLogs\":[{\"resource\":"), 0u);
  EXPECT_EQ(f.files.writes, (std::vector<size_t>{text.size() / 2, text.size() / 2}));
}

TEST(FileExporterTest, otlp_is_a_length_and_the_batchs_own_zstd_frame) {
  FileOptions options = in_dir();
  options.format = FileFormat::kOtlp;
  FileExporterFixture f(options);
  EXPECT_EQ(f.exporter.codec(), Codec::kZstd);
  const EncodedBatch batch = info_batch("a");
  EXPECT_EQ(f.send(batch).kind, Kind::kDelivered);
  EXPECT_EQ(f.send(info_batch("b", 10, Codec::kGzip)).kind, Kind::kDelivered);
  const std::string all = f.bytes(nth(1, kId, ".otlp.zst"));
  size_t at = 0;
  for (int i = 0; i < 2; ++i) {
    ASSERT_GE(all.size(), at + 4);
    uint32_t size = 0;
    for (int b = 0; b < 4; ++b) size = size << 8 | static_cast<uint8_t>(all[at++]);
    ASSERT_GE(all.size(), at + size);
    EncodedBatch read;
    read.codec = Codec::kZstd;
    read.body = std::make_shared<ByteBuffer>(
        ByteBuffer::copy_of(as_bytes(std::string_view(all).substr(at, size))));
    EXPECT_EQ(testing::plain_text(read), testing::plain_text(batch));
    at += size;
  }
  EXPECT_EQ(at, all.size());
}

TEST(FileExporterTest, a_file_is_followed_by_the_next_before_it_grows_too_large) {
  FileExporterFixture f;
  for (int i = 0; i < 12; ++i) EXPECT_EQ(f.send(info_batch("a", 10)).kind, Kind::kDelivered);
  EXPECT_GT(f.names().size(), 2u);
  for (const std::string& name : f.names()) EXPECT_LE(f.bytes(name).size(), 4096u) << name;
}

TEST(FileExporterTest, a_batch_larger_than_a_file_has_one_for_itself) {
  FileExporterFixture f;
  f.send(info_batch("small", 1));
  EXPECT_EQ(f.send(info_batch("large", 100)).kind, Kind::kDelivered);
  f.send(info_batch("small", 1));
  EXPECT_EQ(f.names().size(), 3u);
}

TEST(FileExporterTest, files_of_an_earlier_exporter_of_the_process_are_not_written_to) {
  FileExporterFixture f;
  f.files.put("/d/" + nth(7), "old\n", f.files.now_unix_s);
  f.send(info_batch("a", 1));
  EXPECT_EQ(f.bytes(nth(7)), "old\n");
  EXPECT_EQ(f.files.files.count("/d/" + nth(8)), 1u);
}

TEST(FileExporterTest, the_oldest_go_when_all_processes_together_have_too_much) {
  FileExporterFixture f;
  const std::string kib10(10'240, 'x');
  const int64_t now = f.files.now_unix_s;
  f.files.put("/d/" + nth(1, kOther), kib10, now - 30);
  f.files.put("/d/" + nth(2, kOther), kib10, now - 20);
  f.files.put("/d/" + nth(3, kOther), kib10, now - 10);
  f.files.put("/d/" + nth(4, kOther), kib10, now - 5);
  f.files.put("/d/notes.jsonl", kib10, now - 999);
  f.files.put("/d/report-000001.jsonl", kib10, now - 999);
  EXPECT_EQ(f.send(info_batch("a", 5)).kind, Kind::kDelivered);
  EXPECT_EQ(f.files.files.count("/d/" + nth(1, kOther)), 0u);
  EXPECT_EQ(f.files.files.count("/d/" + nth(2, kOther)), 1u);
  EXPECT_EQ(f.files.files.count("/d/notes.jsonl"), 1u);
  EXPECT_EQ(f.files.files.count("/d/report-000001.jsonl"), 1u);
}

TEST(FileExporterTest, a_lone_writer_keeps_within_the_cap_and_never_loses_its_own_file) {
  FileExporterFixture f;
  for (int i = 0; i < 500; ++i) {
    f.tick(1s);
    ASSERT_EQ(f.send(info_batch("a", 10)).kind, Kind::kDelivered);
    uint64_t total = 0;
    for (const std::string& name : f.names()) total += f.bytes(name).size();
    ASSERT_LE(total, 40'960u + 4096u);
  }
  EXPECT_GE(f.names().size(), 9u);
}

TEST(FileExporterTest, what_nobody_wrote_to_for_max_age_goes) {
  FileOptions options = in_dir();
  options.max_age = 1h;
  FileExporterFixture f(options);
  f.files.put("/d/" + nth(1, kOther), "x", f.files.now_unix_s - 3601);
  f.files.put("/d/" + nth(2, kOther), "x", f.files.now_unix_s - 3599);
  f.send(info_batch("a", 1));
  EXPECT_EQ(f.files.files.count("/d/" + nth(1, kOther)), 0u);
  EXPECT_EQ(f.files.files.count("/d/" + nth(2, kOther)), 1u);
}

TEST(FileExporterTest, nothing_is_written_to_a_file_that_somebody_deleted) {
  FileExporterFixture f;
  f.send(info_batch("a", 1));
  f.files.files.clear();
  f.send(info_batch("b", 1));
  EXPECT_EQ(f.names(), std::vector<std::string>{nth(2)});
  EXPECT_GT(f.bytes(nth(2)).size(), 0u);
}

TEST(FileExporterTest, a_file_that_somebody_moved_away_is_noticed_at_the_next_look) {
  FileExporterFixture f;
  f.send(info_batch("a", 1));
  auto moved = f.files.files.extract("/d/" + nth(1));
  moved.key() = "/elsewhere/1";
  f.files.files.insert(std::move(moved));
  f.tick(11s);
  f.send(info_batch("b", 1));
  f.send(info_batch("c", 1));
  EXPECT_EQ(f.files.files.count("/d/" + nth(2)), 1u);
}

TEST(FileExporterTest, a_full_disk_is_tried_again_and_leaves_no_half_line) {
  FileExporterFixture f;
  f.send(info_batch("a", 1));
  const std::string before = f.bytes(nth(1));
  f.files.room = 10;
  for (int i = 0; i < 3; ++i) {
    const Attempt attempt = f.send(info_batch("b", 1));
    EXPECT_EQ(attempt.kind, Kind::kRetry);
    EXPECT_NE(attempt.message.find("no space"), std::string::npos);
  }
  EXPECT_EQ(f.bytes(nth(1)), before);
  f.files.room = UINT64_MAX;
  EXPECT_EQ(f.send(info_batch("b", 1)).kind, Kind::kDelivered);
  EXPECT_EQ(f.names().size(), 1u);
}

TEST(FileExporterTest, a_disk_full_from_the_start_gathers_no_empty_files) {
  FileExporterFixture f;
  f.files.room = 0;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(f.send(info_batch("b", 1)).kind, Kind::kRetry);
  EXPECT_TRUE(f.names().empty());
  f.files.room = UINT64_MAX;
  EXPECT_EQ(f.send(info_batch("b", 1)).kind, Kind::kDelivered);
  EXPECT_EQ(f.names(), std::vector<std::string>{nth(1)});
}

TEST(FileExporterTest, after_half_a_line_that_could_not_be_cut_back_a_new_file_begins) {
  FileExporterFixture f;
  f.send(info_batch("a", 1));
  f.files.room = 10;
  f.files.leaves_half = true;
  EXPECT_EQ(f.send(info_batch("b", 1)).kind, Kind::kRetry);
  f.files.room = UINT64_MAX;
  EXPECT_EQ(f.send(info_batch("b", 1)).kind, Kind::kDelivered);
  EXPECT_EQ(f.bytes(nth(2)).back(), '\n');
  EXPECT_EQ(f.bytes(nth(2)).find("{\"resourceLogs\""), 0u);
}

TEST(FileExporterTest, a_directory_that_cannot_be_made_is_tried_again) {
  FileExporterFixture f;
  f.files.failing = "read-only file system";
  EXPECT_EQ(f.send(info_batch("a", 1)).kind, Kind::kRetry);
  f.files.failing.clear();
  EXPECT_EQ(f.send(info_batch("a", 1)).kind, Kind::kDelivered);
}

TEST(FileExporterTest, bytes_that_are_no_message_are_let_go) {
  FileExporterFixture f;
  EncodedBatch bad = info_batch("a", 1, Codec::kNone);
  bad.body = testing::in_codec("\xff\xff\xff", Codec::kNone);
  EXPECT_EQ(f.send(std::move(bad)).kind, Kind::kFailed);
  EXPECT_TRUE(f.names().empty());
}

TEST(FileExporterTest, a_service_name_cannot_lead_out_of_the_directory) {
  FileOptions options = in_dir();
  options.service = "../../etc/päss word";
  FileExporterFixture f(options);
  f.send(info_batch("a", 1));
  EXPECT_EQ(f.names().at(0).find('/'), std::string::npos);
  EXPECT_EQ(f.names().at(0).find("_._.._etc_p__ss_word-"), 0u) << f.names().at(0);
}

TEST(FileExporterTest, its_files_are_told_from_others) {
  EXPECT_TRUE(FileExporter::is_ours(nth(1)));
  EXPECT_TRUE(FileExporter::is_ours("a-b-" + kId + "-1234567.otlp.zst"));
  for (const std::string name :
       {"notes.jsonl", "report-000001.jsonl", "x-2026-000001.jsonl", "-000001.jsonl", ".jsonl"}) {
    EXPECT_FALSE(FileExporter::is_ours(name)) << name;
  }
  EXPECT_FALSE(FileExporter::is_ours(nth(1) + ".bak"));
  EXPECT_FALSE(FileExporter::is_ours("checkout-" + kId + "-1.jsonl"));
}

TEST(FileOptionsTest, each_wrong_field_is_named) {
  const auto message = [](auto change) {
    FileOptions options = in_dir();
    change(options);
    return options.validate().message();
  };
  EXPECT_EQ(message([](auto&) {}), "");
  EXPECT_EQ(message([](auto& o) { o.directory = "relative"; }).find("directory:"), 0u);
  EXPECT_EQ(message([](auto& o) { o.instance_id = "a/b"; }).find("instance_id:"), 0u);
  EXPECT_EQ(message([](auto& o) { o.instance_id = ""; }).find("instance_id:"), 0u);
  EXPECT_EQ(message([](auto& o) { o.max_file_bytes = 4095; }).find("max_file_bytes:"), 0u);
  EXPECT_EQ(message([](auto& o) { o.max_total_bytes = 4095; }).find("max_total_bytes:"), 0u);
  EXPECT_EQ(message([](auto& o) { o.max_age = 59s; }).find("max_age:"), 0u);
}

}  // namespace
}  // namespace forebay::ship
