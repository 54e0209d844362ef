#include "account/process_identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
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

// Field 22 of /proc/self/stat. The second one is the program's name in parentheses, which may hold
// blanks and parentheses itself: counting begins after the last of them.
uint64_t start_ticks() noexcept {
  std::array<char, 1024> buffer;
  std::string_view stat = read_start("/proc/self/stat", buffer);
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return 0;
  stat.remove_prefix(name_end + 1);
  for (int field = 3; field <= 22; ++field) {
    const size_t blank = stat.find(' ');
    if (blank == std::string_view::npos) return 0;
    stat.remove_prefix(blank + 1);
  }
  uint64_t ticks = 0;
  std::from_chars(stat.data(), stat.data() + stat.size(), ticks);
  return ticks;
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

}  // namespace forebay::account
