// Which lane a record goes to: decided by severity and logger name, worked out once for a logger;
// and by attributes, where a lane asks for some.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "admit/attribute_rule.h"
#include "admit/logger_pattern.h"
#include "base/status.h"

namespace forebay::admit {

// What a lane takes. A lane without rules takes everything.
struct LaneRule {
  // Lowest severity number that the lane takes; 0: any. 0..24.
  uint32_t min_severity = 0;
  LoggerPattern logger;
  // Attributes that a record must have, all of them. Looked at for each record that no lane before
  // it takes.
  std::vector<AttributeRule> attributes{};

  [[nodiscard]] Status validate() const;  // names the field, its value and the range
  [[nodiscard]] bool takes_logger(std::string_view name) const noexcept {
    return logger.takes(name);
  }
};

// The lane of each severity number (0..24), for one logger.
using LaneTable = std::array<uint8_t, 25>;
// In such a table: the flight recorder takes it.
inline constexpr uint8_t kRecorderLane = 0xff;

// Lanes are asked in their order; the first that takes a record has it. A record that no lane takes
// goes to the last one. Rules that name a logger or an attribute come before those that do not.
// The table is for a record without attributes.
LaneTable lanes_for_logger(const std::vector<LaneRule>& rules, std::string_view logger) noexcept;

// The lanes that ask for attributes and come before the table's for records of that logger and
// severity, in the order in which they are asked.
std::vector<uint8_t> lanes_by_attribute(const std::vector<LaneRule>& rules, std::string_view logger,
                                        uint32_t severity);

}  // namespace forebay::admit
