#include "admit/logger_pattern.h"

namespace forebay::admit {

Status LoggerPattern::validate() const {
  const size_t star = text_.find('*');
  if (star != std::string::npos && star + 1 != text_.size()) {
    return Status::invalid("logger: '" + text_ + "' may have one * and only at its end");
  }
  return Status::ok();
}

bool LoggerPattern::takes(std::string_view name) const noexcept {
  if (text_.empty()) return true;
  if (text_.back() != '*') return name == text_;
  const std::string_view prefix = std::string_view(text_).substr(0, text_.size() - 1);
  if (name.starts_with(prefix)) return true;
  // "audit.*" takes "audit" too, as Python's loggers inherit.
  return prefix.ends_with('.') && name == prefix.substr(0, prefix.size() - 1);
}

}  // namespace forebay::admit
