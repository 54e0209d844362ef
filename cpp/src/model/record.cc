#include "model/record.h"

namespace forebay::model {
namespace {

bool has_context(const forebay_extra& extra) noexcept {
  uint64_t words[3];
  std::memcpy(words, extra.trace_id, 16);
  std::memcpy(words + 2, extra.span_id, 8);
  return (extra.time_unix_nano | words[0] | words[1] | words[2]) != 0 || extra.trace_flags != 0;
}

class Writer {
 public:
  explicit Writer(uint8_t* to) noexcept : p_(to) {}

  template <typename T>
  void fixed(const T& value) noexcept {
    std::memcpy(p_, &value, sizeof value);
    p_ += sizeof value;
  }
  void bytes(const char* data, uint32_t size) noexcept {
    fixed(size);
    // Most strings are short: two overlapping moves beat a call to memcpy.
    if (size <= 16) {
      if (size >= 8) {
        uint64_t a = 0;
        uint64_t b = 0;
        std::memcpy(&a, data, 8);
        std::memcpy(&b, data + size - 8, 8);
        std::memcpy(p_, &a, 8);
        std::memcpy(p_ + size - 8, &b, 8);
      } else if (size >= 4) {
        uint32_t a = 0;
        uint32_t b = 0;
        std::memcpy(&a, data, 4);
        std::memcpy(&b, data + size - 4, 4);
        std::memcpy(p_, &a, 4);
        std::memcpy(p_ + size - 4, &b, 4);
      } else if (size != 0) {
        p_[0] = static_cast<uint8_t>(data[0]);
        p_[size / 2] = static_cast<uint8_t>(data[size / 2]);
        p_[size - 1] = static_cast<uint8_t>(data[size - 1]);
      }
    } else {
      std::memcpy(p_, data, size);
    }
    p_ += size;
  }
  void value(const forebay_value& value) noexcept {
    switch (value.type) {
      case FOREBAY_BOOL:
        *p_++ = FOREBAY_BOOL;
        *p_++ = value.as.i64 != 0;
        return;
      case FOREBAY_INT64:
      case FOREBAY_DOUBLE:
        *p_++ = static_cast<uint8_t>(value.type);
        fixed(value.as.i64);
        return;
      case FOREBAY_STRING:
      case FOREBAY_BYTES:
      case FOREBAY_ANYVALUE:
        *p_++ = static_cast<uint8_t>(value.type);
        bytes(value.as.data, value.size);
        return;
      default:
        *p_++ = FOREBAY_NULL;
    }
  }

 private:
  uint8_t* p_;
};

template <typename T>
T read_fixed(const uint8_t*& p) noexcept {
  T value;
  std::memcpy(&value, p, sizeof value);
  p += sizeof value;
  return value;
}

}  // namespace

uint64_t measure_record(const RecordInput& input) noexcept {
  uint64_t size = sizeof(RecordHeader);
  for (uint32_t i = 0; i < input.value_count; ++i) size += value_bytes(input.values[i]);
  if (const forebay_extra* extra = input.extra; extra != nullptr) [[unlikely]] {
    if (has_context(*extra)) size += sizeof(RecordContext);
    if (extra->severity_text.size != 0) size += 4 + extra->severity_text.size;
    if (extra->event_name.size != 0) size += 4 + extra->event_name.size;
    if (extra->body.type != FOREBAY_NULL) size += value_bytes(extra->body);
    for (uint32_t i = 0; i < extra->attribute_count; ++i) {
      size += 4 + uint64_t{extra->attributes[i].key_size} + value_bytes(extra->attributes[i].value);
    }
  }
  return size;
}

void write_record(const RecordInput& input, uint64_t ticks, uint32_t size, uint8_t* to) noexcept {
  RecordHeader header{};
  header.ticks = ticks;
  header.site = input.site;
  header.scope = input.scope;
  header.size = size;
  header.value_count = static_cast<uint16_t>(input.value_count);
  header.severity = input.severity;
  header.flags = input.flags;
  Writer writer(to + sizeof header);
  if (const forebay_extra* extra = input.extra; extra != nullptr) [[unlikely]] {
    header.attribute_count = static_cast<uint16_t>(extra->attribute_count);
    header.dropped_attributes_count = static_cast<uint16_t>(
        extra->dropped_attributes_count > UINT16_MAX ? UINT16_MAX
                                                     : extra->dropped_attributes_count);
    if (has_context(*extra)) {
      header.flags |= kHasContext;
      RecordContext context{};
      context.time_unix_nano = extra->time_unix_nano;
      std::memcpy(context.trace_id, extra->trace_id, sizeof context.trace_id);
      std::memcpy(context.span_id, extra->span_id, sizeof context.span_id);
      context.trace_flags = extra->trace_flags;
      writer.fixed(context);
    }
    if (extra->severity_text.size != 0) {
      header.flags |= kHasSeverityText;
      writer.bytes(extra->severity_text.data, static_cast<uint32_t>(extra->severity_text.size));
    }
    if (extra->event_name.size != 0) {
      header.flags |= kHasEventName;
      writer.bytes(extra->event_name.data, static_cast<uint32_t>(extra->event_name.size));
    }
    if (extra->body.type != FOREBAY_NULL) {
      header.flags |= kHasBody;
      writer.value(extra->body);
    }
    for (uint32_t i = 0; i < input.value_count; ++i) writer.value(input.values[i]);
    for (uint32_t i = 0; i < extra->attribute_count; ++i) {
      writer.bytes(extra->attributes[i].key, extra->attributes[i].key_size);
      writer.value(extra->attributes[i].value);
    }
  } else {
    for (uint32_t i = 0; i < input.value_count; ++i) writer.value(input.values[i]);
  }
  std::memcpy(to, &header, sizeof header);
}

RecordReader::RecordReader(const uint8_t* record) noexcept : p_(record) {
  header_ = read_fixed<RecordHeader>(p_);
  if (header_.flags == 0) return;
  if ((header_.flags & kHasContext) != 0) context_ = read_fixed<RecordContext>(p_);
  if ((header_.flags & kHasSeverityText) != 0) severity_text_ = next_text();
  if ((header_.flags & kHasEventName) != 0) event_name_ = next_text();
  if ((header_.flags & kHasBody) != 0) body_ = next_value();
}

std::string_view RecordReader::next_text() noexcept {
  const auto size = read_fixed<uint32_t>(p_);
  const std::string_view text(reinterpret_cast<const char*>(p_), size);
  p_ += size;
  return text;
}

ValueView RecordReader::next_value() noexcept {
  ValueView value;
  value.type = *p_++;
  switch (value.type) {
    case FOREBAY_BOOL:
      value.i64 = *p_++;
      break;
    case FOREBAY_INT64:
      value.i64 = read_fixed<int64_t>(p_);
      break;
    case FOREBAY_DOUBLE:
      value.f64 = read_fixed<double>(p_);
      break;
    case FOREBAY_STRING:
    case FOREBAY_BYTES:
    case FOREBAY_ANYVALUE:
      value.bytes = next_text();
      break;
    default:
      break;
  }
  return value;
}

}  // namespace forebay::model
