#include "admit/lane_rules.h"

namespace forebay::admit {
namespace {

// The first lane in the order of precedence whose rule `takes`; the last lane where there is none.
template <typename Takes>
size_t first_lane(const std::vector<LaneRule>& rules, const Takes& takes) noexcept {
  for (const bool named : {true, false}) {
    for (size_t i = 0; i < rules.size(); ++i) {
      const bool is_named = !rules[i].logger.is_any() || !rules[i].attributes.empty();
      if (is_named == named && takes(rules[i])) return i;
    }
  }
  return rules.size() - 1;
}

// Severity 0 is unspecified: it passes any minimum of the model, but no lane asks for it.
bool takes(const LaneRule& rule, std::string_view logger, uint32_t severity) noexcept {
  return severity >= rule.min_severity && rule.takes_logger(logger);
}

}  // namespace

Status LaneRule::validate() const {
  if (min_severity > 24) {
    return Status::invalid("min_level: " + std::to_string(min_severity) + " is not in 0..24");
  }
  for (const AttributeRule& attribute : attributes) {
    if (Status status = attribute.validate(); !status.is_ok()) return status;
  }
  return logger.validate();
}

LaneTable lanes_for_logger(const std::vector<LaneRule>& rules, std::string_view logger) noexcept {
  LaneTable table{};
  for (uint32_t severity = 0; severity < table.size(); ++severity) {
    table[severity] = static_cast<uint8_t>(first_lane(rules, [&](const LaneRule& rule) {
      return rule.attributes.empty() && takes(rule, logger, severity);
    }));
  }
  return table;
}

std::vector<uint8_t> lanes_by_attribute(const std::vector<LaneRule>& rules, std::string_view logger,
                                        uint32_t severity) {
  std::vector<uint8_t> lanes;
  (void)first_lane(rules, [&](const LaneRule& rule) {
    if (!takes(rule, logger, severity)) return false;
    if (rule.attributes.empty()) return true;
    lanes.push_back(static_cast<uint8_t>(&rule - rules.data()));
    return false;
  });
  return lanes;
}

}  // namespace forebay::admit
