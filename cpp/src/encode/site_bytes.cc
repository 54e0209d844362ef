#include "encode/site_bytes.h"

#include <algorithm>
#include <string>

#include "encode/field_writer.h"

namespace forebay::encode {
namespace {

constexpr std::string_view kFilePath = "code.file.path";
constexpr std::string_view kFunctionName = "code.function.name";
constexpr std::string_view kLineNumber = "code.line.number";

model::ValueView int_value(int64_t number) noexcept {
  model::ValueView value;
  value.type = FOREBAY_INT64;
  value.i64 = number;
  return value;
}

void append_prefix(const model::Site& site, SiteBytes& to) {
  Room room(to.bytes, 2 * kMaxValueOverhead + site.severity_text.size() + site.body.size());
  uint8_t* p = room.start();
  if (site.severity != 0) {
    *p++ = tag(2, WireType::kVarint);
    p = put_varint(p, site.severity);
  }
  if (!site.severity_text.empty()) {
    p = put_text(room, p, tag(3, WireType::kBytes), site.severity_text);
  }
  to.severity_size = static_cast<uint32_t>(p - room.start());
  if (!site.body_in_values && !site.body.empty()) {
    p = put_value(room, p, BodyHead{}, model::ValueView::text(site.body));
  }
  to.prefix_size = static_cast<uint32_t>(p - room.start());
  room.commit(p);
}

void append_key(std::string_view key, SiteBytes& to) {
  ByteBuffer repaired;
  append_valid_utf8(key, repaired);
  const std::string_view text = as_text(repaired.view());
  uint8_t* p = to.bytes.reserve(kMaxValueOverhead + text.size());
  const auto offset = static_cast<uint32_t>(to.bytes.size());
  const auto size = static_cast<uint32_t>(put_key_field(p, text) - p);
  to.bytes.advance(size);
  to.keys.push_back({offset, size, static_cast<uint32_t>(text.size())});
}

bool has_repeated_key(const SiteBytes& bytes, const model::Site& site) {
  std::vector<std::string_view> keys;
  keys.reserve(bytes.keys.size() + 3);
  for (const SiteBytes::Key& key : bytes.keys) keys.push_back(bytes.key_text(key));
  if (!site.file.empty()) keys.push_back(kFilePath);
  if (!site.function.empty()) keys.push_back(kFunctionName);
  if (site.line != 0) keys.push_back(kLineNumber);
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) != keys.end();
}

}  // namespace

void add_code_attributes(const model::Site& site, AttributeList& list) {
  if (!site.file.empty()) list.add(kFilePath, model::ValueView::text(site.file));
  if (!site.function.empty()) list.add(kFunctionName, model::ValueView::text(site.function));
  if (site.line != 0) list.add(kLineNumber, int_value(site.line));
}

SiteBytes make_site_bytes(const model::Site& site) {
  SiteBytes made;
  made.site = &site;
  made.severity = static_cast<uint8_t>(site.severity);
  append_prefix(site, made);
  made.keys.reserve(site.keys.size());
  for (const std::string& key : site.keys) append_key(key, made);

  AttributeList code;
  add_code_attributes(site, code);
  made.suffix_offset = static_cast<uint32_t>(made.bytes.size());
  Room room(made.bytes, code.bound_bytes());
  uint8_t* end = code.write(room, room.start(), tag(6, WireType::kBytes));
  made.suffix_size = static_cast<uint32_t>(end - room.start());
  room.commit(end);

  made.plain = !has_repeated_key(made, site);
  std::memset(made.bytes.reserve(kBlockBytes), 0, kBlockBytes);
  return made;
}

}  // namespace forebay::encode
