#include "encode/prometheus_labels.h"

#include <algorithm>

#include "encode/attribute_text.h"
#include "encode/prometheus_names.h"
#include "encode/utf8.h"
#include "model/attribute_set.h"

namespace forebay::encode {
namespace {

constexpr std::string_view kScopePrefix = "otel_scope_";
constexpr std::string_view kBound = "le";
constexpr std::string_view kExportedBound = "exported_le";

bool needs_escape(char c, bool escapes_quotes) noexcept {
  return c == '\\' || c == '\n' || (escapes_quotes && c == '"');
}

// One reserve() for all that comes around a text.
bool append_label(std::string_view label, std::string_view value, ByteBuffer& to) {
  uint8_t* const begin = to.reserve(label.size() + value.size() + 4);
  uint8_t* p = begin;
  if (!to.empty()) *p++ = ',';
  std::memcpy(p, label.data(), label.size());
  p += label.size();
  *p++ = '=';
  *p++ = '"';
  to.advance(static_cast<size_t>(p - begin));
  const bool is_kept = append_escaped(value, true, to);
  to.push_back('"');
  return is_kept;
}

}  // namespace

bool append_escaped(std::string_view text, bool escapes_quotes, ByteBuffer& to) {
  bool is_kept = true;
  ByteBuffer repaired;
  if (!is_valid_utf8(text)) [[unlikely]] {
    is_kept = false;
    append_valid_utf8(text, repaired);
    text = as_text(repaired.view());
  }
  size_t done = 0;
  for (size_t i = 0; i != text.size(); ++i) {
    if (!needs_escape(text[i], escapes_quotes)) [[likely]]
      continue;
    to.append(text.substr(done, i - done));
    done = i + 1;
    to.push_back('\\');
    to.push_back(static_cast<uint8_t>(text[i] == '\n' ? 'n' : text[i]));
  }
  to.append(text.substr(done));
  return is_kept;
}

PrometheusLabels::Name& PrometheusLabels::name_of(std::string_view key) {
  const auto known = names_.find(key);
  if (known != names_.end()) [[likely]]
    return known->second;
  Name& name = names_[std::string(key)];
  name.label = prometheus_label(key);
  name.is_reserved = name.label == kBound || name.label.starts_with(kScopePrefix);
  const auto [first, is_new] = by_label_.emplace(name.label, &name);
  if (!is_new) is_ambiguous_ = name.is_shared = first->second->is_shared = true;
  return name;
}

void PrometheusLabels::set_scope(const model::Scope* scope) {
  scope_sources_.clear();
  scope_keys_.clear();
  scope_labels_.clear();
  if (scope == nullptr) return;
  scope_keys_.reserve(scope->attributes.size());
  const auto add = [&](std::string_view key, const model::ValueView& value) {
    scope_sources_.push_back({key, name_of(key).label, value, nullptr});
  };
  add("otel_scope_name", model::ValueView::text(scope->name));
  add("otel_scope_version", model::ValueView::text(scope->version));
  for (const model::OwnedAttribute& attribute : scope->attributes) {
    std::string key = std::string(kScopePrefix) + attribute.key;
    const std::string& label = name_of(key).label;
    // These three are the scope's own.
    if (label == "otel_scope_name" || label == "otel_scope_version" ||
        label == "otel_scope_schema_url") {
      continue;
    }
    add(scope_keys_.emplace_back(std::move(key)), attribute.value.view());
  }
  sources_ = scope_sources_;
  append_joined(sources_, scope_labels_);
}

bool PrometheusLabels::append(ByteView set, bool is_histogram, ByteBuffer& to) {
  sources_.clear();
  model::visit_set(set, [&](std::string_view key, const model::ValueView& value) {
    Name& name = name_of(key);
    if (name.type != value.type) [[unlikely]] {
      if (name.type == FOREBAY_NULL) name.type = value.type;
      is_ambiguous_ |= name.type != value.type;
    }
    sources_.push_back({key, name.label, value, &name});
  });
  // Only now: a later key of the set may be what an earlier one shares its label with.
  const bool is_plain = std::ranges::none_of(sources_, [](const Source& source) {
    return source.name->is_shared || source.name->is_reserved;
  });
  if (!is_plain) [[unlikely]] {
    for (Source& source : sources_) {
      if (is_histogram && source.label == kBound) source.label = kExportedBound;
    }
    sources_.insert(sources_.end(), scope_sources_.begin(), scope_sources_.end());
    append_joined(sources_, to);
    return false;
  }
  bool is_reversible = true;
  for (const Source& source : sources_) is_reversible &= append_plain(source, to);
  if (!to.empty() && !scope_labels_.empty()) to.push_back(',');
  to.append(scope_labels_.view());
  return is_reversible;
}

bool PrometheusLabels::append_plain(const Source& source, ByteBuffer& to) {
  std::string_view text = source.value.bytes;
  if (source.value.type != FOREBAY_STRING) {
    value_.clear();
    append_attribute_text(source.value, value_);
    text = as_text(value_.view());
  }
  if (text.empty()) return false;
  const bool is_kept = append_label(source.label, text, to);
  // There are several NaNs, and JSON has no types.
  const bool has_one_text = source.value.type != FOREBAY_ANYVALUE &&
                            (source.value.type != FOREBAY_DOUBLE || text != "NaN");
  return is_kept && has_one_text;
}

void PrometheusLabels::append(std::span<const model::OwnedAttribute> attributes, ByteBuffer& to) {
  sources_.clear();
  for (const model::OwnedAttribute& attribute : attributes) {
    sources_.push_back(
        {attribute.key, name_of(attribute.key).label, attribute.value.view(), nullptr});
  }
  append_joined(sources_, to);
}

void PrometheusLabels::append_joined(std::vector<Source>& sources, ByteBuffer& to) {
  std::ranges::stable_sort(sources, {}, &Source::key);
  std::ranges::stable_sort(sources, {}, &Source::label);
  for (size_t i = 0; i != sources.size();) {
    const std::string_view label = sources[i].label;
    value_.clear();
    for (bool is_first = true; i != sources.size() && sources[i].label == label; ++i) {
      if (!is_first) value_.push_back(';');
      append_attribute_text(sources[i].value, value_);
      is_first = false;
    }
    if (!value_.empty()) append_label(label, as_text(value_.view()), to);
  }
}

}  // namespace forebay::encode
