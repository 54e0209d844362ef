// The shape of OTLP's logs and metrics messages, as data: what a walk over the wire needs to know.
//
// Source: opentelemetry-proto 1.11, logs.proto, metrics.proto, common.proto, resource.proto. What
// is not in here is skipped, as proto3 asks of a reader.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "base/encoded_batch.h"

namespace forebay::ship {

enum class FieldKind : uint8_t {
  kString,
  kBytes,
  kHexId,  // trace and span ids: bytes that JSON shows in hex
  kBool,
  kInt32,  // a JSON number, as the next three
  kUint32,
  kFixed32,
  kSint32,  // zigzag
  kEnum,    // the integer: OTLP forbids the name
  kInt64,   // a decimal string in JSON
  kUint64,
  kFixed64,
  kSfixed64,
  kDouble,
  kMessage,
};

struct MessageShape;

struct FieldShape {
  uint32_t number;
  std::string_view name;  // lowerCamelCase, as JSON has it
  FieldKind kind;
  bool repeated = false;
  // Has a presence of its own (`optional`, or in a oneof): shown even where it is zero or empty.
  bool presence = false;
  bool one_of = false;  // of the message's one oneof: the last on the wire is the one that counts
  const MessageShape* message = nullptr;
};

struct MessageShape {
  std::span<const FieldShape> fields;
};

// LogsData or MetricsData, which have the same wire form as Export{Logs,Metrics}ServiceRequest.
const MessageShape& shape_of(Signal signal) noexcept;

}  // namespace forebay::ship
