// Rules that keep a part of the records, and let the kept ones stand for the rest.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "admit/attribute_rule.h"
#include "admit/logger_pattern.h"
#include "base/clock.h"
#include "base/status.h"

namespace forebay::admit {

// Rules are asked in their order; the first that matches a record decides. A record that no rule
// matches is kept.
struct SamplingRule {
  enum class Kind : uint8_t {
    // Keeps `ratio` of the records by counting: of 0.1 the first, then every tenth, for each
    // logger,
    // severity and thread. Exact in the long run.
    kRatio,
    // Keeps 2^-k of the traces, `ratio` rounded down to that, by the random part of the trace id
    // (https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/): all
    // records
    // of a trace live or die together, in every process that does the same. A kept record stands
    // for
    // 2^k, which is exact in expectation. A record without a trace id passes on to the next rule.
    kTraceRatio,
    // Keeps the first records of each call site in each interval, then every `then_every`-th; each
    // thread counts for itself.
    kBurst,
  };
  Kind kind = Kind::kRatio;
  // Of kRatio and kTraceRatio. 0..1; of kTraceRatio 0, or 2^-40..1. Zero keeps nothing.
  double ratio = 1.0;
  // Of kBurst. 0..2^31; 0: none.
  uint64_t first = 100;
  // Of kBurst. 0..2^31; 0: nothing after the first.
  uint64_t then_every = 100;
  // Of kBurst. Unit: ns, 1 ms..1 day.
  Duration interval = std::chrono::seconds{1};

  // Which records it matches. Severity numbers, both ends included; a record of unspecified
  // severity is matched only where neither end is given.
  uint32_t min_severity = 0;   // 0..24; 0: any
  uint32_t max_severity = 24;  // 1..24
  LoggerPattern logger;
  std::vector<AttributeRule> attributes{};  // all of them must be met

  [[nodiscard]] Status validate() const;  // names the field, its value and the range
  // Whether it may match records of that logger and severity: its attributes are not looked at.
  [[nodiscard]] bool may_match(std::string_view logger_name, uint32_t severity) const noexcept;
  // Whether every record that it matches is kept and stands for itself alone.
  [[nodiscard]] bool keeps_everything() const noexcept {
    return kind == Kind::kRatio && ratio >= 1.0;
  }
  // Of kTraceRatio: the k of 2^-k; kNoTrace where nothing is kept.
  [[nodiscard]] uint32_t halvings() const noexcept;
};

inline constexpr uint32_t kNoTrace = 64;

// Of trace ids whose last 56 bits are random, those that belong to the 2^-k that are kept. Source:
// the specification named above: the threshold is (1 - 2^-k) * 2^56, and a trace is kept where its
// random value is not below.
[[nodiscard]] bool keeps_trace(const uint8_t (&trace_id)[16], uint32_t halvings) noexcept;

}  // namespace forebay::admit
