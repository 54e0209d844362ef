#include "model/record_writer.h"

namespace forebay::model {
namespace {

bool has_context(const forebay_extra& extra) noexcept {
  uint64_t words[3];
  std::memcpy(words, extra.trace_id, 16);
  std::memcpy(words + 2, extra.span_id, 8);
  return (extra.time_unix_nano | words[0] | words[1] | words[2]) != 0 || extra.trace_flags != 0;
}

}  // namespace

uint64_t measure_extra(const forebay_extra& extra) noexcept {
  uint64_t size = 0;
  if (has_context(extra)) size += sizeof(RecordContext);
  if (extra.severity_text.size != 0) size += 4 + extra.severity_text.size;
  if (extra.event_name.size != 0) size += 4 + extra.event_name.size;
  if (extra.body.type != FOREBAY_NULL) size += value_bytes(extra.body);
  if (const BoundAttributes* const bound = bound_in(extra); bound != nullptr) {
    return size + bound->encoded().size();
  }
  for (uint32_t i = 0; i < extra.attribute_count; ++i) size += attribute_bytes(extra.attributes[i]);
  return size;
}

void write_record_with_extra(const RecordInput& input, uint64_t ticks, uint32_t size,
                             uint8_t* to) noexcept {
  const forebay_extra& extra = *input.extra;
  RecordHeader header = header_of(input, ticks, size);
  RecordWriter writer(to + sizeof header);
  header.attribute_count = static_cast<uint16_t>(extra.attribute_count);
  header.dropped_attributes_count = static_cast<uint16_t>(
      extra.dropped_attributes_count > UINT16_MAX ? UINT16_MAX : extra.dropped_attributes_count);
  if (input.weight != 1) {
    header.flags |= kHasWeight;
    writer.fixed(input.weight);
  }
  if (has_context(extra)) {
    header.flags |= kHasContext;
    RecordContext context{};
    context.time_unix_nano = extra.time_unix_nano;
    std::memcpy(context.trace_id, extra.trace_id, sizeof context.trace_id);
    std::memcpy(context.span_id, extra.span_id, sizeof context.span_id);
    context.trace_flags = extra.trace_flags;
    writer.fixed(context);
  }
  if (extra.severity_text.size != 0) {
    header.flags |= kHasSeverityText;
    writer.bytes(extra.severity_text.data, static_cast<uint32_t>(extra.severity_text.size));
  }
  if (extra.event_name.size != 0) {
    header.flags |= kHasEventName;
    writer.bytes(extra.event_name.data, static_cast<uint32_t>(extra.event_name.size));
  }
  if (extra.body.type != FOREBAY_NULL) {
    header.flags |= kHasBody;
    writer.value(extra.body);
  }
  for (uint32_t i = 0; i < input.value_count; ++i) writer.value(input.values[i]);
  if (const BoundAttributes* const bound = bound_in(extra); bound != nullptr) {
    writer.encoded(bound->encoded());
  } else {
    for (uint32_t i = 0; i < extra.attribute_count; ++i) writer.attribute(extra.attributes[i]);
  }
  write_header(header, to);
}

}  // namespace forebay::model
