#include "model/severity.h"

#include <array>

namespace forebay::model {
namespace {

constexpr std::array<std::string_view, 25> kNames = {
    "",       "TRACE",  "TRACE2", "TRACE3", "TRACE4", "DEBUG",  "DEBUG2", "DEBUG3", "DEBUG4",
    "INFO",   "INFO2",  "INFO3",  "INFO4",  "WARN",   "WARN2",  "WARN3",  "WARN4",  "ERROR",
    "ERROR2", "ERROR3", "ERROR4", "FATAL",  "FATAL2", "FATAL3", "FATAL4"};

bool equal_ignoring_case(std::string_view a, std::string_view upper) noexcept {
  if (a.size() != upper.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const char c = a[i] >= 'a' && a[i] <= 'z' ? static_cast<char>(a[i] - 'a' + 'A') : a[i];
    if (c != upper[i]) return false;
  }
  return true;
}

}  // namespace

std::string_view severity_name(uint32_t number) noexcept {
  return number < kNames.size() ? kNames[number] : std::string_view{};
}

std::optional<uint32_t> severity_from_name(std::string_view name) noexcept {
  if (equal_ignoring_case(name, "WARNING")) return kWarn;
  if (equal_ignoring_case(name, "CRITICAL")) return kFatal;
  if (equal_ignoring_case(name, "NOTSET")) return kUnspecified;
  for (uint32_t number = 1; number < kNames.size(); ++number) {
    if (equal_ignoring_case(name, kNames[number])) return number;
  }
  return std::nullopt;
}

}  // namespace forebay::model
