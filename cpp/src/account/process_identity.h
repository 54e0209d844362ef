// What tells one process from every other that ever ran here: a pid alone is used again.
#pragma once
#include <array>
#include <cstdint>

namespace forebay::account {

struct ProcessIdentity {
  uint64_t pid = 0;
  uint64_t pid_namespace = 0;  // inode; 0: /proc does not say
  uint64_t start_ticks = 0;    // since boot; 0: /proc does not say
  uint64_t ticks_per_second = 0;
  std::array<uint8_t, 16> boot_id{};

  // Of the calling process. What /proc does not tell stays zero.
  static ProcessIdentity of_this_process() noexcept;
};

enum class Presence : uint8_t { kHere, kGone, kUnknown };

// Whether the process with that pid, in this pid namespace and boot, is there; 0 for start_ticks
// takes any. One that only waits to be reaped is gone.
Presence presence_of(uint64_t pid, uint64_t start_ticks) noexcept;

}  // namespace forebay::account
