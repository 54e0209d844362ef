// How a log record and a metric point look on a console: aligned for people, or one flat JSON
// object.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "ship/log_records.h"
#include "ship/metric_points.h"

namespace forebay::ship {

// `12:34:56.789 INFO   checkout.api  request finished  route=/items status=200` and a line break.
// `12:34:56.789 METRIC checkout.api  orders{region=eu} 12 {order}` the same; of a histogram or a
// summary `request.duration{route=/items} count=3 sum=0.75 min=0.125 max=0.375 s`; `-` where the
// point says that it has no value, and `delta` behind what is no total.
// Local time. Control characters are shown as escapes: a record is one line, and nothing in it
// commands the terminal.
class PrettyText {
 public:
  explicit PrettyText(bool colored) noexcept : colored_(colored) {}
  void append(const LogRecordView& record, ByteBuffer& output);
  void append(const MetricPointView& point, ByteBuffer& output);

 private:
  void color(std::string_view code, ByteBuffer& output) const;
  void begin_line(uint64_t time_unix_nano, std::string_view scope, std::string_view level,
                  std::string_view level_color, ByteBuffer& output);
  void append_pair(ByteView attribute, std::string_view separators, ByteBuffer& output) const;

  const bool colored_;
  size_t scope_width_ = 0;  // grows with the names seen, up to a limit
};

// `{"time":"2026-11-24T22:00:00.123456Z","severity":"INFO","logger":…,"body":…,"attributes":{…}}`
// and a line break. Attributes are plain JSON values; what is missing is left out.
void append_json_line(const LogRecordView& record, ByteBuffer& output);
// `{"time":…,"metric":"orders","kind":"sum","meter":…,"unit":"{order}","temporality":"cumulative",
// "monotonic":true,"value":12,"attributes":{…}}`; of a histogram or a summary `count`, `sum`, `min`
// and `max` instead of `value`.
void append_json_line(const MetricPointView& point, ByteBuffer& output);

}  // namespace forebay::ship
