#include "base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <system_error>

namespace forebay {
namespace {

// errno is read first: making the message may change it.
Status failed(std::string_view what, const std::string& path, int error = errno) {
  return Status::unavailable(path + ": " + std::string(what) + ": " +
                             std::generic_category().message(error));
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  FileDescriptor& operator=(FileDescriptor&&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

class PosixAppendFile final : public AppendFile {
 public:
  PosixAppendFile(FileDescriptor fd, std::string path, uint64_t size) noexcept
      : fd_(std::move(fd)), path_(std::move(path)), size_(size) {}

  Status append(ByteView bytes) override {
    ByteView rest = bytes;
    while (!rest.empty()) {
      const ssize_t written = ::write(fd_.get(), rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      // A regular file takes nothing only where it will never take more.
      if (written <= 0) return cut_back(written < 0 ? errno : ENOSPC);
      rest = rest.subspan(static_cast<size_t>(written));
    }
    size_ += bytes.size();
    return Status::ok();
  }

  Status sync() override {
    if (::fdatasync(fd_.get()) != 0) return failed("sync", path_);
    return Status::ok();
  }

  [[nodiscard]] uint64_t size() const noexcept override { return size_; }
  [[nodiscard]] bool is_deleted() const noexcept override {
    struct stat now {};
    return ::fstat(fd_.get(), &now) == 0 && now.st_nlink == 0;
  }

 private:
  // Half a message at the end would spoil what comes after it.
  Status cut_back(int error) {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) {
      struct stat now {};
      if (::fstat(fd_.get(), &now) == 0) size_ = static_cast<uint64_t>(now.st_size);
    }
    return failed("write", path_, error);
  }

  FileDescriptor fd_;
  std::string path_;
  uint64_t size_;
};

class PosixFileSystem final : public FileSystem {
 public:
  Status make_directories(const std::string& path) override {
    for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
      const std::string part = path.substr(0, end);
      if (!part.empty() && ::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
        const int error = errno;
        // A parent that may not be written, or lies on a read-only disk, may well be there.
        if (!is_directory(part)) return failed("make directory", part, error);
      }
      if (end == std::string::npos) break;
    }
    if (!is_directory(path)) return failed("make directory", path, ENOTDIR);
    return Status::ok();
  }

  Result<std::unique_ptr<AppendFile>> open_append(const std::string& path) override {
    // O_NONBLOCK: opening a FIFO that somebody put there must fail, not wait for its reader.
    FileDescriptor fd(::open(
        path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600));
    if (fd.get() < 0) return failed("open", path);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return failed("open", path);
    if (!S_ISREG(info.st_mode)) return failed("open (not a regular file)", path, EINVAL);
    return std::unique_ptr<AppendFile>(std::make_unique<PosixAppendFile>(
        std::move(fd), path, static_cast<uint64_t>(info.st_size)));
  }

  Result<std::vector<FileInfo>> list(const std::string& directory) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory.c_str()),
                                                  [](DIR* d) { return ::closedir(d); });
    if (!dir) return failed("list", directory);
    std::vector<FileInfo> files;
    errno = 0;
    while (const dirent* entry = ::readdir(dir.get())) {
      struct stat info {};
      // One that went away since is not there; links and directories are not files of ours.
      if (::fstatat(::dirfd(dir.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
          S_ISREG(info.st_mode)) {
        files.push_back({entry->d_name, static_cast<uint64_t>(info.st_size),
                         static_cast<int64_t>(info.st_mtime)});
      }
      errno = 0;
    }
    if (errno != 0) return failed("list", directory);
    std::sort(files.begin(), files.end(),
              [](const FileInfo& a, const FileInfo& b) { return a.name < b.name; });
    return files;
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return failed("remove", path);
    return Status::ok();
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename to " + to, from);
    return Status::ok();
  }

 private:
  static bool is_directory(const std::string& path) noexcept {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  }
};

}  // namespace

std::string safe_file_name(std::string_view name) {
  constexpr size_t kLongest = 64;
  std::string safe;
  for (const char c : name.substr(0, kLongest)) {
    const bool plain =
        std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
    safe += plain ? c : '_';
  }
  if (safe.empty()) return "unknown_service";
  if (safe.front() == '.') safe.front() = '_';
  return safe;
}

FileSystem& FileSystem::system() noexcept {
  static PosixFileSystem file_system;
  return file_system;
}

}  // namespace forebay
