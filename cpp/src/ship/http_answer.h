// What a destination's HTTP answer says, read without trusting it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/transport.h"
#include "ship/exporter.h"

namespace forebay::ship {

// Retry-After: seconds, or an HTTP-date (RFC 9110 10.2.3), clamped to 300 s. Nothing where it is
// garbage, negative or past: then the sender's own backoff holds.
std::optional<Duration> parse_retry_after(std::string_view value, WallTime now);

// The partial_success of an Export{Logs,Metrics}ServiceResponse.
struct PartialSuccess {
  int64_t rejected = 0;
  std::string message;
};
// Nothing where the bytes are no such message; an empty body is one that has nothing to say.
std::optional<PartialSuccess> parse_partial_success(std::string_view body);

// "503 Service Unavailable: text", with the google.rpc.Status or the text of the body, cut to a
// line that a terminal can show.
std::string describe_answer(const HttpResponse& response);

// What the status means by OTLP/HTTP, zstd's fallback left aside. Of `attempt`: kind, rejection,
// rejected, retry_after, busy, message, answered. `malformed` is set where a 2xx has a body that is
// not the response it should be.
void classify_answer(const HttpResponse& response, uint64_t records, WallTime now, Attempt& attempt,
                     bool& malformed);

}  // namespace forebay::ship
