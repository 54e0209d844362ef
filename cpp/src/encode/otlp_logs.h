// OTLP logs, written straight into a reused buffer by our own protobuf writer.
//
// Verified in the tests against the official schema. Invalid UTF-8 becomes U+FFFD here, so what is
// written always parses; attribute keys are made unique, the last one wins.
#pragma once
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "encode/attribute_list.h"
#include "encode/site_bytes.h"
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
  //
  // The attributes are those of the site, then the record's own; a record that was cut has
  // `forebay.truncated`, one that stands for more than itself `forebay.adjusted_count`. Where a key
  // comes twice, the last one wins; code.* attributes, which the site's source location makes, give
  // way to any other. An empty body is left out.
  void append_record(const uint8_t* record, WallTime observed, ByteBuffer& out);

  // Appends a whole ExportLogsServiceRequest: one ResourceLogs with a ScopeLogs for each segment.
  // Throws only std::bad_alloc, and then leaves `out` as it was.
  void append_request(const model::Resource& resource, std::span<const ScopeSegment> segments,
                      ByteBuffer& out);

 private:
  SiteBytes& bytes_of(const model::Site* site);
  uint8_t* put_severity_and_body(Room& room, uint8_t* p, const SiteBytes& site,
                                 model::RecordReader& reader) const;
  uint8_t* put_attributes(Room& room, uint8_t* p, const SiteBytes& site,
                          model::RecordReader& reader);
  uint8_t* put_unique_attributes(Room& room, uint8_t* p, const SiteBytes& site, uint32_t values,
                                 model::RecordReader& reader);

  std::vector<SiteBytes> sites_;  // by Site::id
  SiteBytes no_site_;
  AttributeList attributes_;
  // append_request()'s: the Resource and each InstrumentationScope, and where these end.
  ByteBuffer resource_;
  ByteBuffer scopes_;
  std::vector<size_t> scope_ends_;
};

}  // namespace forebay::encode
