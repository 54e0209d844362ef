// How long a destination that failed is left alone, and when a batch is given up.
#pragma once
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/status.h"

namespace forebay::ship {

struct RetryOptions {
  // The wait after the n-th failure in a row is uniform in [0, min(max, initial * 2^(n-1))] ("full
  // jitter"), but at least 1/8 of that upper end, so that no retry comes at once. Units: ns.
  Duration initial = std::chrono::seconds{1};  // 1 ms..1 h
  Duration max = std::chrono::seconds{30};     // initial..24 h
  // A batch is given up (retry_exhausted, or unknown where an attempt had no answer) this long
  // after its first attempt. None: never, room and max_age decide.
  std::optional<Duration> max_elapsed;
  [[nodiscard]] Status validate() const;  // names the field, its value and the range
};

struct BreakerOptions {
  // Failed attempts in a row that open the breaker. 1..1000.
  uint32_t failures = 5;
  // The n-th pause in a row is uniform in the upper half of min(open_max, open_initial * 2^(n-1)),
  // or of what the retry options say where that is longer. Units: ns.
  Duration open_initial = std::chrono::seconds{1};  // 1 ms..1 h
  Duration open_max = std::chrono::seconds{60};     // open_initial..24 h
  [[nodiscard]] Status validate() const;            // names the field, its value and the range
};

}  // namespace forebay::ship
