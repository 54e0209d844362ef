// How an OTLP/HTTP destination is reached.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/encoded_batch.h"
#include "base/status.h"

namespace forebay::ship {

struct OtlpHttpOptions {
  // Base URL, http or https; `v1/logs` and `v1/metrics` are appended after one slash.
  std::string endpoint = "http://localhost:4318";
  // Used exactly as they are where not empty, instead of `endpoint`.
  std::string logs_endpoint;
  std::string metrics_endpoint;
  // Sent with every request. Values never appear in a message. A `User-Agent` here replaces ours;
  // the headers that describe the body are not for the user to set.
  std::vector<std::pair<std::string, std::string>> headers;
  // For one attempt, connecting included. Unit: ns, 0..1 h. Zero: no limit; then a destination that
  // never answers holds a batch for ever.
  Duration timeout = std::chrono::seconds{10};
  // What batches are compressed with. Where zstd is refused, gzip takes its place, once and loudly.
  Codec codec = Codec::kZstd;
  // Most requests at once, 1..64. More than one makes order at the destination a matter of luck.
  uint32_t max_in_flight = 2;
  // Most bytes of a request before compression (the specification's limit); a larger batch is
  // split. Unit: bytes, 64 KiB..64 MiB.
  uint64_t max_request_bytes = 64u << 20;

  [[nodiscard]] Status validate() const;  // names the field, its value and the range
  [[nodiscard]] std::string url(Signal signal) const;
};

// The URL without what may be secret: user, password, query and fragment.
std::string without_secrets(const std::string& url);

}  // namespace forebay::ship
