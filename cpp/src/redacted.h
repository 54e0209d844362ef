// A record as it may be written down: its values with those replaced that a rule hits.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admit/redaction.h"
#include "emit_steps.h"
#include "forebay/c_api.h"
#include "model/bound_attributes.h"
#include "model/site.h"

namespace forebay::engine {

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

// Whether the collector's rules were asked before about what the record has besides its site's, and
// none is about it.
[[gnu::always_inline]] inline bool is_cleared(const ThreadBinding& binding,
                                              const model::BoundAttributes& bound) noexcept {
  return bound.is_cleared_by(binding.incarnation->redaction);
}
[[gnu::always_inline]] inline bool is_cleared(const ThreadBinding& binding,
                                              const forebay_extra& extra) noexcept {
  const model::BoundAttributes* const bound = model::bound_in(extra);
  return bound != nullptr && extra.body.type != FOREBAY_ANYVALUE && is_cleared(binding, *bound);
}

// Whether a rule of redaction may be about the record. Of what has no attributes besides its
// site's and bound ones, and no nested values, that is known.
[[gnu::always_inline]] inline bool may_be_redacted(const ThreadBinding& binding,
                                                   const model::Site* site, Course course,
                                                   const forebay_extra* extra) noexcept {
  return (course.flags() & FOREBAY_EMIT_FLAT) == 0 || site == nullptr ||
         site->is_watched.load(std::memory_order_relaxed) ||
         (extra != nullptr && !is_cleared(binding, *extra));
}

// Whether one of the collector's rules is about the record, or may be about what is in a nested
// value of it.
[[nodiscard]] bool must_redact(const ThreadBinding& binding, const model::Site* site,
                               const forebay_value* values, Course course,
                               const forebay_extra* extra) noexcept;

// Makes `redacted` where must_redact(). False: there was no
// memory for it. Better no record then than one that must not be seen.
[[nodiscard]] bool redact(const ThreadBinding& binding, const model::Site* site,
                          const forebay_value* values, Course course, const forebay_extra* extra,
                          std::optional<Redacted>& redacted) noexcept;

}  // namespace forebay::engine
