#include "admit/lane_rules.h"

namespace forebay::admit {

Status LaneRule::validate() const {
  if (min_severity > 24) {
    return Status::invalid("min_level: " + std::to_string(min_severity) + " is not in 0..24");
  }
  const size_t star = logger.find('*');
  if (star != std::string::npos && star + 1 != logger.size()) {
    return Status::invalid("logger: '" + logger + "' may have one * and only at its end");
  }
  return Status::ok();
}

bool LaneRule::takes_logger(std::string_view name) const noexcept {
  if (logger.empty()) return true;
  if (logger.back() != '*') return name == logger;
  const std::string_view prefix = std::string_view(logger).substr(0, logger.size() - 1);
  if (name.starts_with(prefix)) return true;
  // "audit.*" takes "audit" too, as Python's loggers inherit.
  return prefix.ends_with('.') && name == prefix.substr(0, prefix.size() - 1);
}

LaneTable lanes_for_logger(const std::vector<LaneRule>& rules, std::string_view logger) noexcept {
  LaneTable table{};
  for (uint32_t severity = 0; severity < table.size(); ++severity) {
    size_t lane = rules.size() - 1;
    bool by_name = false;
    bool found = false;
    for (size_t i = 0; i < rules.size(); ++i) {
      const LaneRule& rule = rules[i];
      // Severity 0 is unspecified: it passes any minimum of the model, but no lane asks for it.
      if (severity < rule.min_severity || !rule.takes_logger(logger)) continue;
      const bool named = !rule.logger.empty();
      if (!found || (named && !by_name)) {
        lane = i;
        by_name = named;
        found = true;
      }
    }
    table[severity] = static_cast<uint8_t>(lane);
  }
  return table;
}

}  // namespace forebay::admit
