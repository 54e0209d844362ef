// OpenTelemetry's severity numbers and their standard names.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace forebay::model {

enum Severity : uint8_t {
  kUnspecified = 0,
  kTrace = 1,
  kDebug = 5,
  kInfo = 9,
  kWarn = 13,
  kError = 17,
  kFatal = 21,
};
inline constexpr uint32_t kSeverityOff = 25;  // a threshold that nothing passes

// "INFO", "INFO2" … as the data model names them; "" for 0 and numbers over 24.
std::string_view severity_name(uint32_t number) noexcept;

// From a name, as people write it: OpenTelemetry's and Python's, in any case ("WARNING" is WARN,
// "CRITICAL" is FATAL). Nothing where the name is unknown.
std::optional<uint32_t> severity_from_name(std::string_view name) noexcept;

}  // namespace forebay::model
