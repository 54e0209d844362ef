// A reader of protobuf's wire format that shares nothing with the writer under test. It is strict:
// what a careless decoder would let pass fails the test that reads it.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace forebay::wire {

// U+FFFD, what stands for bytes that are no UTF-8.
constexpr std::string_view kMark = "\xEF\xBF\xBD";

struct Field {
  uint32_t number = 0;
  uint32_t type = 0;
  uint64_t value = 0;  // varint, fixed
  std::string bytes;   // length-delimited
};

class Reader {
 public:
  explicit Reader(const std::string& message) : message_(message) {}

  std::vector<Field> fields() {
    std::vector<Field> all;
    while (at_ < message_.size()) {
      const uint64_t key = varint();
      Field field;
      field.number = static_cast<uint32_t>(key / 8);
      field.type = static_cast<uint32_t>(key % 8);
      if (field.type == 0) {
        field.value = varint();
      } else if (field.type == 1) {
        field.value = fixed(8);
      } else if (field.type == 5) {
        field.value = fixed(4);
      } else if (field.type == 2) {
        field.bytes = take(varint());
      } else {
        throw std::runtime_error("wire type " + std::to_string(field.type));
      }
      all.push_back(field);
    }
    return all;
  }

 private:
  std::string take(uint64_t size) {
    if (size > message_.size() - at_) throw std::runtime_error("a length goes past the end");
    std::string bytes = message_.substr(at_, size);
    at_ += size;
    return bytes;
  }
  uint64_t fixed(size_t size) {
    const std::string bytes = take(size);
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;) value = value * 256 + static_cast<uint8_t>(bytes[i]);
    return value;
  }
  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      const auto byte = static_cast<uint8_t>(take(1)[0]);
      value |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) {
        if (byte == 0 && shift != 0) throw std::runtime_error("a varint is not minimal");
        return value;
      }
    }
    throw std::runtime_error("a varint does not end");
  }

  const std::string& message_;
  size_t at_ = 0;
};

inline std::vector<Field> fields_of(const std::string& message) { return Reader(message).fields(); }

// An AnyValue as text: `str:x`, `int:-1`, `double:1.5`, `bool:1`, `bytes:x`, `[..]`, `{k=..}`, and
// `empty`.
inline std::string any_value(const std::string& message) {
  const std::vector<Field> fields = fields_of(message);
  if (fields.empty()) return "empty";
  if (fields.size() > 1) throw std::runtime_error("an AnyValue with several values");
  const Field& field = fields.front();
  std::ostringstream text;
  if (field.number == 1 && field.type == 2) {
    text << "str:" << field.bytes;
  } else if (field.number == 2 && field.type == 0) {
    text << "bool:" << field.value;
  } else if (field.number == 3 && field.type == 0) {
    text << "int:" << static_cast<int64_t>(field.value);
  } else if (field.number == 4 && field.type == 1) {
    text << "double:" << std::bit_cast<double>(field.value);
  } else if (field.number == 7 && field.type == 2) {
    text << "bytes:" << field.bytes;
  } else if (field.number == 5 && field.type == 2) {
    for (const Field& item : fields_of(field.bytes)) {
      text << (text.tellp() == 0 ? "[" : ",") << any_value(item.bytes);
    }
    text << (text.tellp() == 0 ? "[]" : "]");
  } else if (field.number == 6 && field.type == 2) {
    for (const Field& item : fields_of(field.bytes)) {
      text << (text.tellp() == 0 ? "{" : ",");
      for (const Field& part : fields_of(item.bytes)) {
        text << (part.number == 1 ? part.bytes : "=" + any_value(part.bytes));
      }
    }
    text << (text.tellp() == 0 ? "{}" : "}");
  } else {
    throw std::runtime_error("field " + std::to_string(field.number) + " of an AnyValue");
  }
  return text.str();
}

using Attributes = std::map<std::string, std::string>;

inline void add_attribute(const std::string& key_value, Attributes& to) {
  std::string key;
  std::string value = "none";
  for (const Field& field : fields_of(key_value)) {
    if (field.number == 1 && field.type == 2) key = field.bytes;
    if (field.number == 2 && field.type == 2) value = any_value(field.bytes);
  }
  if (!to.emplace(key, value).second) throw std::runtime_error("the key " + key + " comes twice");
}

struct LogRecord {
  uint64_t time = 0;
  uint64_t observed = 0;
  uint64_t severity = 0;
  std::string severity_text;
  std::string body = "none";
  Attributes attributes;
  uint64_t dropped_attributes = 0;
  uint64_t flags = 0;
  std::string trace_id;
  std::string span_id;
  std::string event_name;
};

inline LogRecord log_record(const std::string& message) {
  LogRecord record;
  for (const Field& field : fields_of(message)) {
    const uint32_t key = field.number * 10 + field.type;
    switch (key) {
      case 11:
        record.time = field.value;
        break;
      case 20:
        record.severity = field.value;
        break;
      case 32:
        record.severity_text = field.bytes;
        break;
      case 52:
        record.body = any_value(field.bytes);
        break;
      case 62:
        add_attribute(field.bytes, record.attributes);
        break;
      case 70:
        record.dropped_attributes = field.value;
        break;
      case 85:
        record.flags = field.value;
        break;
      case 92:
        record.trace_id = field.bytes;
        break;
      case 102:
        record.span_id = field.bytes;
        break;
      case 111:
        record.observed = field.value;
        break;
      case 122:
        record.event_name = field.bytes;
        break;
      default:
        throw std::runtime_error("field " + std::to_string(field.number) + " of a LogRecord");
    }
  }
  return record;
}

// What append_record() wrote, once or several times.
inline std::vector<LogRecord> log_records(ByteView segment) {
  std::vector<LogRecord> records;
  for (const Field& field : fields_of(std::string(as_text(segment)))) {
    if (field.number != 2 || field.type != 2) throw std::runtime_error("not a log_records field");
    records.push_back(log_record(field.bytes));
  }
  return records;
}

}  // namespace forebay::wire
