// Logger::emit: a record without a kept site, spelled out for the C ABI.
#pragma once
#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string_view>

#include "forebay/logger.h"

namespace forebay {
inline namespace v1 {
namespace detail {

// A record's attributes and its place in the ABI's own types. Up to 61 attributes need no memory;
// where there is none for more, the rest is left out and counted in the record.
class FOREBAY_LOCAL SpelledAttributes {
 public:
  explicit SpelledAttributes(const Record& record) noexcept {
    const size_t wanted = record.attributes.size() + kOfPlace;
    size_t room = kInPlace;
    if (wanted > kInPlace) {
      large_attributes_.reset(new (std::nothrow) forebay_attribute[wanted]);
      large_digits_.reset(new (std::nothrow) std::array<char, kMaxDigits>[wanted]);
      if (large_attributes_ != nullptr && large_digits_ != nullptr) {
        attributes_ = large_attributes_.get();
        digits_ = large_digits_.get();
        room = wanted;
      }
    }
    const size_t taken = std::min(record.attributes.size(), room - kOfPlace);
    for (const Attribute& attribute : record.attributes.first(taken)) {
      add(attribute.key, attribute.value);
    }
    left_out_ = record.attributes.size() - taken;
    if (record.where.line() == 0) return;
    add("code.file.path", record.where.file_name());
    add("code.line.number", record.where.line());
    add("code.function.name", record.where.function_name());
  }

  [[nodiscard]] const forebay_attribute* data() const noexcept { return attributes_; }
  [[nodiscard]] uint32_t size() const noexcept { return size_; }
  [[nodiscard]] uint32_t left_out() const noexcept { return clamped(left_out_); }

 private:
  static constexpr size_t kInPlace = 64;
  static constexpr size_t kOfPlace = 3;

  void add(std::string_view key, const Value& value) noexcept {
    attributes_[size_] = {key.data(), clamped(key.size()), 0, spelled(value.raw(), digits_[size_])};
    ++size_;
  }

  std::array<forebay_attribute, kInPlace> own_attributes_;
  std::array<std::array<char, kMaxDigits>, kInPlace> own_digits_;
  std::unique_ptr<forebay_attribute[]> large_attributes_;
  std::unique_ptr<std::array<char, kMaxDigits>[]> large_digits_;
  forebay_attribute* attributes_ = own_attributes_.data();
  std::array<char, kMaxDigits>* digits_ = own_digits_.data();
  uint32_t size_ = 0;
  size_t left_out_ = 0;
};

}  // namespace detail

inline Outcome Logger::emit(const Record& record) const noexcept {
  if (!is_enabled(record.severity)) return Outcome(FOREBAY_DISABLED);
  const forebay_api* api = detail::table_or_retry();
  if (api == nullptr) return detail::count_unattached(record.severity);
  const detail::SpelledAttributes attributes(record);
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
