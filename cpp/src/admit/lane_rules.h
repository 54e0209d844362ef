// Which lane a record goes to: decided by severity and logger name, worked out once for a logger.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace forebay::admit {

// What a lane takes. A lane without rules takes everything.
struct LaneRule {
  // Lowest severity number that the lane takes; 0: any. 0..24.
  uint32_t min_severity = 0;
  // Logger names that it takes: exact, or with one `*` at the end for everything below
  // ("audit.*" is "audit" and all that begins with "audit."). Empty: any.
  std::string logger;

  [[nodiscard]] Status validate() const;  // names the field, its value and the range
  [[nodiscard]] bool takes_logger(std::string_view name) const noexcept;
};

// The lane of each severity number (0..24), for one logger.
using LaneTable = std::array<uint8_t, 25>;
// In such a table: the flight recorder takes it.
inline constexpr uint8_t kRecorderLane = 0xff;

// Lanes are asked in their order; the first that takes a record has it. A record that no lane takes
// goes to the last one. Rules that name a logger come before those that do not.
LaneTable lanes_for_logger(const std::vector<LaneRule>& rules, std::string_view logger) noexcept;

}  // namespace forebay::admit
