#include "admit/attribute_rule.h"

#include <charconv>
#include <cmath>
#include <cstring>

namespace forebay::admit {
namespace {

// The whole of `text`, and nothing else, as a T.
template <typename T>
std::optional<T> read_as(const std::string& text) noexcept {
  T value{};
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return value;
}

}  // namespace

AttributeRule::AttributeRule(std::string key, std::string text)
    : key_(std::move(key)),
      text_(std::move(text)),
      whole_(read_as<int64_t>(text_)),
      real_(read_as<double>(text_)) {
  if (text_ == "true") flag_ = true;
  if (text_ == "false") flag_ = false;
}

Status AttributeRule::validate() const {
  if (key_.empty()) return Status::invalid("attribute: a key is empty");
  return Status::ok();
}

bool AttributeRule::is_met_by(const forebay_value& value) const noexcept {
  switch (value.type) {
    case FOREBAY_STRING:
    case FOREBAY_BYTES:
      return value.size == text_.size() &&
             (value.size == 0 || std::memcmp(value.as.data, text_.data(), value.size) == 0);
    case FOREBAY_INT64:
      return whole_ && *whole_ == value.as.i64;
    case FOREBAY_DOUBLE:
      return real_ && (*real_ == value.as.f64 || (std::isnan(*real_) && std::isnan(value.as.f64)));
    case FOREBAY_BOOL:
      return flag_ && *flag_ == (value.as.i64 != 0);
    default:
      return false;
  }
}

uint32_t value_index(const model::Site* site, std::string_view key) noexcept {
  if (site == nullptr) return kNoValue;
  for (size_t i = site->keys.size(); i-- > 0;) {
    if (site->keys[i] == key) return static_cast<uint32_t>(i) + (site->body_in_values ? 1 : 0);
  }
  return kNoValue;
}

const forebay_value* find_own_value(const forebay_extra& extra, std::string_view key) noexcept {
  for (uint32_t i = extra.attribute_count; i-- > 0;) {
    const forebay_attribute& attribute = extra.attributes[i];
    if (attribute.key_size == key.size() &&
        std::memcmp(attribute.key, key.data(), key.size()) == 0) {
      return &attribute.value;
    }
  }
  return nullptr;
}

SiteConditions::SiteConditions(const std::vector<AttributeRule>& rules, const model::Site* site) {
  conditions_.reserve(rules.size());
  for (const AttributeRule& rule : rules) {
    conditions_.push_back({&rule, value_index(site, rule.key())});
  }
}

}  // namespace forebay::admit
