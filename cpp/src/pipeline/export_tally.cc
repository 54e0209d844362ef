#include "pipeline/export_tally.h"

#include <optional>

namespace forebay::pipeline {
namespace {

using Kind = ship::Settlement::Kind;

// A place in kExportErrors.
size_t error_of(ship::Rejection rejection) noexcept {
  switch (rejection) {
    case ship::Rejection::kBadRequest:
      return 1;
    case ship::Rejection::kTooLarge:
      return 2;
    case ship::Rejection::kUnauthorized:
      return 3;
    case ship::Rejection::kPartialSuccess:
      return 4;
    case ship::Rejection::kOther:
      break;
  }
  return 5;
}

std::optional<size_t> error_of(const ship::Settlement& settlement) noexcept {
  switch (settlement.kind) {
    case Kind::kDelivered:
      return 0;
    case Kind::kRejected:
      return error_of(settlement.rejection);
    case Kind::kTooLarge:
      return 2;
    case Kind::kUnknown:
      return 6;
    case Kind::kRetryExhausted:
      return 7;
    case Kind::kFailed:
      return 8;
    case Kind::kPutBack:
    case Kind::kReplaced:
      break;
  }
  return std::nullopt;
}

}  // namespace

void ExportTally::count(const ship::Settlement& settlement, MonotonicTime now) noexcept {
  const std::optional<size_t> error = error_of(settlement);
  if (!error) return;
  const EncodedBatch& batch = settlement.batch;
  Cell& cell = cells_[static_cast<size_t>(batch.signal)][*error];
  cell.items.fetch_add(settlement.records.total(), std::memory_order_relaxed);
  if (!settlement.finishes) return;
  const Duration took = now - batch.first_sent.value_or(now);
  cell.ns.fetch_add(static_cast<uint64_t>(took.count()), std::memory_order_relaxed);
  cell.batches.fetch_add(1, std::memory_order_relaxed);
}

ExportTally::Ended ExportTally::ended(Signal signal, size_t error) const noexcept {
  const Cell& cell = cells_[static_cast<size_t>(signal)][error];
  return {.items = cell.items.load(std::memory_order_relaxed),
          .batches = cell.batches.load(std::memory_order_relaxed),
          .ns = cell.ns.load(std::memory_order_relaxed)};
}

}  // namespace forebay::pipeline
