#include "redacted_any_value.h"

#include <optional>

#include "encode/any_value.h"
#include "encode/protobuf_writer.h"

namespace forebay::engine {
namespace {

using encode::tag;
using encode::WireType;

// Fields, by number: AnyValue.array_value and kvlist_value; ArrayValue.values and
// KeyValueList.values; KeyValue.key and value. Source: opentelemetry/proto/common/v1/common.proto.
constexpr uint64_t kText = tag(1, WireType::kBytes);
constexpr uint64_t kArray = tag(5, WireType::kBytes);
constexpr uint64_t kMap = tag(6, WireType::kBytes);
constexpr uint64_t kEntry = tag(1, WireType::kBytes);
constexpr uint64_t kKey = tag(1, WireType::kBytes);
constexpr uint64_t kValue = tag(2, WireType::kBytes);

struct Field {
  uint64_t tag = 0;
  std::string_view whole;    // with its tag
  std::string_view content;  // of one that has a length
};

// The next field of a message, which is moved on; nothing at the end of it, or where it is none.
std::optional<Field> next_field(std::string_view& message) {
  const auto* const begin = reinterpret_cast<const uint8_t*>(message.data());
  const uint8_t* const end = begin + message.size();
  Field field;
  const uint8_t* p = message.empty() ? nullptr : encode::read_varint(begin, end, field.tag);
  uint64_t size = 0;
  if (p == nullptr) return std::nullopt;
  switch (static_cast<WireType>(field.tag & 7)) {
    case WireType::kVarint:
      p = encode::read_varint(p, end, size);
      size = 0;
      break;
    case WireType::kFixed64:
      size = 8;
      break;
    case WireType::kFixed32:
      size = 4;
      break;
    case WireType::kBytes:
      p = encode::read_varint(p, end, size);
      break;
    default:
      return std::nullopt;
  }
  if (p == nullptr || size > static_cast<uint64_t>(end - p)) return std::nullopt;
  field.content = {reinterpret_cast<const char*>(p), size};
  field.whole = message.substr(0, static_cast<size_t>(p - begin) + size);
  message.remove_prefix(field.whole.size());
  return field;
}

void put(std::string& out, uint64_t tag, std::string_view content) {
  uint8_t head[2 * encode::kMaxVarintBytes];
  const uint8_t* const end = encode::put_varint(encode::put_varint(head, tag), content.size());
  out.append(reinterpret_cast<const char*>(head), static_cast<size_t>(end - head));
  out.append(content);
}

// One field of any of the messages with what is below it rewritten. `in_map`: of a KeyValueList.
bool rewrite_value(std::string_view message, const admit::Redaction& rules, std::string& out,
                   int depth);

bool rewrite_entry(std::string_view entry, const admit::Redaction& rules, std::string& out,
                   int depth) {
  bool has_hit = false;
  std::string_view key;
  for (std::string_view rest = entry; const auto field = next_field(rest);) {
    if (field->tag == kKey) key = field->content;
  }
  const std::string* const text = rules.instead_of(key);
  for (std::string_view rest = entry; const auto field = next_field(rest);) {
    if (field->tag != kValue) {
      out.append(field->whole);
      continue;
    }
    std::string value;
    if (text != nullptr) {
      put(value, kText, *text);
      has_hit = true;
    } else {
      has_hit |= rewrite_value(field->content, rules, value, depth);
    }
    put(out, kValue, value);
  }
  return has_hit;
}

bool rewrite_value(std::string_view message, const admit::Redaction& rules, std::string& out,
                   int depth) {
  if (depth == 0) {
    out.append(message);
    return false;
  }
  bool has_hit = false;
  for (std::string_view rest = message; const auto field = next_field(rest);) {
    if (field->tag != kArray && field->tag != kMap) {
      out.append(field->whole);
      continue;
    }
    std::string list;
    for (std::string_view entries = field->content; const auto entry = next_field(entries);) {
      if (entry->tag != kEntry) {
        list.append(entry->whole);
        continue;
      }
      std::string inner;
      has_hit |= field->tag == kMap ? rewrite_entry(entry->content, rules, inner, depth - 1)
                                    : rewrite_value(entry->content, rules, inner, depth - 1);
      put(list, kEntry, inner);
    }
    put(out, field->tag, list);
  }
  return has_hit;
}

}  // namespace

bool redact_any_value(std::string_view message, const admit::Redaction& rules, std::string& out) {
  std::string rewritten;
  if (!rewrite_value(message, rules, rewritten, encode::kMaxMessageDepth)) return false;
  out.append(rewritten);
  return true;
}

}  // namespace forebay::engine
