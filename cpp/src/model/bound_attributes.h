// Attributes that many records have, in the form that records have them in (record.h): made once,
// and then copied into each as they are.
#pragma once
#include <atomic>
#include <cstddef>
#include <vector>

#include "base/bytes.h"
#include "forebay/c_api.h"

namespace forebay::model {

// Immutable but for what redaction remembers; for any thread.
class BoundAttributes final : public forebay_bound {
 public:
  // Copies them. Throws only std::bad_alloc.
  BoundAttributes(const forebay_attribute* from, uint32_t count);
  BoundAttributes(const BoundAttributes&) = delete;
  BoundAttributes& operator=(const BoundAttributes&) = delete;

  [[nodiscard]] ByteView encoded() const noexcept { return {encoded_.data(), encoded_.size()}; }

  // Whether those rules were the last that were asked about all of them, and none is about any.
  // `rules` live as long as the process.
  [[nodiscard]] bool is_cleared_by(const void* rules) const noexcept {
    return cleared_by_.load(std::memory_order_relaxed) == rules;
  }
  void set_cleared_by(const void* rules) const noexcept {
    cleared_by_.store(rules, std::memory_order_relaxed);
  }

 private:
  std::vector<uint8_t> encoded_;
  std::vector<forebay_attribute> cells_;  // they point into encoded_
  forebay_extra just_these_{};            // extra
  mutable std::atomic<const void*> cleared_by_{nullptr};
};

[[nodiscard]] inline bool may_have_bound(const forebay_extra& extra) noexcept {
  constexpr size_t kNeeds = offsetof(forebay_extra, bound) + sizeof(void*);
  return extra.struct_size >= kNeeds && extra.bound != nullptr;
}

// What the attributes of `extra` are, if they are all of a bound set, and nothing else. Whoever
// changes them hands over others.
[[nodiscard]] inline const BoundAttributes* bound_in(const forebay_extra& extra) noexcept {
  if (!may_have_bound(extra)) return nullptr;
  if (extra.attributes != extra.bound->attributes ||
      extra.attribute_count != extra.bound->attribute_count) {
    return nullptr;
  }
  return static_cast<const BoundAttributes*>(extra.bound);
}

// The bound set whose own `extra` (forebay_bound) that is: with nothing else in it.
[[nodiscard]] inline const BoundAttributes* only_bound_in(const forebay_extra& extra) noexcept {
  return may_have_bound(extra) && extra.bound->extra == &extra
             ? static_cast<const BoundAttributes*>(extra.bound)
             : nullptr;
}

}  // namespace forebay::model
