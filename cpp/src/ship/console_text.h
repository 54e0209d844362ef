// How a log record looks on a console: aligned for people, or one flat JSON object.
#pragma once
#include <cstddef>

#include "base/bytes.h"
#include "ship/log_records.h"

namespace forebay::ship {

// `12:34:56.789 INFO   checkout.api  request finished  route=/items status=200` and a line break.
// Local time. Control characters are shown as escapes: a record is one line, and nothing in it
// commands the terminal.
class PrettyText {
 public:
  explicit PrettyText(bool colored) noexcept : colored_(colored) {}
  void append(const LogRecordView& record, ByteBuffer& output);

 private:
  const bool colored_;
  size_t scope_width_ = 0;  // grows with the names seen, up to a limit
};

// `{"time":"2026-11-24T22:00:00.123456Z","severity":"INFO","logger":…,"body":…,"attributes":{…}}`
// and a line break. Attributes are plain JSON values; what is missing is left out.
void append_json_line(const LogRecordView& record, ByteBuffer& output);

}  // namespace forebay::ship
