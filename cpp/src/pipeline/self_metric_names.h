// The names, units and kinds of what Forebay reports of itself. docs/monitoring.md has the same
// list.
#pragma once
#include <array>
#include <string_view>

#include "account/names.h"
#include "metrics/instrument.h"
#include "pipeline/export_tally.h"

namespace forebay::pipeline::self {

using metrics::InstrumentKind;

struct Metric {
  std::string_view name;
  std::string_view unit;
  InstrumentKind kind = InstrumentKind::kObservableCounter;
  std::string_view description = {};
};

inline constexpr InstrumentKind kUpDown = InstrumentKind::kObservableUpDownCounter;
inline constexpr InstrumentKind kGauge = InstrumentKind::kObservableGauge;

inline constexpr Metric kRecords{.name = "forebay.ledger.records",
                                 .unit = "{record}",
                                 .description = "Log records by what became of them."};
inline constexpr Metric kPoints{.name = "forebay.ledger.points",
                                .unit = "{point}",
                                .description = "Metric points by what became of them."};
inline constexpr Metric kRouteRecords{
    .name = "forebay.route.records",
    .unit = "{record}",
    .description = "Log records of each route by what became of them."};
inline constexpr Metric kHeld{.name = "forebay.lane.held",
                              .unit = "{record}",
                              .kind = kUpDown,
                              .description = "Log records that are inside, by place."};
inline constexpr Metric kFill{.name = "forebay.lane.fill",
                              .unit = "1",
                              .kind = kGauge,
                              .description = "How much of the lane's queue is taken."};
inline constexpr Metric kTimeToFull{
    .name = "forebay.lane.time_to_full",
    .unit = "s",
    .kind = kGauge,
    .description = "Until the lane is full, as fast as it fills now."};
inline constexpr Metric kPressure{.name = "forebay.lane.pressure",
                                  .unit = "",
                                  .kind = kGauge,
                                  .description = "0: normal, 1: pressured, 2: full."};
inline constexpr Metric kMemory{.name = "forebay.memory.usage",
                                .unit = "By",
                                .kind = kUpDown,
                                .description = "Memory of queues, batches, backlog and series."};
inline constexpr Metric kBacklog{.name = "forebay.backlog.usage",
                                 .unit = "By",
                                 .kind = kUpDown,
                                 .description = "Memory of batches that wait for a destination."};
inline constexpr Metric kBreaker{
    .name = "forebay.exporter.breaker.open",
    .unit = "",
    .kind = kGauge,
    .description = "1: the destinations of the route fail, and are asked rarely."};
inline constexpr Metric kCreated{.name = "otel.sdk.log.created",
                                 .unit = "{log_record}",
                                 .description = "Log records submitted to enabled loggers."};
inline constexpr Metric kQueueSize{.name = "otel.sdk.processor.log.queue.size",
                                   .unit = "{log_record}",
                                   .kind = kUpDown,
                                   .description = "Log records in the queue of a lane."};
inline constexpr Metric kQueueCapacity{.name = "otel.sdk.processor.log.queue.capacity",
                                       .unit = "{log_record}",
                                       .kind = kUpDown,
                                       .description = "Most log records that the queue can hold."};
inline constexpr std::array<Metric, kSignals> kExported = {
    {{.name = "otel.sdk.exporter.log.exported",
      .unit = "{log_record}",
      .description = "Log records whose export has ended."},
     {.name = "otel.sdk.exporter.metric_data_point.exported",
      .unit = "{data_point}",
      .description = "Metric points whose export has ended."}}};
inline constexpr Metric kDuration{
    .name = "otel.sdk.exporter.operation.duration",
    .unit = "s",
    .kind = InstrumentKind::kHistogram,
    .description = "From a batch's first attempt to the end of its export."};
inline constexpr Metric kCollection{
    .name = "otel.sdk.metric_reader.collection.duration",
    .unit = "s",
    .kind = InstrumentKind::kHistogram,
    .description = "Of a collection, callbacks and encoding included."};

// The ledger's notes, in their order.
inline constexpr std::array<Metric, account::kNotes> kNoteMetrics = {{
    {.name = "forebay.records.truncated", .unit = "{record}"},
    {.name = "forebay.attributes.unconverted", .unit = "{attribute}"},
    {.name = "forebay.exporter.encoding_fallbacks", .unit = "{fallback}"},
    {.name = "forebay.exporter.retries", .unit = "{attempt}"},
    {.name = "forebay.exporter.splits", .unit = "{batch}"},
    {.name = "forebay.exporter.malformed_responses", .unit = "{response}"},
    {.name = "forebay.exporter.ambiguous_attempts", .unit = "{attempt}"},
    {.name = "forebay.sent.raw", .unit = "By"},
    {.name = "forebay.sent.compressed", .unit = "By"},
    {.name = "forebay.records.represented", .unit = "{record}"},
    {.name = "forebay.exporter.breaker.opens", .unit = "{opening}"},
    {.name = "forebay.records.represented.delivered", .unit = "{record}"},
    {.name = "forebay.records.represented.lost", .unit = "{record}"},
    {.name = "forebay.records.represented.remainders", .unit = "{record}"},
    {.name = "forebay.measurements.invalid", .unit = "{measurement}"},
    {.name = "forebay.measurements.not_started", .unit = "{measurement}"},
    {.name = "forebay.measurements.shutdown", .unit = "{measurement}"},
    {.name = "forebay.measurements.memory", .unit = "{measurement}"},
    {.name = "forebay.callbacks.late", .unit = "{callback}"},
    {.name = "forebay.callbacks.failed", .unit = "{callback}"},
    {.name = "forebay.publications.failed", .unit = "{publication}"},
}};

inline constexpr std::string_view kLane = "forebay.lane";
inline constexpr std::string_view kPlace = "forebay.place";
inline constexpr std::string_view kReason = "forebay.reason";
inline constexpr std::string_view kRoute = "forebay.route";
inline constexpr std::string_view kState = "forebay.state";
inline constexpr std::string_view kComponentName = "otel.component.name";
inline constexpr std::string_view kComponentType = "otel.component.type";
inline constexpr std::string_view kErrorType = "error.type";
inline constexpr std::string_view kServerAddress = "server.address";
inline constexpr std::string_view kServerPort = "server.port";

}  // namespace forebay::pipeline::self
