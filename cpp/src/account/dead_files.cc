#include "account/dead_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "account/process_identity.h"
#include "account/stats_layout.h"

namespace forebay::account {
namespace {

constexpr std::string_view kSuffix = ".forebay";

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

struct File {
  std::string name;
  dev_t device = 0;
  ino_t inode = 0;
  int64_t last_seen_ns = 0;
};

enum class Life { kHere, kGone, kUnknown };

Life life_of(const StatsHeader& header, const ProcessIdentity& self) noexcept {
  if (header.state.load() == static_cast<uint32_t>(RunState::kEnded)) return Life::kGone;
  if (self.boot_id == decltype(self.boot_id){}) return Life::kUnknown;
  if (header.boot_id != self.boot_id) return Life::kGone;
  if (self.pid_namespace == 0) return Life::kUnknown;
  if (header.pid_namespace != 0 && header.pid_namespace != self.pid_namespace) {
    return Life::kUnknown;
  }
  switch (presence_of(header.pid, header.start_ticks)) {
    case Presence::kHere:
      return Life::kHere;
    case Presence::kGone:
      return Life::kGone;
    case Presence::kUnknown:
      break;
  }
  return Life::kUnknown;
}

// Whether it is a stats file that this version understands.
bool read_header(int fd, StatsHeader& header) noexcept {
  const ssize_t got = ::pread(fd, &header, sizeof(header), 0);
  return got == static_cast<ssize_t>(sizeof(header)) && header.magic == kStatsMagic &&
         header.byte_order == kByteOrder && header.format_version == kFormatVersion;
}

// Whether it may have to go. `is_gone`: its process surely is; else it is old beyond doubt.
bool look_at(int directory, const char* name, const ProcessIdentity& self, int64_t oldest_ns,
             File& file, bool& is_gone) {
  const int fd = ::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return false;
  struct stat status {};
  StatsHeader header{};
  const bool understood =
      ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && read_header(fd, header);
  ::close(fd);
  if (!understood) return false;
  const Life life = life_of(header, self);
  if (life == Life::kHere) return false;
  const bool ended = header.state.load() == static_cast<uint32_t>(RunState::kEnded);
  const int64_t modified_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
  const int64_t heartbeat_ns = header.heartbeat_wall_ns.load();
  file.last_seen_ns = ended ? header.ended_wall_ns.load()
                            : std::max({header.started_wall_ns, heartbeat_ns, modified_ns});
  is_gone = life == Life::kGone;
  // Somebody whom we cannot see: gone if its heart ever beat, and has stopped for that long.
  if (!is_gone && (heartbeat_ns <= header.started_wall_ns || file.last_seen_ns >= oldest_ns)) {
    return false;
  }
  file.name = name;
  file.device = status.st_dev;
  file.inode = status.st_ino;
  return true;
}

// Unless another process has put a new file in its place since.
void remove(int directory, const File& file) noexcept {
  struct stat now {};
  if (::fstatat(directory, file.name.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (now.st_dev != file.device || now.st_ino != file.inode) return;
  ::unlinkat(directory, file.name.c_str(), 0);
}

}  // namespace

void remove_dead_files(int directory, WallTime now, const DeadFilesKept& kept) noexcept try {
  // A descriptor of its own: readdir moves the position that duplicates share.
  const int fd = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  const std::unique_ptr<DIR, CloseDirectory> listing(::fdopendir(fd));
  if (!listing) {
    ::close(fd);
    return;
  }
  const ProcessIdentity self = ProcessIdentity::of_this_process();
  const int64_t oldest_ns = (now.time_since_epoch() - kept.age).count();
  std::vector<File> gone;
  size_t looked_at = 0;
  while (const dirent* entry = ::readdir(listing.get())) {
    if (!std::string_view(entry->d_name).ends_with(kSuffix)) continue;
    if (looked_at++ == kept.looked_at) break;
    File file;
    bool is_gone = false;
    if (!look_at(directory, entry->d_name, self, oldest_ns, file, is_gone)) continue;
    if (is_gone) {
      gone.push_back(std::move(file));
    } else {
      remove(directory, file);
    }
  }
  std::sort(gone.begin(), gone.end(),
            [](const File& a, const File& b) { return a.last_seen_ns > b.last_seen_ns; });
  for (size_t i = 0; i < gone.size(); ++i) {
    if (i >= kept.files || gone[i].last_seen_ns < oldest_ns) remove(directory, gone[i]);
  }
} catch (const std::bad_alloc&) {
  // The files stay for the next process.
}

}  // namespace forebay::account
