// Every name of the ledger, in the order of the stats file. Append only: a name is never moved,
// removed or given another meaning (docs/ledger.md).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace forebay::account {

// Counted by the emitting thread.
enum class EmitName : uint8_t {
  kEmitted,
  kSampledOut,
  kRateLimited,
  kRefusedQueueFull,
  kRefusedBlockTimeout,
  kRefusedNotStarted,
  kRefusedShutdown,
  kRefusedReentrant,
  kDroppedQueueFullNewest,
  kDroppedQueueFullOldest,
  kDroppedEarlyDrop,
  kDroppedMemory,
  kDroppedEncodeError,
  kDroppedTooLarge,
  // In no law: what sampled records stand for beyond themselves.
  kExcessQueued,   // of those that the queue took, or that were lost with all that they stood for
  kExcessEvicted,  // of those, the ones that emit let go of again
};
inline constexpr size_t kEmitNames = 14;      // where a record ends, or begins: those of the law
inline constexpr size_t kEmitCounters = 16;   // with those that are in no law
inline constexpr size_t kEmitNameSlots = 16;  // in the file
inline constexpr std::array<std::string_view, kEmitCounters> kEmitNameTexts = {
    "emitted",
    "sampled_out",
    "rate_limited",
    "refused.queue_full",
    "refused.block_timeout",
    "refused.not_started",
    "refused.shutdown",
    "refused.reentrant",
    "dropped.queue_full_newest",
    "dropped.queue_full_oldest",
    "dropped.early_drop",
    "dropped.memory",
    "dropped.encode_error",
    "dropped.too_large",
    "excess_queued",
    "excess_evicted",
};

// Counted by the drain thread, before a batch is finished.
enum class IntakeName : uint8_t {
  kInternal,  // made by Forebay, straight into a batch
  kDrained,   // left the queue (not a name of the ledger: what in_queue and in_batch are worked out
              // from)
  kBatched,   // left a batch being built for every route
  kExpired,
  kDroppedShutdown,
  kDroppedEncodeError,
  kDroppedMemory,
};
inline constexpr size_t kIntakeNames = 7;
inline constexpr size_t kIntakeNameSlots = 16;
inline constexpr std::array<std::string_view, kIntakeNames> kIntakeNameTexts = {
    "internal",       "drained", "batched", "expired", "dropped.shutdown", "dropped.encode_error",
    "dropped.memory",
};

// Where a record ends on a route.
enum class RouteName : uint8_t {
  kRecovered,  // the other way round: where one begins
  kDelivered,
  kExpired,
  kUnknown,
  kHandedOver,
  kSuperseded,
  kRejectedBadRequest,
  kRejectedTooLarge,
  kRejectedUnauthorized,
  kRejectedPartialSuccess,
  kRejectedOther,
  kDroppedLowerPriority,
  kDroppedBacklogFull,
  kDroppedSpoolFull,
  kDroppedSpoolCorrupt,
  kDroppedTooLarge,
  kDroppedRetryExhausted,
  kDroppedShutdown,
  kDroppedEncodeError,
  kDroppedMemory,
  kDroppedDiskError,
};
inline constexpr size_t kRouteNames = 21;
inline constexpr size_t kRouteNameSlots = 32;
inline constexpr std::array<std::string_view, kRouteNames> kRouteNameTexts = {
    "recovered",
    "delivered",
    "expired",
    "unknown",
    "handed_over",
    "superseded",
    "rejected.bad_request",
    "rejected.too_large",
    "rejected.unauthorized",
    "rejected.partial_success",
    "rejected.other",
    "dropped.lower_priority",
    "dropped.backlog_full",
    "dropped.spool_full",
    "dropped.spool_corrupt",
    "dropped.too_large",
    "dropped.retry_exhausted",
    "dropped.shutdown",
    "dropped.encode_error",
    "dropped.memory",
    "dropped.disk_error",
};

// Where a record is while it is held on a route. kNowhere: it enters or leaves.
enum class Place : uint8_t { kBacklog, kSpool, kFlight, kNowhere };
inline constexpr size_t kPlaces = 3;
inline constexpr std::array<std::string_view, kPlaces> kPlaceTexts = {"in_backlog", "in_spool",
                                                                      "in_flight"};

// How a lane is at the moment, as the drain thread saw it last: numbers that go up and down.
enum class GaugeName : uint8_t {
  kState,         // 0 normal, 1 pressured, 2 full
  kFillPermille,  // of the queue's room
  kMsToFull,      // at the present rates, at least 1; 0: it does not fill
};
inline constexpr size_t kGauges = 3;
inline constexpr size_t kGaugeSlots = 8;
inline constexpr std::array<std::string_view, kGauges> kGaugeTexts = {"state", "fill_permille",
                                                                      "ms_to_full"};

// Numbers of the whole process that are in no law.
enum class NoteName : uint8_t {
  kTruncatedRecords,
  kAttributeConversionErrors,
  kEncodingFallbacks,   // the destination refused zstd, and gzip took over
  kRetries,             // attempts after the first
  kSplits,              // batches cut in two after a 413
  kResponsesMalformed,  // an answer that made no sense, and was clamped
  kAmbiguousAttempts,   // ended without an answer: what was sent may have arrived
  kBytesSentRaw,        // before compression
  kBytesSentCompressed,
  kRepresented,   // records that sampled ones stand for, themselves included: in finished batches
  kBreakerOpens,  // a destination failed for so long that it is asked rarely
  // What of the represented came to an end on the first route, or before a batch was finished.
  kRepresentedDelivered,
  kRepresentedLost,
  kRepresentedRemainders,  // what remainders stand for
  // Measurements that no point will show.
  kMeasurementsInvalid,     // NaN, infinite, of a counter below zero, or beyond what a sum holds
  kMeasurementsNotStarted,  // before there was a collector
  kMeasurementsShutdown,    // after its end
  kMeasurementsMemory,      // there was no memory for them
  kCallbacksLate,           // observations that were not there in time: left out of a collection
  kCallbacksFailed,
  kPublicationsFailed,  // of the series' file: the one before stays
};
inline constexpr size_t kNotes = 21;
inline constexpr size_t kNoteSlots = 64;
inline constexpr std::array<std::string_view, kNotes> kNoteTexts = {
    "truncated_records",
    "attribute_conversion_errors",
    "encoding_fallbacks",
    "retries",
    "splits",
    "responses_malformed",
    "ambiguous_attempts",
    "bytes_sent_raw",
    "bytes_sent_compressed",
    "represented",
    "breaker_opens",
    "represented_delivered",
    "represented_lost",
    "represented_remainders",
    "measurements_invalid",
    "measurements_not_started",
    "measurements_shutdown",
    "measurements_memory",
    "callbacks_late",
    "callbacks_failed",
    "publications_failed",
};

inline constexpr size_t kPlaceSlots = 8;
inline constexpr size_t kMaxLogLanes = 16;
inline constexpr size_t kMaxMetricLanes = 2;
inline constexpr size_t kMaxLanes = kMaxLogLanes + kMaxMetricLanes;
inline constexpr size_t kMaxRoutes = 8;

}  // namespace forebay::account
