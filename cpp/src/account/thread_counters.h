// One thread's part of the ledger: a lease on counters in the stats file.
#pragma once
#include <atomic>
#include <cstdint>

#include "account/names.h"
#include "base/severity_class.h"

namespace forebay::account {

// Counters of one leased slot: [lane][EmitName, kEmitNameSlots][SeverityClass], 1 KiB a lane, so
// that no two threads write to one cache line.
//
// A slot has one writer, the thread that leases it, so a count is a load, an add and a store, all
// relaxed: the reader sums slots and wants no order between them, only that none is torn or lost.
// Beyond 1,024 threads, and where the file cannot grow, one further slot is shared by all and takes
// atomic adds.
class ThreadCounters {
 public:
  ThreadCounters() = default;
  ThreadCounters(std::atomic<uint64_t>* cells, uint32_t slot, bool shared) noexcept
      : cells_(cells), slot_(slot), shared_(shared) {}

  [[nodiscard]] bool is_leased() const noexcept { return cells_ != nullptr; }
  [[nodiscard]] bool is_shared() const noexcept { return shared_; }
  [[nodiscard]] uint32_t slot() const noexcept { return slot_; }

  void add(uint32_t lane, EmitName name, SeverityClass severity, uint64_t n = 1) const noexcept {
    std::atomic<uint64_t>& cell =
        cells_[(lane * kEmitNameSlots + static_cast<size_t>(name)) * kSeverityClasses +
               static_cast<size_t>(severity)];
    if (shared_) [[unlikely]] {
      cell.fetch_add(n, std::memory_order_relaxed);
    } else {
      cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
  }

 private:
  std::atomic<uint64_t>* cells_ = nullptr;
  uint32_t slot_ = 0;
  bool shared_ = false;
};

}  // namespace forebay::account
