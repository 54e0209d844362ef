// Which loggers a rule is about: by name, or by the beginning of it.
#pragma once
#include <string>
#include <string_view>

#include "base/status.h"

namespace forebay::admit {

// A logger's name: exact, or with one `*` at the end for everything below ("audit.*" is "audit" and
// all that begins with "audit."). Empty: any.
class LoggerPattern {
 public:
  LoggerPattern() = default;
  LoggerPattern(std::string text) : text_(std::move(text)) {}  // NOLINT(google-explicit-*)
  LoggerPattern(const char* text) : text_(text) {}             // NOLINT(google-explicit-*)

  [[nodiscard]] Status validate() const;  // names the field, its value and the range
  [[nodiscard]] bool takes(std::string_view name) const noexcept;
  [[nodiscard]] bool is_any() const noexcept { return text_.empty(); }

 private:
  std::string text_;
};

}  // namespace forebay::admit
