// The eight classes by which the ledger tells losses apart.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace forebay {

enum class SeverityClass : uint8_t {
  kTrace,        // severity numbers 1-4
  kDebug,        // 5-8
  kInfo,         // 9-12
  kWarn,         // 13-16
  kError,        // 17-20
  kFatal,        // 21-24
  kUnspecified,  // 0 and what no table knows
  kUnattributed  // a partial success does not say which records it refused
};
inline constexpr size_t kSeverityClasses = 8;

inline constexpr std::array<std::string_view, kSeverityClasses> kSeverityClassNames = {
    "trace", "debug", "info", "warn", "error", "fatal", "unspecified", "unattributed"};

// The class of an OpenTelemetry severity number.
constexpr SeverityClass severity_class(uint32_t severity_number) noexcept {
  return severity_number >= 1 && severity_number <= 24
             ? static_cast<SeverityClass>((severity_number - 1) / 4)
             : SeverityClass::kUnspecified;
}

// How many records of each class: what a batch carries instead of its records.
struct SeverityCounts {
  std::array<uint64_t, kSeverityClasses> by_class{};

  uint64_t& operator[](SeverityClass c) noexcept { return by_class[static_cast<size_t>(c)]; }
  uint64_t operator[](SeverityClass c) const noexcept { return by_class[static_cast<size_t>(c)]; }
  SeverityCounts& operator+=(const SeverityCounts& other) noexcept {
    for (size_t i = 0; i < kSeverityClasses; ++i) by_class[i] += other.by_class[i];
    return *this;
  }
  [[nodiscard]] uint64_t total() const noexcept {
    uint64_t sum = 0;
    for (uint64_t n : by_class) sum += n;
    return sum;
  }
  bool operator==(const SeverityCounts&) const = default;
};

}  // namespace forebay
