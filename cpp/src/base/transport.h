// HTTP requests, as ship is given them: a test's transport lies, stalls and cuts.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

namespace forebay {

struct HttpRequest {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;  // values never appear in an error text
  std::shared_ptr<const ByteBuffer> body;
  Duration timeout{};  // for the whole request; zero: no limit
};

struct HttpResponse {
  // How it ended. kNoAnswer: the request may have reached the destination, nobody knows.
  enum class Outcome : uint8_t {
    kAnswered,
    kNotSent,   // refused, unresolved, TLS failed: the destination surely has nothing
    kNoAnswer,  // reset, timed out or cut after (part of) the request was written
  };
  Outcome outcome = Outcome::kNotSent;
  int status = 0;           // where kAnswered
  std::string retry_after;  // the header, as it came; empty: none
  std::string content_type;
  std::string body;  // at most 4 MiB, longer ones are cut and `body_truncated` set
  bool body_truncated = false;
  std::string error;  // where not answered: for people
  // How often the transport itself sent the request again, on a kept connection that broke before a
  // byte of an answer: each time the sending before it may have arrived.
  uint32_t resends = 0;
};

// Runs requests side by side on the thread that polls. Not thread-safe, but for wake().
class Transport {
 public:
  using RequestId = uint64_t;
  struct Completion {
    RequestId id = 0;
    HttpResponse response;
  };
  virtual ~Transport() = default;
  // Starts a request; never blocks.
  virtual RequestId start(HttpRequest request) = 0;
  // Forgets a request: its completion never comes. False where the destination surely has nothing
  // of it, true where it may.
  virtual bool cancel(RequestId id) = 0;
  // Does what there is to do, waits at most `wait` for more, and returns what is complete.
  virtual std::vector<Completion> poll(Duration wait) = 0;
  // Ends a poll that waits. From any thread.
  virtual void wake() noexcept = 0;
  // What poll() waits for. Transports that say the same are waited for together: a poll of one also
  // ends where a request of another ended.
  [[nodiscard]] virtual const void* waits_on() const noexcept { return this; }
};

}  // namespace forebay
