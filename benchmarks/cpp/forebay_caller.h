// The calling side of an emit, as a user's own code has it: a translation unit that sees the public
// C header and nothing else of Forebay, and may be built by another compiler than the library.
#pragma once
#include <forebay/c_api.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace forebay::bench {

struct Caller {
  const forebay_api* api = nullptr;
  forebay_logger* logger = nullptr;
  const forebay_site* site = nullptr;

  // Interns the site "request finished" {route, status, elapsed_ms}; severity INFO (9). The logger
  // takes records from `min_severity` on.
  static Caller create(forebay_collector* collector, uint32_t min_severity = 9);
  // Both check the level first, as the FOREBAY_INFO macro does. Returns how many were accepted.
  [[nodiscard]] size_t emit(size_t count) const;
  void emit_timed(std::span<uint64_t> ticks_taken) const;
};

// "clang 14.0.6", or "gcc 12.2.0".
const char* caller_compiler();

}  // namespace forebay::bench
