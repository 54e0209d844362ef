// What travels from encode on: a finished batch that no longer knows what a record is.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/severity_class.h"

namespace forebay {

enum class Signal : uint8_t { kLogs, kMetrics };

enum class Codec : uint8_t { kNone, kGzip, kZstd };
// The name in a Content-Encoding header: "identity" for kNone.
std::string_view codec_name(Codec codec) noexcept;

// The attribute that records of Forebay's own have, and no other.
inline constexpr std::string_view kInternalKey = "forebay.internal";

// Names a batch for good: "<instance id>-<sequence>", and ".0" or ".1" for each time it was split.
// It travels in the header `Forebay-Batch-Id`, so that a receiver can tell a batch sent twice.
using BatchId = std::string;

struct EncodedBatch {
  BatchId id;
  Signal signal = Signal::kLogs;
  uint8_t lane = 0;
  Codec codec = Codec::kNone;
  SeverityCounts counts;  // records (points), by class
  // How many emitted records they stand for beyond themselves: the sum of their adjusted counts
  // less one. Negative where there are records in it that nobody emitted.
  int64_t excess = 0;
  uint64_t internal = 0;   // of those: records that Forebay made itself, which have kInternalKey
  MonotonicTime oldest{};  // when the oldest and the newest of them were emitted
  MonotonicTime newest{};
  WallTime oldest_wall{};  // the same by the wall clock: for a reader in another process
  uint64_t raw_bytes = 0;  // size of the OTLP message before compression
  // An Export{Logs,Metrics}ServiceRequest in `codec`. Shared: several routes, spool and backlog
  // hold the same bytes. Never changed once the batch is finished.
  std::shared_ptr<const ByteBuffer> body;

  // Of a collection of metrics: its number, 1 and up; its batches have the same. 0: of none.
  uint64_t collection = 0;
  // Every point in it is cumulative: a later collection says all that it says, and more.
  bool can_be_superseded = false;

  std::optional<MonotonicTime> first_sent;  // when it left the backlog for the first time
  // An attempt to send it ended without an answer: it may have arrived already.
  bool ambiguous = false;

  [[nodiscard]] uint64_t records() const noexcept { return counts.total(); }
  [[nodiscard]] uint64_t represented() const noexcept {
    return static_cast<uint64_t>(static_cast<int64_t>(records()) + excess);
  }
  // What it costs in a backlog: its bytes, and the bookkeeping around them.
  [[nodiscard]] uint64_t cost_bytes() const noexcept {
    return (body ? body->capacity() : 0) + sizeof(EncodedBatch) + 64;
  }
};

}  // namespace forebay
