// A record as it may be written down: its values with those replaced that a rule hits.
#pragma once
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "admit/redaction.h"
#include "forebay/c_api.h"
#include "model/site.h"

namespace forebay::engine {

// Whether a rule is about a record's own attributes, or may be about what is inside a nested value.
[[nodiscard]] bool is_hit(const admit::Redaction& rules, const forebay_value* values,
                          uint32_t value_count, const forebay_extra* extra) noexcept;

// Borrows what it leaves as it was. Lives as long as the emit; in the emitting thread alone.
class Redacted {
 public:
  // May throw std::bad_alloc.
  Redacted(const admit::Redaction& rules, const model::Site* site, const forebay_value* values,
           uint32_t value_count, const forebay_extra* extra);
  Redacted(const Redacted&) = delete;
  Redacted& operator=(const Redacted&) = delete;

  [[nodiscard]] const forebay_value* values() const noexcept { return values_; }
  [[nodiscard]] const forebay_extra* extra() const noexcept { return extra_; }

 private:
  void redact_values(const model::Site& site, const forebay_value* values, uint32_t count);
  void redact_attributes(const forebay_extra& extra);
  // What is to be written for the value of that key (empty: it has none); false: the value itself.
  bool replaced(std::string_view key, const forebay_value& value, forebay_value& by);

  const admit::Redaction& rules_;
  const forebay_value* values_;
  const forebay_extra* extra_;
  std::vector<forebay_value> own_values_;
  std::vector<forebay_attribute> own_attributes_;
  std::vector<std::unique_ptr<std::string>> nested_;
  forebay_extra own_extra_{};
};

}  // namespace forebay::engine
