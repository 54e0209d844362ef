// A file exporter over a directory in memory, with a clock that the test moves.
#pragma once
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "ship/fake_file_system.h"
#include "ship/file_exporter.h"
#include "ship/otlp_bytes.h"

namespace forebay::ship::testing {

inline const std::string kId = "0a1b2c3d-0000-4000-8000-000000000001";
inline const std::string kOther = "ffffffff-0000-4000-8000-000000000002";

inline FileOptions in_dir() {
  FileOptions options;
  options.directory = "/d";
  options.service = "checkout";
  options.instance_id = kId;
  options.max_file_bytes = 4096;
  options.max_total_bytes = 40'960;
  return options;
}

struct FileExporterFixture {
  explicit FileExporterFixture(FileOptions options = in_dir()) : exporter(options, files, clock) {
    EXPECT_TRUE(options.validate().is_ok()) << options.validate().message();
    tick(std::chrono::seconds{0});
  }
  void tick(std::chrono::seconds by) {
    clock.advance(by);
    files.now_unix_s =
        std::chrono::floor<std::chrono::seconds>(clock.wall_now().time_since_epoch()).count();
  }
  Attempt send(EncodedBatch batch) {
    exporter.send(std::move(batch), clock.now());
    auto attempts = exporter.poll(Duration::zero());
    EXPECT_EQ(attempts.size(), 1u);
    return std::move(attempts.at(0));
  }
  std::vector<std::string> names() {
    std::vector<std::string> found;
    for (const auto& [path, file] : files.files) found.push_back(path.substr(3));
    return found;
  }
  std::string bytes(const std::string& name) { return files.files.at("/d/" + name)->bytes; }

  ManualClock clock;
  FakeFileSystem files;
  FileExporter exporter;
};

inline std::string nth(int n, const std::string& id = kId, const std::string& suffix = ".jsonl") {
  return "checkout-" + id + "-00000" + std::to_string(n) + suffix;
}

}  // namespace forebay::ship::testing
