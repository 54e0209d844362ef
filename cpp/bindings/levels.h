// stdlib logging's levels and OpenTelemetry's severity numbers.
#pragma once
#include <cstdint>
#include <string_view>

namespace forebay_python {

// The severity number of a stdlib level, as OpenTelemetry for Python maps them, with 1-9 as TRACE
// 1-4; 0 and below: 0 (unspecified).
constexpr uint32_t severity_of_level(long level) noexcept {
  if (level <= 0) return 0;
  if (level < 10) return level <= 4 ? static_cast<uint32_t>(level) : 4;
  if (level >= 54) return 24;
  // DEBUG 10 → 5, INFO 20 → 9, WARNING 30 → 13, ERROR 40 → 17, CRITICAL 50 → 21; in between up to 3
  // above.
  const long base = level / 10;
  const long above = level % 10 < 3 ? level % 10 : 3;
  return static_cast<uint32_t>(1 + 4 * base + above);
}

// The lowest stdlib level that a severity stands for.
constexpr long level_of_severity(uint32_t severity) noexcept {
  if (severity == 0) return 0;
  if (severity <= 4) return severity;
  if (severity > 24) return 1000;
  return static_cast<long>((severity - 1) / 4) * 10 + (severity - 1) % 4;
}

// The name that stdlib gives a level; empty where it has none.
constexpr std::string_view name_of_level(long level) noexcept {
  switch (level) {
    case 10:
      return "DEBUG";
    case 20:
      return "INFO";
    case 30:
      return "WARNING";
    case 40:
      return "ERROR";
    case 50:
      return "CRITICAL";
    default:
      return {};
  }
}

}  // namespace forebay_python
