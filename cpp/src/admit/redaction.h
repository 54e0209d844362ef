// Which attributes must never be written down: rules by key.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace forebay::admit {

// A rule is a key, in any case and with `-` for `_` as one likes; `*` stands for any characters. It
// hits the key itself, and a dotted one that ends in it: "authorization" is also
// "http.request.header.authorization". "!cookie" takes back what another rule says of "cookie".
class Redaction {
 public:
  // What nobody wants in a log, with or without asking.
  static const std::vector<std::string>& default_rules();
  // Names the rule that is none.
  static Status validate(const std::vector<std::string>& rules);
  // The one with these rules, for as long as the process lives; null for no rules at all. Validated
  // before. May throw std::bad_alloc.
  static const Redaction* of(const std::vector<std::string>& rules);

  explicit Redaction(const std::vector<std::string>& rules);

  // What stands in the place of that key's value, and says which rule hit it; null: none does. The
  // text lives as long as this.
  [[nodiscard]] const std::string* instead_of(std::string_view key) const noexcept {
    if (key.size() >= kEnd && !may_hit_end(key.data() + key.size() - kEnd)) [[likely]] {
      return nullptr;
    }
    return looked_up(key);
  }

 private:
  struct Rule {
    std::string pattern;  // lower case, with '_'
    std::string text;     // "[redacted: password]"
  };
  [[nodiscard]] const std::string* looked_up(std::string_view key) const noexcept;
  [[nodiscard]] const Rule* rule_for(std::string_view part) const noexcept;
  // A key that a rule hits ends as the rule does: nearly every other is told apart by its last
  // bytes, without a look at its dots.
  static constexpr size_t kEnd = 4;
  static constexpr uint32_t kEnds = 1u << 12;
  // Equal for letters of either case.
  [[nodiscard]] static uint32_t end_index(const char* end) noexcept {
    uint32_t bytes = 0;
    std::memcpy(&bytes, end, kEnd);
    return ((bytes | 0x20202020u) * 0x9e3779b1u) >> 20;
  }
  [[nodiscard]] bool may_hit_end(const char* end) const noexcept {
    const uint32_t i = end_index(end);
    return (ends_[i / 64] >> (i % 64) & 1) != 0;
  }
  void add_end(std::string_view pattern);

  std::vector<Rule> rules_;  // those with a star first
  size_t with_star_ = 0;
  // Of the others, by the first byte: which lengths there are (63: that and above). Nearly every
  // key is told apart by it.
  std::array<uint64_t, 256> lengths_{};
  std::array<uint64_t, kEnds / 64> ends_{};  // by end_index()
  std::vector<std::string> exceptions_;
};

}  // namespace forebay::admit
