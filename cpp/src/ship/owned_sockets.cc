#include "ship/owned_sockets.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>

namespace forebay::ship {
namespace {

enum class Use : int { kFree, kBeingWritten, kInUse };

// Whoever takes it from kFree to kBeingWritten, or from kInUse to kFree, is the only one to do so.
// release on kInUse: who sees that sees the rest.
struct Entry {
  std::atomic<Use> use{Use::kFree};
  std::atomic<int> fd{-1};
  std::atomic<pid_t> owner{0};
  // A child that no handler told of the fork may have closed descriptors and used their numbers
  // again: these tell whether it is still the same socket.
  std::atomic<dev_t> device{0};
  std::atomic<ino_t> inode{0};
};

constinit std::array<Entry, kMostOwnedSockets> table{};

bool is_same_socket(const Entry& entry, int fd) noexcept {
  struct stat now {};
  return ::fstat(fd, &now) == 0 && S_ISSOCK(now.st_mode) &&
         now.st_dev == entry.device.load(std::memory_order_relaxed) &&
         now.st_ino == entry.inode.load(std::memory_order_relaxed);
}

}  // namespace

void remember_socket(int fd) noexcept {
  struct stat socket {};
  if (::fstat(fd, &socket) != 0) return;
  for (Entry& entry : table) {
    Use expected = Use::kFree;
    if (!entry.use.compare_exchange_strong(expected, Use::kBeingWritten)) continue;
    entry.fd.store(fd, std::memory_order_relaxed);
    entry.owner.store(::getpid(), std::memory_order_relaxed);
    entry.device.store(socket.st_dev, std::memory_order_relaxed);
    entry.inode.store(socket.st_ino, std::memory_order_relaxed);
    entry.use.store(Use::kInUse, std::memory_order_release);
    return;
  }
}

void forget_socket(int fd) noexcept {
  const pid_t self = ::getpid();
  for (Entry& entry : table) {
    if (entry.use.load(std::memory_order_acquire) != Use::kInUse) continue;
    if (entry.fd.load(std::memory_order_relaxed) != fd ||
        entry.owner.load(std::memory_order_relaxed) != self) {
      continue;
    }
    entry.use.store(Use::kFree, std::memory_order_release);
    return;
  }
}

void close_inherited_sockets() noexcept {
  const pid_t self = ::getpid();
  for (Entry& entry : table) {
    if (entry.use.load(std::memory_order_acquire) != Use::kInUse) continue;
    if (entry.owner.load(std::memory_order_relaxed) == self) continue;
    const int fd = entry.fd.load(std::memory_order_relaxed);
    Use expected = Use::kInUse;
    if (!entry.use.compare_exchange_strong(expected, Use::kBeingWritten)) continue;
    if (is_same_socket(entry, fd)) ::close(fd);
    entry.use.store(Use::kFree, std::memory_order_release);
  }
}

}  // namespace forebay::ship
