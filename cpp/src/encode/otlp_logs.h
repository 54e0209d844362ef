// OTLP logs, written straight into a reused buffer by our own protobuf writer.
//
// Verified in the tests against the official schema. Invalid UTF-8 becomes U+FFFD here, so what is
// written always parses; attribute keys are made unique, the last one wins.
#pragma once
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "model/record.h"
#include "model/value.h"

namespace forebay::encode {

// The encoded log records of one scope.
struct ScopeSegment {
  const model::Scope* scope = nullptr;
  ByteView records;  // what append_record() wrote
};

// One for each thread that encodes (the drain thread): keeps what it worked out for each site.
class LogEncoder {
 public:
  // Appends one `log_records` field of a ScopeLogs message: tag, length, LogRecord. `record` is
  // what model::write_record() wrote; `observed` is when it was emitted. Throws only
  // std::bad_alloc, and then leaves `out` as it was.
  void append_record(const uint8_t* record, WallTime observed, ByteBuffer& out);

  // Appends a whole ExportLogsServiceRequest: one ResourceLogs with a ScopeLogs for each segment.
  void append_request(const model::Resource& resource, std::span<const ScopeSegment> segments,
                      ByteBuffer& out);

 private:
  struct SiteBytes {
    bool known = false;
    std::vector<uint8_t> prefix;  // severity, its text, and the body where that is constant
    std::vector<std::vector<uint8_t>> keys;  // the key field of each KeyValue
    std::vector<uint8_t> suffix;             // code.* attributes
  };
  std::vector<SiteBytes> sites_;  // by Site::id
};

}  // namespace forebay::encode
