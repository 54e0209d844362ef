// The log records in an ExportLogsServiceRequest, one after another, as views into its bytes.
#pragma once
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace forebay::ship {

struct LogRecordView {
  uint64_t time_unix_nano = 0;  // its own, or else when it was observed
  uint32_t severity_number = 0;
  std::string_view severity_text;
  std::string_view scope_name;
  std::string_view event_name;
  ByteView body;                     // an AnyValue; empty: none
  std::vector<ByteView> attributes;  // KeyValues
  ByteView trace_id;
  ByteView span_id;
};

// Calls `visit` for each. kCorrupt where the bytes are no such message; records before that place
// have been visited then. The view holds only during the call.
Status for_each_log_record(ByteView request,
                           const std::function<void(const LogRecordView&)>& visit);

}  // namespace forebay::ship
