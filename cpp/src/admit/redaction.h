// Which attributes must never be written down: rules by key.
#pragma once
#include <array>
#include <cstdint>
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
  [[nodiscard]] const std::string* instead_of(std::string_view key) const noexcept;

 private:
  struct Rule {
    std::string pattern;  // lower case, with '_'
    std::string text;     // "[redacted: password]"
  };
  [[nodiscard]] const Rule* rule_for(std::string_view part) const noexcept;

  std::vector<Rule> rules_;  // those with a star first
  size_t with_star_ = 0;
  // Of the others, by the first byte: which lengths there are (63: that and above). Nearly every
  // key is told apart by it.
  std::array<uint64_t, 256> lengths_{};
  std::vector<std::string> exceptions_;
};

}  // namespace forebay::admit
