#include "ship/otlp_json.h"

#include <bit>

#include "ship/json_text.h"

namespace forebay::ship {
namespace {

// The wire type of a value of this kind, not packed.
WireType wire_type_of(FieldKind kind) noexcept {
  switch (kind) {
    case FieldKind::kString:
    case FieldKind::kBytes:
    case FieldKind::kHexId:
    case FieldKind::kMessage:
      return WireType::kBytes;
    case FieldKind::kFixed64:
    case FieldKind::kSfixed64:
    case FieldKind::kDouble:
      return WireType::kFixed64;
    case FieldKind::kFixed32:
      return WireType::kFixed32;
    default:
      return WireType::kVarint;
  }
}

bool is_packed(const FieldShape& shape, const WireField& field) noexcept {
  return shape.repeated && field.type == WireType::kBytes &&
         wire_type_of(shape.kind) != WireType::kBytes;
}

bool matches(const FieldShape& shape, const WireField& field) noexcept {
  return field.number == shape.number &&
         (field.type == wire_type_of(shape.kind) || is_packed(shape, field));
}

bool is_default(const WireField& field) noexcept {
  return field.type == WireType::kBytes ? field.bytes.empty() : field.value == 0;
}

int32_t zigzag(uint64_t value) noexcept {
  const auto bits = static_cast<uint32_t>(value);
  return static_cast<int32_t>((bits >> 1) ^ (~(bits & 1) + 1));
}

void append_quoted(ByteBuffer& to, auto value) {
  to.push_back('"');
  append_decimal(to, value);
  to.push_back('"');
}

// Any kind but a message.
void write_scalar(FieldKind kind, uint64_t value, ByteView bytes, ByteBuffer& to) {
  switch (kind) {
    case FieldKind::kString:
      append_json_string(to, bytes);
      return;
    case FieldKind::kBytes:
      to.push_back('"');
      append_base64(to, bytes);
      to.push_back('"');
      return;
    case FieldKind::kHexId:
      to.push_back('"');
      append_hex(to, bytes);
      to.push_back('"');
      return;
    case FieldKind::kBool:
      to.append(value != 0 ? "true" : "false");
      return;
    case FieldKind::kInt32:
    case FieldKind::kEnum:
      append_decimal(to, int64_t{static_cast<int32_t>(value)});
      return;
    case FieldKind::kUint32:
    case FieldKind::kFixed32:
      append_decimal(to, uint64_t{static_cast<uint32_t>(value)});
      return;
    case FieldKind::kSint32:
      append_decimal(to, int64_t{zigzag(value)});
      return;
    case FieldKind::kInt64:
    case FieldKind::kSfixed64:
      append_quoted(to, static_cast<int64_t>(value));
      return;
    case FieldKind::kUint64:
    case FieldKind::kFixed64:
      append_quoted(to, value);
      return;
    case FieldKind::kDouble:
      append_json_double(to, std::bit_cast<double>(value));
      return;
    case FieldKind::kMessage:
      return;
  }
}

bool write_packed(FieldKind kind, ByteView packed, ByteBuffer& to, bool& first) {
  WireReader reader(packed);
  uint64_t value = 0;
  const bool fixed = wire_type_of(kind) == WireType::kFixed64;
  while (fixed ? reader.next_fixed64(value) : reader.next_varint(value)) {
    if (!first) to.push_back(',');
    first = false;
    write_scalar(kind, value, {}, to);
  }
  return !reader.corrupt();
}

}  // namespace

Status OtlpJsonWriter::write(Signal signal, ByteView message, ByteBuffer& output) {
  const size_t start = output.size();
  fields_.clear();
  if (write_message(shape_of(signal), message, 1, output)) return Status::ok();
  output.truncate(start);
  return Status::corrupt("not an OTLP message, or nested too deep");
}

bool OtlpJsonWriter::write_message(const MessageShape& shape, ByteView message, int depth,
                                   ByteBuffer& output) {
  if (depth > kMaxDepth) return false;
  const size_t from = fields_.size();
  WireReader reader(message);
  WireField field;
  while (reader.next(field)) fields_.push_back(field);
  if (reader.corrupt()) return false;
  const size_t to = fields_.size();

  const FieldShape* chosen = nullptr;  // of the oneof
  for (size_t i = to; i-- > from && chosen == nullptr;) {
    for (const FieldShape& candidate : shape.fields) {
      if (candidate.one_of && matches(candidate, fields_[i])) chosen = &candidate;
    }
  }
  output.push_back('{');
  bool first = true;
  for (const FieldShape& f : shape.fields) {
    if (f.one_of && &f != chosen) continue;
    if (!write_field(f, from, to, depth, output, first)) return false;
  }
  output.push_back('}');
  fields_.resize(from);
  return true;
}

bool OtlpJsonWriter::write_field(const FieldShape& shape, size_t from, size_t to, int depth,
                                 ByteBuffer& output, bool& first) {
  size_t count = 0;
  size_t last = 0;
  for (size_t i = from; i < to; ++i) {
    if (!matches(shape, fields_[i])) continue;
    ++count;
    last = i;
  }
  if (count == 0) return true;
  // By value: the vector may grow below.
  const WireField field = fields_[last];
  if (!shape.repeated && !shape.presence && shape.kind != FieldKind::kMessage &&
      is_default(field)) {
    return true;
  }
  if (!first) output.push_back(',');
  first = false;
  output.push_back('"');
  output.append(shape.name);
  output.append("\":");
  if (shape.repeated) return write_list(shape, from, to, depth, output);
  if (shape.kind != FieldKind::kMessage) {
    write_scalar(shape.kind, field.value, field.bytes, output);
    return true;
  }
  if (count == 1 || shape.one_of) {
    return write_message(*shape.message, field.bytes, depth + 1, output);
  }
  return write_merged(shape, from, to, depth, output);
}

bool OtlpJsonWriter::write_list(const FieldShape& shape, size_t from, size_t to, int depth,
                                ByteBuffer& output) {
  output.push_back('[');
  bool first = true;
  for (size_t i = from; i < to; ++i) {
    const WireField field = fields_[i];
    if (!matches(shape, field)) continue;
    if (is_packed(shape, field)) {
      if (!write_packed(shape.kind, field.bytes, output, first)) return false;
      continue;
    }
    if (!first) output.push_back(',');
    first = false;
    if (shape.kind != FieldKind::kMessage) {
      write_scalar(shape.kind, field.value, field.bytes, output);
    } else if (!write_message(*shape.message, field.bytes, depth + 1, output)) {
      return false;
    }
  }
  output.push_back(']');
  return true;
}

// A message that comes in several pieces is their merger, and that is the message of all their
// bytes in a row.
bool OtlpJsonWriter::write_merged(const FieldShape& shape, size_t from, size_t to, int depth,
                                  ByteBuffer& output) {
  ByteBuffer merged;
  for (size_t i = from; i < to; ++i) {
    if (matches(shape, fields_[i])) merged.append(fields_[i].bytes);
  }
  return write_message(*shape.message, merged.view(), depth + 1, output);
}

}  // namespace forebay::ship
