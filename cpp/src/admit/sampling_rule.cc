#include "admit/sampling_rule.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

namespace forebay::admit {
namespace {

constexpr uint64_t kMostCount = uint64_t{1} << 31;
constexpr uint32_t kMostHalvings = 40;

Status out_of_range(const char* field, double given, const char* range) {
  char text[96];
  std::snprintf(text, sizeof text, "%s: %.9g is not in %s", field, given, range);
  return Status::invalid(text);
}

}  // namespace

Status SamplingRule::validate() const {
  if (kind != Kind::kBurst && !(ratio >= 0.0 && ratio <= 1.0)) {
    return out_of_range("ratio", ratio, "0..1");
  }
  if (kind == Kind::kTraceRatio && ratio != 0.0 &&
      ratio < std::ldexp(1.0, -static_cast<int>(kMostHalvings))) {
    return out_of_range("ratio", ratio, "2^-40..1: a kept record must stand for a number of them");
  }
  if (kind == Kind::kBurst) {
    if (first > kMostCount) {
      return out_of_range("first", static_cast<double>(first), "0..2147483648");
    }
    if (then_every > kMostCount) {
      return out_of_range("then_every", static_cast<double>(then_every), "0..2147483648");
    }
    if (interval < std::chrono::milliseconds{1} || interval > std::chrono::hours{24}) {
      return out_of_range("interval", std::chrono::duration<double>(interval).count(),
                          "0.001..86400");
    }
  }
  if (min_severity > 24) return out_of_range("min_level", min_severity, "0..24");
  if (max_severity < 1 || max_severity > 24) {
    return out_of_range("max_level", max_severity, "1..24");
  }
  if (min_severity > max_severity) {
    return Status::invalid("min_level: " + std::to_string(min_severity) + " is above max_level " +
                           std::to_string(max_severity) + ": nothing would match");
  }
  for (const AttributeRule& attribute : attributes) {
    if (Status status = attribute.validate(); !status.is_ok()) return status;
  }
  return logger.validate();
}

bool SamplingRule::may_match(std::string_view logger_name, uint32_t severity) const noexcept {
  const bool any_severity = min_severity == 0 && max_severity == 24;
  if (severity == 0 ? !any_severity : severity < min_severity || severity > max_severity) {
    return false;
  }
  return logger.takes(logger_name);
}

uint32_t SamplingRule::halvings() const noexcept {
  if (ratio >= 1.0) return 0;
  if (ratio == 0.0) return kNoTrace;
  int exponent = 0;
  // ratio = f * 2^exponent with f in [0.5, 1): rounded down it is 2^(exponent - 1).
  (void)std::frexp(ratio, &exponent);
  return std::min(static_cast<uint32_t>(1 - exponent), kMostHalvings);
}

bool keeps_trace(const uint8_t (&trace_id)[16], uint32_t halvings) noexcept {
  if (halvings == kNoTrace) return false;
  uint64_t random = 0;
  for (size_t i = 9; i < 16; ++i) random = random << 8 | trace_id[i];
  constexpr uint32_t kRandomBits = 56;
  // Not below the threshold: its first k bits are ones.
  return random >> (kRandomBits - halvings) == (uint64_t{1} << halvings) - 1;
}

}  // namespace forebay::admit
