// How exports to one destination ended: batches, what was in them, and how long they took. Written
// by the ship thread, read by anyone.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/encoded_batch.h"
#include "ship/shipper.h"

namespace forebay::pipeline {

// In the words of OpenTelemetry's error.type; empty: all of the batch was taken.
inline constexpr std::array<std::string_view, 9> kExportErrors = {
    "",       "bad_request", "too_large",       "unauthorized", "rejected",
    "_OTHER", "unknown",     "retry_exhausted", "encode_error",
};
inline constexpr size_t kSignals = 2;

class ExportTally {
 public:
  // What ends nothing is left out. `now`: when it was known.
  void count(const ship::Settlement& settlement, MonotonicTime now) noexcept;

  struct Ended {
    uint64_t items = 0;    // records or points
    uint64_t batches = 0;  // one that was taken in part is among the rejected ones
    uint64_t ns = 0;       // of these batches, from the first attempt to the end
  };
  [[nodiscard]] Ended ended(Signal signal, size_t error) const noexcept;

 private:
  struct Cell {
    std::atomic<uint64_t> items{0};
    std::atomic<uint64_t> batches{0};
    std::atomic<uint64_t> ns{0};
  };
  std::array<std::array<Cell, kExportErrors.size()>, kSignals> cells_;
};

}  // namespace forebay::pipeline
