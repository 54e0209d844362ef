#include "pipeline/recorded_lanes.h"

#include <algorithm>
#include <string_view>

#include "admit/attribute_rule.h"

namespace forebay::pipeline {
namespace {

forebay_value cell_of(const model::ValueView& view) noexcept {
  forebay_value value{};
  value.type = view.type;
  value.size = static_cast<uint32_t>(view.bytes.size());
  if (view.type == FOREBAY_DOUBLE) {
    value.as.f64 = view.f64;
  } else if (view.bytes.data() != nullptr) {
    value.as.data = view.bytes.data();
  } else {
    value.as.i64 = view.i64;
  }
  return value;
}

// Of several attributes with the key the last one counts, and a record's own come last.
bool meets(const uint8_t* record, const admit::AttributeRule& rule) noexcept {
  model::RecordReader reader(record);
  const model::RecordHeader& header = reader.header();
  const uint32_t index = admit::value_index(header.site, rule.key());
  bool is_met = false;
  for (uint32_t i = 0; i < header.value_count; ++i) {
    const model::ValueView value = reader.next_value();
    if (i == index) is_met = rule.is_met_by(cell_of(value));
  }
  for (uint32_t i = 0; i < header.attribute_count; ++i) {
    std::string_view key;
    const model::ValueView value = reader.next_attribute(key);
    if (key == rule.key()) is_met = rule.is_met_by(cell_of(value));
  }
  return is_met;
}

}  // namespace

size_t RecordedLanes::lane_of(const model::RecordHeader& header, const uint8_t* record) {
  if (header.scope >= scopes_.size()) scopes_.resize(header.scope + 1);
  OfScope& of_scope = scopes_[header.scope];
  if (!of_scope.is_known) {
    const model::Scope* scope = model::SiteRegistry::process().scope(header.scope);
    const std::string_view logger = scope != nullptr ? std::string_view(scope->name) : "";
    of_scope.table = admit::lanes_for_logger(rules_, logger);
    std::vector<std::vector<uint8_t>> by_attribute(of_scope.table.size());
    bool has_some = false;
    for (uint32_t severity = 0; severity < by_attribute.size(); ++severity) {
      by_attribute[severity] = admit::lanes_by_attribute(rules_, logger, severity);
      has_some |= !by_attribute[severity].empty();
    }
    if (has_some) of_scope.by_attribute = std::move(by_attribute);
    of_scope.is_known = true;
  }
  if (!of_scope.by_attribute.empty()) {
    for (const uint8_t lane : of_scope.by_attribute[header.severity]) {
      const auto& asked = rules_[lane].attributes;
      if (std::ranges::all_of(asked, [&](const auto& rule) { return meets(record, rule); })) {
        return lane;
      }
    }
  }
  return of_scope.table[header.severity];
}

}  // namespace forebay::pipeline
