#include "ship/otlp_schema.h"

namespace forebay::ship {
namespace {

using K = FieldKind;

constexpr FieldShape scalar(uint32_t number, std::string_view name, FieldKind kind) {
  return {.number = number, .name = name, .kind = kind};
}
constexpr FieldShape optional(uint32_t number, std::string_view name, FieldKind kind) {
  return {.number = number, .name = name, .kind = kind, .presence = true};
}
constexpr FieldShape one_of(uint32_t number, std::string_view name, FieldKind kind,
                            const MessageShape* message = nullptr) {
  return {.number = number,
          .name = name,
          .kind = kind,
          .presence = true,
          .one_of = true,
          .message = message};
}
constexpr FieldShape one(uint32_t number, std::string_view name, const MessageShape& message) {
  return {.number = number, .name = name, .kind = K::kMessage, .message = &message};
}
constexpr FieldShape many(uint32_t number, std::string_view name, const MessageShape& message) {
  return {
      .number = number, .name = name, .kind = K::kMessage, .repeated = true, .message = &message};
}
constexpr FieldShape list(uint32_t number, std::string_view name, FieldKind kind) {
  return {.number = number, .name = name, .kind = kind, .repeated = true};
}

// common.proto. An AnyValue holds AnyValues.
extern const MessageShape kAnyValue;
extern const MessageShape kKeyValue;

constexpr FieldShape kArrayValueFields[] = {many(1, "values", kAnyValue)};
constexpr MessageShape kArrayValue{kArrayValueFields};
constexpr FieldShape kKeyValueListFields[] = {many(1, "values", kKeyValue)};
constexpr MessageShape kKeyValueList{kKeyValueListFields};
constexpr FieldShape kAnyValueFields[] = {
    one_of(1, "stringValue", K::kString),
    one_of(2, "boolValue", K::kBool),
    one_of(3, "intValue", K::kInt64),
    one_of(4, "doubleValue", K::kDouble),
    one_of(5, "arrayValue", K::kMessage, &kArrayValue),
    one_of(6, "kvlistValue", K::kMessage, &kKeyValueList),
    one_of(7, "bytesValue", K::kBytes),
};
constexpr MessageShape kAnyValue{kAnyValueFields};
constexpr FieldShape kKeyValueFields[] = {scalar(1, "key", K::kString), one(2, "value", kAnyValue)};
constexpr MessageShape kKeyValue{kKeyValueFields};
constexpr FieldShape kEntityRefFields[] = {
    scalar(1, "schemaUrl", K::kString),
    scalar(2, "type", K::kString),
    list(3, "idKeys", K::kString),
    list(4, "descriptionKeys", K::kString),
};
constexpr MessageShape kEntityRef{kEntityRefFields};
constexpr FieldShape kScopeFields[] = {
    scalar(1, "name", K::kString),
    scalar(2, "version", K::kString),
    many(3, "attributes", kKeyValue),
    scalar(4, "droppedAttributesCount", K::kUint32),
};
constexpr MessageShape kScope{kScopeFields};

// resource.proto
constexpr FieldShape kResourceFields[] = {
    many(1, "attributes", kKeyValue),
    scalar(2, "droppedAttributesCount", K::kUint32),
    many(3, "entityRefs", kEntityRef),
};
constexpr MessageShape kResource{kResourceFields};

// logs.proto
constexpr FieldShape kLogRecordFields[] = {
    scalar(1, "timeUnixNano", K::kFixed64), scalar(11, "observedTimeUnixNano", K::kFixed64),
    scalar(2, "severityNumber", K::kEnum),  scalar(3, "severityText", K::kString),
    scalar(12, "eventName", K::kString),    one(5, "body", kAnyValue),
    many(6, "attributes", kKeyValue),       scalar(7, "droppedAttributesCount", K::kUint32),
    scalar(8, "flags", K::kFixed32),        scalar(9, "traceId", K::kHexId),
    scalar(10, "spanId", K::kHexId),
};
constexpr MessageShape kLogRecord{kLogRecordFields};
constexpr FieldShape kScopeLogsFields[] = {
    one(1, "scope", kScope),
    many(2, "logRecords", kLogRecord),
    scalar(3, "schemaUrl", K::kString),
};
constexpr MessageShape kScopeLogs{kScopeLogsFields};
constexpr FieldShape kResourceLogsFields[] = {
    one(1, "resource", kResource),
    many(2, "scopeLogs", kScopeLogs),
    scalar(3, "schemaUrl", K::kString),
};
constexpr MessageShape kResourceLogs{kResourceLogsFields};
constexpr FieldShape kLogsDataFields[] = {many(1, "resourceLogs", kResourceLogs)};
constexpr MessageShape kLogsData{kLogsDataFields};

// metrics.proto
constexpr FieldShape kExemplarFields[] = {
    many(7, "filteredAttributes", kKeyValue), scalar(2, "timeUnixNano", K::kFixed64),
    one_of(3, "asDouble", K::kDouble),        one_of(6, "asInt", K::kSfixed64),
    scalar(4, "spanId", K::kHexId),           scalar(5, "traceId", K::kHexId),
};
constexpr MessageShape kExemplar{kExemplarFields};
constexpr FieldShape kNumberPointFields[] = {
    many(7, "attributes", kKeyValue),       scalar(2, "startTimeUnixNano", K::kFixed64),
    scalar(3, "timeUnixNano", K::kFixed64), one_of(4, "asDouble", K::kDouble),
    one_of(6, "asInt", K::kSfixed64),       many(5, "exemplars", kExemplar),
    scalar(8, "flags", K::kUint32),
};
constexpr MessageShape kNumberPoint{kNumberPointFields};
constexpr FieldShape kHistogramPointFields[] = {
    many(9, "attributes", kKeyValue),       scalar(2, "startTimeUnixNano", K::kFixed64),
    scalar(3, "timeUnixNano", K::kFixed64), scalar(4, "count", K::kFixed64),
    optional(5, "sum", K::kDouble),         list(6, "bucketCounts", K::kFixed64),
    list(7, "explicitBounds", K::kDouble),  many(8, "exemplars", kExemplar),
    scalar(10, "flags", K::kUint32),        optional(11, "min", K::kDouble),
    optional(12, "max", K::kDouble),
};
constexpr MessageShape kHistogramPoint{kHistogramPointFields};
constexpr FieldShape kBucketsFields[] = {
    scalar(1, "offset", K::kSint32),
    list(2, "bucketCounts", K::kUint64),
};
constexpr MessageShape kBuckets{kBucketsFields};
constexpr FieldShape kExponentialPointFields[] = {
    many(1, "attributes", kKeyValue),       scalar(2, "startTimeUnixNano", K::kFixed64),
    scalar(3, "timeUnixNano", K::kFixed64), scalar(4, "count", K::kFixed64),
    optional(5, "sum", K::kDouble),         scalar(6, "scale", K::kSint32),
    scalar(7, "zeroCount", K::kFixed64),    one(8, "positive", kBuckets),
    one(9, "negative", kBuckets),           scalar(10, "flags", K::kUint32),
    many(11, "exemplars", kExemplar),       optional(12, "min", K::kDouble),
    optional(13, "max", K::kDouble),        scalar(14, "zeroThreshold", K::kDouble),
};
constexpr MessageShape kExponentialPoint{kExponentialPointFields};
constexpr FieldShape kQuantileFields[] = {
    scalar(1, "quantile", K::kDouble),
    scalar(2, "value", K::kDouble),
};
constexpr MessageShape kQuantile{kQuantileFields};
constexpr FieldShape kSummaryPointFields[] = {
    many(7, "attributes", kKeyValue),       scalar(2, "startTimeUnixNano", K::kFixed64),
    scalar(3, "timeUnixNano", K::kFixed64), scalar(4, "count", K::kFixed64),
    scalar(5, "sum", K::kDouble),           many(6, "quantileValues", kQuantile),
    scalar(8, "flags", K::kUint32),
};
constexpr MessageShape kSummaryPoint{kSummaryPointFields};
constexpr FieldShape kGaugeFields[] = {many(1, "dataPoints", kNumberPoint)};
constexpr MessageShape kGauge{kGaugeFields};
constexpr FieldShape kSumFields[] = {
    many(1, "dataPoints", kNumberPoint),
    scalar(2, "aggregationTemporality", K::kEnum),
    scalar(3, "isMonotonic", K::kBool),
};
constexpr MessageShape kSum{kSumFields};
constexpr FieldShape kHistogramFields[] = {
    many(1, "dataPoints", kHistogramPoint),
    scalar(2, "aggregationTemporality", K::kEnum),
};
constexpr MessageShape kHistogram{kHistogramFields};
constexpr FieldShape kExponentialFields[] = {
    many(1, "dataPoints", kExponentialPoint),
    scalar(2, "aggregationTemporality", K::kEnum),
};
constexpr MessageShape kExponential{kExponentialFields};
constexpr FieldShape kSummaryFields[] = {many(1, "dataPoints", kSummaryPoint)};
constexpr MessageShape kSummary{kSummaryFields};
constexpr FieldShape kMetricFields[] = {
    scalar(1, "name", K::kString),
    scalar(2, "description", K::kString),
    scalar(3, "unit", K::kString),
    one_of(5, "gauge", K::kMessage, &kGauge),
    one_of(7, "sum", K::kMessage, &kSum),
    one_of(9, "histogram", K::kMessage, &kHistogram),
    one_of(10, "exponentialHistogram", K::kMessage, &kExponential),
    one_of(11, "summary", K::kMessage, &kSummary),
    many(12, "metadata", kKeyValue),
};
constexpr MessageShape kMetric{kMetricFields};
constexpr FieldShape kScopeMetricsFields[] = {
    one(1, "scope", kScope),
    many(2, "metrics", kMetric),
    scalar(3, "schemaUrl", K::kString),
};
constexpr MessageShape kScopeMetrics{kScopeMetricsFields};
constexpr FieldShape kResourceMetricsFields[] = {
    one(1, "resource", kResource),
    many(2, "scopeMetrics", kScopeMetrics),
    scalar(3, "schemaUrl", K::kString),
};
constexpr MessageShape kResourceMetrics{kResourceMetricsFields};
constexpr FieldShape kMetricsDataFields[] = {many(1, "resourceMetrics", kResourceMetrics)};
constexpr MessageShape kMetricsData{kMetricsDataFields};

}  // namespace

const MessageShape& shape_of(Signal signal) noexcept {
  return signal == Signal::kLogs ? kLogsData : kMetricsData;
}

}  // namespace forebay::ship
