// The disk, as the core is given it, so that a test can make it fail.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace forebay {

// An open file, for appending. Closed by its destructor.
class AppendFile {
 public:
  virtual ~AppendFile() = default;
  // Writes all of it or fails; after a failure the file is cut back to where it was, where
  // possible.
  virtual Status append(ByteView bytes) = 0;
  virtual Status sync() = 0;
  [[nodiscard]] virtual uint64_t size() const noexcept = 0;
  // Somebody has deleted it: what is written to it nobody will ever read.
  [[nodiscard]] virtual bool is_deleted() const noexcept = 0;
};

struct FileInfo {
  std::string name;  // within the directory
  uint64_t bytes = 0;
  int64_t modified_unix_s = 0;
};

// Errors carry the path and errno's text. Paths are absolute.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // Makes the directory and its parents, mode 0700.
  virtual Status make_directories(const std::string& path) = 0;
  // Opens for appending, makes it with mode 0600 where it is not there; never follows a symbolic
  // link, never inherited by an exec.
  virtual Result<std::unique_ptr<AppendFile>> open_append(const std::string& path) = 0;
  virtual Result<std::vector<FileInfo>> list(const std::string& directory) = 0;
  virtual Status remove(const std::string& path) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;

  static FileSystem& system() noexcept;
};

// A name that is one component of a path on any file system: of the first 64 bytes, what is no
// letter, digit, '.', '_' or '-' as '_', and not hidden. Empty: "unknown_service".
std::string safe_file_name(std::string_view name);

}  // namespace forebay
