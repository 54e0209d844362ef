// Records for tests, made the way emit makes them.
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "forebay/c_api.h"
#include "model/record_writer.h"
#include "model/site.h"

namespace forebay {

inline forebay_string text(std::string_view s) { return {s.data(), s.size()}; }

inline forebay_value null_value() { return forebay_value{}; }
inline forebay_value int_value(int64_t number) {
  forebay_value value{};
  value.type = FOREBAY_INT64;
  value.as.i64 = number;
  return value;
}
inline forebay_value bool_value(bool yes) {
  forebay_value value{};
  value.type = FOREBAY_BOOL;
  value.as.i64 = yes ? 1 : 0;
  return value;
}
inline forebay_value double_value(double number) {
  forebay_value value{};
  value.type = FOREBAY_DOUBLE;
  value.as.f64 = number;
  return value;
}
// Points to the text: a literal, or something that outlives the record's making.
inline forebay_value bytes_of_type(uint32_t type, std::string_view s) {
  forebay_value value{};
  value.type = type;
  value.size = static_cast<uint32_t>(s.size());
  value.as.data = s.data();
  return value;
}
inline forebay_value text_value(std::string_view s) { return bytes_of_type(FOREBAY_STRING, s); }
inline forebay_value bytes_value(std::string_view s) { return bytes_of_type(FOREBAY_BYTES, s); }
inline forebay_value any_value(std::string_view s) { return bytes_of_type(FOREBAY_ANYVALUE, s); }

struct SiteContent {
  uint32_t severity = 9;
  std::string_view severity_text = {};
  std::string_view body = {};
  std::vector<std::string_view> keys = {};
  bool body_in_values = false;
  std::string_view file = {};
  std::string_view function = {};
  uint32_t line = 0;
};

inline const model::Site* make_site(const SiteContent& content) {
  std::vector<forebay_string> keys;
  for (const std::string_view key : content.keys) keys.push_back(text(key));
  forebay_site_spec spec{};
  spec.struct_size = sizeof spec;
  spec.severity = content.severity;
  spec.severity_text = text(content.severity_text);
  spec.body = text(content.body);
  spec.keys = keys.data();
  spec.key_count = static_cast<uint32_t>(keys.size());
  spec.flags = content.body_in_values ? FOREBAY_SITE_BODY_IN_VALUES : 0;
  spec.file = text(content.file);
  spec.function = text(content.function);
  spec.line = content.line;
  return model::SiteRegistry::process().intern(spec);
}

inline forebay_extra no_extra() {
  forebay_extra extra{};
  extra.struct_size = sizeof extra;
  return extra;
}

// Own attributes of a record, and the extra that names them.
class Extra {
 public:
  forebay_extra fields = no_extra();

  Extra& attribute(std::string_view key, const forebay_value& value) {
    attributes_.push_back({key.data(), static_cast<uint32_t>(key.size()), 0, value});
    fields.attributes = attributes_.data();
    fields.attribute_count = static_cast<uint32_t>(attributes_.size());
    return *this;
  }

 private:
  std::vector<forebay_attribute> attributes_;
};

struct RecordContent {
  const model::Site* site = nullptr;
  std::vector<forebay_value> values = {};
  const Extra* extra = nullptr;
  uint8_t severity = 9;
  uint8_t flags = 0;
  uint32_t scope = 0;
  uint64_t ticks = 1;
  uint64_t weight = 1;
};

// The record's bytes, in memory of just their size: a sanitizer sees a byte too many.
inline std::vector<uint8_t> make_record(const RecordContent& content) {
  model::RecordInput input;
  input.site = content.site;
  input.values = content.values.data();
  input.value_count = static_cast<uint32_t>(content.values.size());
  input.extra = content.extra != nullptr ? &content.extra->fields : nullptr;
  input.scope = content.scope;
  input.severity = content.severity;
  input.flags = content.flags;
  input.weight = content.weight;
  const forebay_extra nothing_else = no_extra();
  if (content.weight != 1 && input.extra == nullptr) input.extra = &nothing_else;
  std::vector<uint8_t> bytes(model::measure_record(input));
  model::write_record(input, content.ticks, static_cast<uint32_t>(bytes.size()), bytes.data());
  return bytes;
}

}  // namespace forebay
