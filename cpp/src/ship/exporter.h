// A destination. Takes batches, answers with what became of each attempt.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/encoded_batch.h"

namespace forebay::ship {

// Who asks for more gets this.
inline constexpr std::chrono::seconds kLongestRetryAfter{300};

// Why a destination said no for good.
enum class Rejection : uint8_t { kBadRequest, kTooLarge, kUnauthorized, kPartialSuccess, kOther };

// What one attempt came to.
struct Attempt {
  enum class Kind : uint8_t {
    kDelivered,   // all but `rejected` records
    kRejected,    // for good: the whole batch, `rejection` says why
    kRetry,       // surely not taken (503, connection refused, disk full): send it again
    kAmbiguous,   // no answer: it may have been taken; send it again
    kTooLarge,    // 413: split it and send the halves; one record alone is dropped{too_large}
    kOtherCodec,  // the destination does not take this codec: send it again in codec()
    kFailed,      // the exporter itself could not do it for this batch (encode error): drop it
  };
  EncodedBatch batch;
  Kind kind = Kind::kRetry;
  uint64_t rejected = 0;  // of a partial success; at most batch.records()
  Rejection rejection = Rejection::kOther;
  std::optional<Duration>
      retry_after;        // what the destination asked for, at most kLongestRetryAfter
  std::string message;    // for people: status, error text; no secrets
  bool answered = false;  // the destination itself said so, whatever it said
  bool busy = false;      // 429 or 503: it has too much to do
  // What else happened meanwhile, for the ledger's notes.
  uint32_t resends = 0;        // sendings before the last one, each without an answer
  bool is_malformed = false;   // the answer made no sense, and was clamped
  bool codec_changed = false;  // with this attempt the exporter fell back to another codec
};

// Who is on the other end of the network.
struct Server {
  std::string address;  // a name or an IP address, without brackets; empty: nobody
  uint16_t port = 0;
};

class Exporter {
 public:
  virtual ~Exporter() = default;
  // Begins to send. Its Attempt comes out of poll(). Never blocks for the network.
  virtual void send(EncodedBatch batch, MonotonicTime now) = 0;
  // Does what there is to do, waits at most `wait`, returns the attempts that ended.
  virtual std::vector<Attempt> poll(Duration wait) = 0;
  // Gives up on everything under way, at shutdown: each comes back as kAmbiguous (or kRetry where
  // it was surely not sent).
  virtual std::vector<Attempt> cancel_all() = 0;
  // The same without a word: nothing that was under way ever comes out of poll(). Needs no memory.
  virtual void forget_all() noexcept = 0;
  // Ends a poll that waits. From any thread.
  virtual void wake() noexcept = 0;
  // The codec in which it wants batches now. A batch in another one is transcoded by the exporter.
  [[nodiscard]] virtual Codec codec() const noexcept = 0;
  // How many attempts it likes to have under way at once, at most. At least 1.
  [[nodiscard]] virtual uint32_t max_in_flight() const noexcept = 0;
  // What a poll() that waits waits for. Exporters that say the same are waited for together: a poll
  // of one also ends where another one has something.
  [[nodiscard]] virtual const void* waits_on() const noexcept { return this; }
  // "otlp http://127.0.0.1:4318/v1/logs", for messages; no secrets.
  [[nodiscard]] virtual const std::string& description() const noexcept = 0;
  // Its kind, in lower case: "otlp_http".
  [[nodiscard]] virtual std::string_view type() const noexcept = 0;
  // Where a signal goes. From any thread; the same as long as the exporter lives.
  [[nodiscard]] virtual const Server& server(Signal /*signal*/) const noexcept {
    static const Server nobody;
    return nobody;
  }
};

}  // namespace forebay::ship
