#include "account/process_identity.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace forebay::account {
namespace {

// The first bytes of a file of /proc. Empty where it cannot be read.
std::string_view read_start(const char* path, std::array<char, 1024>& buffer) noexcept {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const ssize_t got = ::read(fd, buffer.data(), buffer.size());
  ::close(fd);
  return got > 0 ? std::string_view(buffer.data(), static_cast<size_t>(got)) : std::string_view{};
}

// Fields 3 and 22 of /proc/<pid>/stat. The second one is the program's name in parentheses, which
// may hold blanks and parentheses itself: counting begins after the last of them.
struct StatFields {
  char state = 0;  // 0: the text is none
  uint64_t start_ticks = 0;
};

StatFields fields_of(std::string_view stat) noexcept {
  StatFields fields;
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return {};
  stat.remove_prefix(name_end + 1);
  for (int field = 3; field <= 22; ++field) {
    const size_t blank = stat.find(' ');
    if (blank == std::string_view::npos) return {};
    stat.remove_prefix(blank + 1);
    if (field == 3 && !stat.empty()) fields.state = stat.front();
  }
  std::from_chars(stat.data(), stat.data() + stat.size(), fields.start_ticks);
  return fields;
}

uint64_t start_ticks() noexcept {
  std::array<char, 1024> buffer;
  return fields_of(read_start("/proc/self/stat", buffer)).start_ticks;
}

std::array<uint8_t, 16> boot_id() noexcept {
  std::array<char, 1024> buffer;
  std::array<uint8_t, 16> id{};
  size_t digits = 0;
  for (const char c : read_start("/proc/sys/kernel/random/boot_id", buffer)) {
    uint8_t value = 0;
    if (std::from_chars(&c, &c + 1, value, 16).ec != std::errc{} || digits == 32) continue;
    id[digits / 2] = static_cast<uint8_t>(id[digits / 2] << 4 | value);
    ++digits;
  }
  return id;
}

// A process whose main thread has ended looks like one that waits to be reaped.
bool has_other_threads(const char* process) noexcept {
  char path[48];
  std::snprintf(path, sizeof path, "%s/task", process);
  DIR* tasks = ::opendir(path);
  if (tasks == nullptr) return false;
  int count = 0;
  while (const dirent* entry = ::readdir(tasks)) count += entry->d_name[0] != '.' ? 1 : 0;
  ::closedir(tasks);
  return count > 1;
}

}  // namespace

ProcessIdentity ProcessIdentity::of_this_process() noexcept {
  ProcessIdentity self;
  self.pid = static_cast<uint64_t>(::getpid());
  struct stat pid_namespace {};
  if (::stat("/proc/self/ns/pid", &pid_namespace) == 0) self.pid_namespace = pid_namespace.st_ino;
  self.start_ticks = account::start_ticks();
  const long ticks = ::sysconf(_SC_CLK_TCK);
  self.ticks_per_second = ticks > 0 ? static_cast<uint64_t>(ticks) : 0;
  self.boot_id = account::boot_id();
  return self;
}

Presence presence_of(uint64_t pid, uint64_t start_ticks) noexcept {
  char process[32];
  char path[48];
  std::snprintf(process, sizeof process, "/proc/%llu", static_cast<unsigned long long>(pid));
  std::snprintf(path, sizeof path, "%s/stat", process);
  std::array<char, 1024> buffer;
  errno = 0;
  const std::string_view text = read_start(path, buffer);
  if (text.empty()) return errno == ENOENT || errno == ESRCH ? Presence::kGone : Presence::kUnknown;
  const StatFields fields = fields_of(text);
  if (fields.state == 0) return Presence::kUnknown;
  if (start_ticks != 0 && fields.start_ticks != start_ticks) return Presence::kGone;
  const bool waits_to_be_reaped = std::strchr("ZXx", fields.state) != nullptr;
  return waits_to_be_reaped && !has_other_threads(process) ? Presence::kGone : Presence::kHere;
}

}  // namespace forebay::account
