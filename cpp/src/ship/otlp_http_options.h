// How an OTLP/HTTP destination is reached.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/encoded_batch.h"
#include "base/status.h"
#include "ship/exporter.h"

namespace forebay::ship {

struct OtlpHttpOptions {
  // Where the signals go, http or https. Each goes to the first of these that is there:
  //   1. its own endpoint, exactly as it is;
  //   2. `endpoint`, the base URL, with `v1/logs` or `v1/metrics` appended after one slash;
  //   3. the other signal's own endpoint, where that ends with that signal's path: the path is
  //      exchanged (`http://h/otlp/v1/logs` also means `http://h/otlp/v1/metrics`);
  //   4. nowhere, where the other signal's own endpoint is all that was given: metrics that went to
  //      a localhost which nobody named would be lost there, and hold up the logs;
  //   5. http://localhost:4318, the specification's base URL.
  std::string endpoint;
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
  // Whether the signal goes anywhere. To be asked for each signal that will be sent.
  [[nodiscard]] Status validate_for(Signal signal) const;
  [[nodiscard]] std::string url(Signal signal) const;  // empty: nowhere
};

// The URL without what may be secret: user, password, query and fragment.
std::string without_secrets(const std::string& url);
// Whom an URL that validate() takes names; without a port in it, that of its scheme.
Server server_of(const std::string& url);

}  // namespace forebay::ship
