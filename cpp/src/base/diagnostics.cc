#include "base/diagnostics.h"

#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "base/silence.h"

namespace forebay {
namespace {

// The keys seen so far: a fixed table, filled from the front and never emptied, so that it needs no
// lock and no allocation. Keys are literals and few; should the table ever be full, further keys
// share its last place, and so warn less, never more.
struct Key {
  std::atomic<uint64_t> hash{0};  // 0: free
  std::atomic<int64_t> quiet_until_ns{0};
};
constexpr size_t kKeys = 128;
constexpr int64_t kQuietNs = 60'000'000'000;
constexpr int64_t kForEver = INT64_MAX;

std::array<Key, kKeys> keys;  // zero-initialised before any code runs

// FNV-1a; never 0.
uint64_t hash_of(std::string_view key) noexcept {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : key) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ULL;
  return hash | 1;
}

Key& place_of(std::string_view key) noexcept {
  const uint64_t hash = hash_of(key);
  for (size_t i = 0; i + 1 < kKeys; ++i) {
    uint64_t there = keys[i].hash.load(std::memory_order_relaxed);
    if (there == 0 &&
        keys[i].hash.compare_exchange_strong(there, hash, std::memory_order_relaxed)) {
      return keys[i];
    }
    if (there == hash) return keys[i];
  }
  return keys[kKeys - 1];
}

// Whether this caller is the one that may speak. relaxed: the exchange alone decides who it is.
bool may_speak(std::string_view key, int64_t quiet_ns) noexcept {
  if (Silence::reigns()) return false;
  Key& place = place_of(key);
  // Never zero or less, so that a fresh place always lets the first one speak.
  const int64_t now = Clock::system().now().time_since_epoch().count();
  int64_t until = place.quiet_until_ns.load(std::memory_order_relaxed);
  const int64_t next = quiet_ns == kForEver ? kForEver : now + quiet_ns;
  return until <= now &&
         place.quiet_until_ns.compare_exchange_strong(until, next, std::memory_order_relaxed);
}

// One writev, so that lines of several threads do not mix. A failure has nobody to be told to.
void write_line(std::string_view text) noexcept {
  static constexpr std::string_view kPrefix = "forebay: ";
  static constexpr std::string_view kEnd = "\n";
  std::array<iovec, 3> pieces{};
  size_t i = 0;
  for (const std::string_view piece : {kPrefix, text, kEnd}) {
    pieces[i++] = {const_cast<char*>(piece.data()), piece.size()};
  }
  [[maybe_unused]] const ssize_t written = writev(STDERR_FILENO, pieces.data(), pieces.size());
}

}  // namespace

void say(std::string_view text) noexcept {
  if (!Silence::reigns()) write_line(text);
}

void warn(std::string_view key, std::string_view text) noexcept {
  if (may_speak(key, kQuietNs)) write_line(text);
}

void warn_once(std::string_view key, std::string_view text) noexcept {
  if (may_speak(key, kForEver)) write_line(text);
}

}  // namespace forebay
