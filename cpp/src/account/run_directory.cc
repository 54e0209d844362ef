#include "account/run_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "account/ledger.h"

namespace forebay::account {
namespace {

// The value of an environment variable; empty where it is not set.
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

Status failed(const std::string& what, const std::string& path, int error) {
  return Status::unavailable(what + " " + path + ": " + std::strerror(error));
}

Status make_directories(const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      const int error = errno;
      // A parent that may be passed but not written to (EACCES, EROFS) is no obstacle by itself.
      struct stat there {};
      if (::stat(part.c_str(), &there) != 0) return failed("cannot make", part, error);
    }
    if (end == std::string::npos) return {};
  }
}

}  // namespace

RunDirectory RunDirectory::by_default() {
  if (std::string named = environment("FOREBAY_RUN_DIR"); !named.empty()) return {named, true};
  if (std::string runtime = environment("XDG_RUNTIME_DIR"); !runtime.empty()) {
    return {runtime + "/forebay", false};
  }
  return {"/tmp/forebay-" + std::to_string(::getuid()), false};
}

std::string run_directory() { return RunDirectory::by_default().path; }

Result<int> open_run_directory(const RunDirectory& directory) {
  const std::string& path = directory.path;
  if (path.empty()) return Status::unavailable("the run directory has no name");
  if (Status made = make_directories(path); !made) return made;
  const int no_follow = directory.chosen_by_user ? 0 : O_NOFOLLOW;
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | no_follow);
  if (fd < 0) return failed("cannot open", path, errno);
  struct stat there {};
  if (::fstat(fd, &there) != 0) {
    const int error = errno;
    ::close(fd);
    return failed("cannot look at", path, error);
  }
  if (!directory.chosen_by_user && (there.st_uid != ::geteuid() || (there.st_mode & 077) != 0)) {
    ::close(fd);
    return Status::unavailable(path + " is not a directory that only this user may enter");
  }
  return fd;
}

}  // namespace forebay::account
