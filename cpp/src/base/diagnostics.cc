#include "base/diagnostics.h"

#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "base/clock.h"
#include "base/silence.h"

namespace forebay {
namespace {

// The keys seen so far: a fixed table, filled from the front and never emptied, so that it needs no
// lock and no allocation. Keys are literals and few; should the table ever be full, further keys
// share its last place, and so warn less, never more. Names, which are the application's, have a
// table of their own.
struct Key {
  std::atomic<uint64_t> hash{0};  // 0: free
  std::atomic<int64_t> quiet_until_ns{0};
};
constexpr size_t kKeys = 128;
constexpr size_t kNames = 64;
constexpr int64_t kQuietNs = 60'000'000'000;
constexpr int64_t kForEver = INT64_MAX;

// Zero-initialised before any code runs.
std::array<Key, kKeys> keys;
std::array<Key, kNames> names;

// FNV-1a; never 0.
uint64_t hash_of(std::string_view key, std::string_view name) noexcept {
  uint64_t hash = 0xcbf29ce484222325ULL;
  const auto add = [&](char c) { hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ULL; };
  for (const char c : key) add(c);
  add('\0');
  for (const char c : name) add(c);
  return hash | 1;
}

Key& place_of(uint64_t hash, std::span<Key> table) noexcept {
  for (Key& place : table.first(table.size() - 1)) {
    uint64_t there = place.hash.load(std::memory_order_relaxed);
    if (there == 0 && place.hash.compare_exchange_strong(there, hash, std::memory_order_relaxed)) {
      return place;
    }
    if (there == hash) return place;
  }
  return table.back();
}

Key& place_of(std::string_view key) noexcept { return place_of(hash_of(key, {}), keys); }

// Whether this caller is the one that may speak. relaxed: the exchange alone decides who it is.
bool may_speak(Key& place, int64_t quiet_ns) noexcept {
  if (Silence::reigns()) return false;
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
  if (may_speak(place_of(key), kQuietNs)) write_line(text);
}

void warn_once(std::string_view key, std::string_view text) noexcept {
  if (may_speak(place_of(key), kForEver)) write_line(text);
}

void warn_once(std::string_view key, std::string_view name, std::string_view text) noexcept {
  if (may_speak(place_of(hash_of(key, name), names), kForEver)) write_line(text);
}

}  // namespace forebay
