// Rules about an attribute of a record: looked at where it lies, before anything is copied.
#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/record.h"

namespace forebay::admit {

// "The attribute `key` reads `text`." A string and bytes are compared as they are; a number is
// equal where `text` writes that number, a bool where it is "true" or "false"; lists and maps never
// are.
class AttributeRule {
 public:
  AttributeRule(std::string key, std::string text);

  [[nodiscard]] const std::string& key() const noexcept { return key_; }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] Status validate() const;  // names the field
  [[nodiscard]] bool is_met_by(const forebay_value& value) const noexcept;

 private:
  std::string key_;
  std::string text_;
  // What `text` is as a number or a bool: none, where it is no such thing.
  std::optional<int64_t> whole_;
  std::optional<double> real_;
  std::optional<bool> flag_;
};

// Where a site's record has the value of a key: an index into its values, or none.
inline constexpr uint32_t kNoValue = UINT32_MAX;
[[nodiscard]] uint32_t value_index(const model::Site* site, std::string_view key) noexcept;

// The value among those that only this record has; null: there is none.
[[nodiscard]] const forebay_value* find_own_value(const forebay_extra& extra,
                                                  std::string_view key) noexcept;

// The value of an attribute, `index` being value_index() of its site; null: the record does not
// have it. Of several with that key the last one counts, as on the wire.
[[nodiscard]] inline const forebay_value* find_value(const model::RecordInput& record,
                                                     std::string_view key,
                                                     uint32_t index) noexcept {
  if (record.extra != nullptr && record.extra->attribute_count != 0) [[unlikely]] {
    if (const forebay_value* own = find_own_value(*record.extra, key); own != nullptr) return own;
  }
  return index < record.value_count ? &record.values[index] : nullptr;
}

// Rules with the places of their values in the records of one site.
class SiteConditions {
 public:
  SiteConditions() = default;
  SiteConditions(const std::vector<AttributeRule>& rules, const model::Site* site);

  [[nodiscard]] bool empty() const noexcept { return conditions_.empty(); }
  // Whether one of them asks for a key that the site has not: only a record's own attributes could
  // meet it.
  [[nodiscard]] bool ask_only_for_own_values() const noexcept {
    return std::any_of(conditions_.begin(), conditions_.end(), [](const Condition& condition) {
      return condition.value_index == kNoValue;
    });
  }
  // Where there is only one, about a value of the site: which value (its index), and of what size a
  // string must be to meet it.
  struct Single {
    uint32_t value_index = 0;
    uint32_t size = 0;
  };
  [[nodiscard]] std::optional<Single> single() const noexcept {
    if (conditions_.size() != 1 || conditions_[0].value_index == kNoValue) return std::nullopt;
    return Single{conditions_[0].value_index,
                  static_cast<uint32_t>(conditions_[0].rule->text().size())};
  }
  // Whether all of them are met.
  [[nodiscard]] bool are_met_by(const model::RecordInput& record) const noexcept {
    for (const Condition& condition : conditions_) {
      const forebay_value* value = find_value(record, condition.rule->key(), condition.value_index);
      if (value == nullptr || !condition.rule->is_met_by(*value)) return false;
    }
    return true;
  }

 private:
  struct Condition {
    const AttributeRule* rule;
    uint32_t value_index;
  };
  std::vector<Condition> conditions_;
};

}  // namespace forebay::admit
