// A directory in memory whose disk can be full, broken or read by somebody at any moment.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"

namespace forebay::ship::testing {

class FakeFileSystem final : public FileSystem {
 public:
  struct Stored {
    std::string bytes;
    int64_t modified_unix_s = 0;
  };

  Status make_directories(const std::string& path) override {
    if (!failing.empty()) return Status::unavailable(path + ": " + failing);
    made.push_back(path);
    return Status::ok();
  }
  Result<std::unique_ptr<AppendFile>> open_append(const std::string& path) override {
    if (!failing.empty()) return Status::unavailable(path + ": " + failing);
    ++opened;
    std::shared_ptr<Stored>& file = files[path];
    if (!file) file = std::make_shared<Stored>();
    return std::unique_ptr<AppendFile>(std::make_unique<File>(*this, file));
  }
  Result<std::vector<FileInfo>> list(const std::string& directory) override {
    std::vector<FileInfo> found;
    for (const auto& [path, file] : files) {
      if (path.starts_with(directory + "/")) {
        found.push_back(
            {path.substr(directory.size() + 1), file->bytes.size(), file->modified_unix_s});
      }
    }
    return found;
  }
  Status remove(const std::string& path) override {
    return files.erase(path) == 1 ? Status::ok() : Status::unavailable(path + ": no such file");
  }
  Status rename(const std::string&, const std::string&) override {
    return Status::unavailable("not here");
  }
  void put(const std::string& path, const std::string& bytes, int64_t modified_unix_s) {
    files[path] = std::make_shared<Stored>(Stored{bytes, modified_unix_s});
  }

  std::map<std::string, std::shared_ptr<Stored>> files;
  std::vector<std::string> made;
  size_t opened = 0;
  uint64_t room = UINT64_MAX;  // bytes that still fit on the disk
  bool leaves_half = false;    // a failed write cannot be cut back
  std::string failing;         // why nothing can be opened
  int64_t now_unix_s = 0;
  std::vector<size_t> writes;  // sizes

 private:
  // An open file lives on when its name is gone, as on a real disk.
  class File final : public AppendFile {
   public:
    File(FakeFileSystem& fs, std::shared_ptr<Stored> file) : fs_(fs), file_(std::move(file)) {}
    Status append(ByteView bytes) override {
      fs_.writes.push_back(bytes.size());
      if (bytes.size() > fs_.room) {
        if (fs_.leaves_half) file_->bytes += as_text(bytes.first(fs_.room));
        return Status::unavailable("no space left on device");
      }
      fs_.room -= bytes.size();
      file_->bytes += as_text(bytes);
      file_->modified_unix_s = fs_.now_unix_s;
      return Status::ok();
    }
    Status sync() override { return Status::ok(); }
    [[nodiscard]] uint64_t size() const noexcept override { return file_->bytes.size(); }
    [[nodiscard]] bool is_deleted() const noexcept override { return file_.use_count() == 1; }

   private:
    FakeFileSystem& fs_;
    std::shared_ptr<Stored> file_;
  };
};

}  // namespace forebay::ship::testing
