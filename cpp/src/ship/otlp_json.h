// OTLP/JSON out of OTLP protobuf, without knowing more of either than otlp_schema says.
//
// Source: opentelemetry-proto docs/specification.md, "JSON Protobuf Encoding": lowerCamelCase keys,
// trace and span ids in hex, other bytes in base64, enums as integers, 64-bit integers as decimal
// strings, NaN and infinities as strings. Values that proto3 calls default are left out.
#pragma once
#include <vector>

#include "base/bytes.h"
#include "base/encoded_batch.h"
#include "base/status.h"
#include "ship/otlp_schema.h"
#include "ship/wire_reader.h"

namespace forebay::ship {

// Not thread-safe; keeps its memory from one message to the next.
class OtlpJsonWriter {
 public:
  // Appends one JSON object, without a line break in it or after it. kCorrupt where the bytes are
  // no protobuf message, or nested deeper than protobuf readers go; then what was appended is cut
  // off again.
  Status write(Signal signal, ByteView message, ByteBuffer& output);

  static constexpr int kMaxDepth = 100;

 private:
  bool write_message(const MessageShape& shape, ByteView message, int depth, ByteBuffer& output);
  bool write_field(const FieldShape& shape, size_t from, size_t to, int depth, ByteBuffer& output,
                   bool& first);
  bool write_list(const FieldShape& shape, size_t from, size_t to, int depth, ByteBuffer& output);
  bool write_merged(const FieldShape& shape, size_t from, size_t to, int depth, ByteBuffer& output);

  // The fields of the messages being written, those of the innermost last.
  std::vector<WireField> fields_;
};

}  // namespace forebay::ship
