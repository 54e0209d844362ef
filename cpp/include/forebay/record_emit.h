// Logger::emit: a record without a kept site, spelled out for the C ABI.
#pragma once
#include <array>
#include <cstring>

#include "forebay/logger.h"
#include "forebay/spelled_attributes.h"

namespace forebay {
inline namespace v1 {
inline Outcome Logger::emit(const Record& record) const noexcept {
  if (!is_enabled(record.severity)) return Outcome(FOREBAY_DISABLED);
  const forebay_api* api = detail::table_or_retry();
  if (api == nullptr) return detail::count_unattached(record.severity);
  const detail::SpelledAttributes attributes(record.attributes, record.where);
  std::array<char, detail::kMaxDigits> digits;
  forebay_extra extra{};
  extra.struct_size = sizeof extra;
  extra.severity = static_cast<uint32_t>(record.severity);
  extra.time_unix_nano = record.time_unix_nano;
  static_assert(sizeof extra.trace_id == sizeof record.trace_id);
  static_assert(sizeof extra.span_id == sizeof record.span_id);
  std::memcpy(extra.trace_id, record.trace_id.data(), sizeof extra.trace_id);
  std::memcpy(extra.span_id, record.span_id.data(), sizeof extra.span_id);
  extra.trace_flags = record.trace_flags;
  extra.attributes = attributes.data();
  extra.attribute_count = attributes.size();
  extra.dropped_attributes_count = attributes.left_out();
  extra.body = detail::spelled(record.body.raw(), digits);
  extra.severity_text = {record.severity_text.data(), record.severity_text.size()};
  extra.event_name = {record.event_name.data(), record.event_name.size()};
  return Outcome(api->emit(bind(*api), nullptr, nullptr, 0, &extra, 0));
}

}  // namespace v1
}  // namespace forebay
