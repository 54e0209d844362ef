// The stats files that dead processes left behind.
#pragma once
#include <cstddef>

#include "base/clock.h"

namespace forebay::account {

struct DeadFilesKept {
  Duration age = std::chrono::hours{24 * 7};  // since the last sign of life
  size_t files = 64;
  // Of a directory's stats files, so many are looked at, in the order of the directory: making a
  // ledger must stay cheap whatever lies there.
  size_t looked_at = 512;
};

// Removes the files that are older, then the oldest until `files` are left. Only those whose
// process is surely gone, by the same rules as `forebay stats`: a file that cannot be read or is no
// finished stats file stays, and so does one of another pid namespace, unless its heartbeat stopped
// that long ago. Never fails, never waits. The descriptor stays the caller's.
void remove_dead_files(int directory, WallTime now, const DeadFilesKept& kept = {}) noexcept;

}  // namespace forebay::account
