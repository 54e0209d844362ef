// How periodic collections of metrics ended, and how long they took. Written by the drain thread,
// read by anyone.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/clock.h"

namespace forebay::pipeline {

// In the words of OpenTelemetry's error.type; empty: every callback gave what it had.
enum class CollectionError : uint8_t { kNone, kCallbackFailed, kCallbackLate };
inline constexpr std::array<std::string_view, 3> kCollectionErrors = {"", "callback_failed",
                                                                      "callback_late"};

class CollectionTally {
 public:
  void count(CollectionError error, Duration took) noexcept {
    Cell& cell = cells_[static_cast<size_t>(error)];
    cell.ns.fetch_add(static_cast<uint64_t>(took.count()), std::memory_order_relaxed);
    cell.collections.fetch_add(1, std::memory_order_relaxed);
  }

  struct Ended {
    uint64_t collections = 0;
    uint64_t ns = 0;  // of these
  };
  [[nodiscard]] Ended ended(size_t error) const noexcept {
    const Cell& cell = cells_[error];
    return {.collections = cell.collections.load(std::memory_order_relaxed),
            .ns = cell.ns.load(std::memory_order_relaxed)};
  }

 private:
  struct Cell {
    std::atomic<uint64_t> collections{0};
    std::atomic<uint64_t> ns{0};
  };
  std::array<Cell, kCollectionErrors.size()> cells_;
};

}  // namespace forebay::pipeline
