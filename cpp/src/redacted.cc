#include "redacted.h"

#include "redacted_any_value.h"

namespace forebay::engine {
namespace {

// Whether a rule is about the record, or may be about what is inside a nested value.
bool is_hit(const admit::Redaction& rules, const model::Site* site, const forebay_value* values,
            uint32_t value_count, const forebay_extra* extra) noexcept {
  if (site != nullptr && site->is_watched.load(std::memory_order_relaxed)) return true;
  for (uint32_t i = 0; i < value_count; ++i) {
    if (values[i].type == FOREBAY_ANYVALUE) return true;
  }
  if (extra == nullptr) return false;
  const model::BoundAttributes* const bound = model::bound_in(*extra);
  if (bound != nullptr && bound->is_cleared_by(&rules)) return extra->body.type == FOREBAY_ANYVALUE;
  for (uint32_t i = 0; i < extra->attribute_count; ++i) {
    const forebay_attribute& attribute = extra->attributes[i];
    if (attribute.value.type == FOREBAY_ANYVALUE ||
        rules.instead_of({attribute.key, attribute.key_size}) != nullptr) {
      return true;
    }
  }
  if (bound != nullptr) bound->set_cleared_by(&rules);
  return extra->body.type == FOREBAY_ANYVALUE;
}

}  // namespace

bool must_redact(const ThreadBinding& binding, const model::Site* site, const forebay_value* values,
                 Course course, const forebay_extra* extra) noexcept {
  const admit::Redaction* const rules = binding.incarnation->redaction;
  return rules != nullptr && !course.is_clear() &&
         is_hit(*rules, site, values, course.value_count(), extra);
}

bool redact(const ThreadBinding& binding, const model::Site* site, const forebay_value* values,
            Course course, const forebay_extra* extra, std::optional<Redacted>& redacted) noexcept
    try {
  if (must_redact(binding, site, values, course, extra)) {
    redacted.emplace(*binding.incarnation->redaction, site, values, course.value_count(), extra);
  }
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

Redacted::Redacted(const admit::Redaction& rules, const model::Site* site,
                   const forebay_value* values, uint32_t value_count, const forebay_extra* extra)
    : rules_(rules), values_(values), extra_(extra) {
  if (site != nullptr) redact_values(*site, values, value_count);
  if (extra != nullptr) redact_attributes(*extra);
}

bool Redacted::replaced(std::string_view key, const forebay_value& value, forebay_value& by) {
  const std::string* const text = key.empty() ? nullptr : rules_.instead_of(key);
  if (text != nullptr) {
    by = model::text_cell(*text);
    return true;
  }
  if (value.type != FOREBAY_ANYVALUE) return false;
  auto rewritten = std::make_unique<std::string>();
  if (!redact_any_value({value.as.data, value.size}, rules_, *rewritten)) return false;
  by = model::text_cell(*rewritten);
  by.type = FOREBAY_ANYVALUE;
  nested_.push_back(std::move(rewritten));
  return true;
}

void Redacted::redact_values(const model::Site& site, const forebay_value* values, uint32_t count) {
  const uint32_t body = site.body_in_values ? 1 : 0;
  const bool is_watched = site.is_watched.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < count; ++i) {
    const bool has_key = is_watched && i >= body && i - body < site.keys.size();
    forebay_value by{};
    if (!replaced(has_key ? std::string_view(site.keys[i - body]) : "", values[i], by)) continue;
    if (own_values_.empty()) own_values_.assign(values, values + count);
    own_values_[i] = by;
  }
  if (!own_values_.empty()) values_ = own_values_.data();
}

void Redacted::redact_attributes(const forebay_extra& extra) {
  forebay_value by{};
  const bool has_body = replaced("", extra.body, by);
  const forebay_value body = has_body ? by : extra.body;
  for (uint32_t i = 0; i < extra.attribute_count; ++i) {
    const forebay_attribute& attribute = extra.attributes[i];
    if (!replaced({attribute.key, attribute.key_size}, attribute.value, by)) continue;
    if (own_attributes_.empty()) {
      own_attributes_.assign(extra.attributes, extra.attributes + extra.attribute_count);
    }
    own_attributes_[i].value = by;
  }
  if (!has_body && own_attributes_.empty()) return;
  own_extra_ = extra;
  own_extra_.body = body;
  if (!own_attributes_.empty()) own_extra_.attributes = own_attributes_.data();
  extra_ = &own_extra_;
}

}  // namespace forebay::engine
