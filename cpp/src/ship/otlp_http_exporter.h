// Sends batches to an OTLP/HTTP destination.
//
// Source of the rules: opentelemetry-proto docs/specification.md, section OTLP/HTTP.
#pragma once
#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/transport.h"
#include "ship/exporter.h"
#include "ship/otlp_http_options.h"
#include "ship/transcode.h"

namespace forebay::ship {

// The two signals may go to different servers, so what is known of a server (whether it takes zstd)
// is kept by signal. A batch of a signal that has no endpoint fails, with one warning:
// OtlpHttpOptions::validate_for() tells before.
class OtlpHttpExporter final : public Exporter {
 public:
  // `options` must be valid; `clock` must outlive the exporter (Retry-After may be a date).
  OtlpHttpExporter(OtlpHttpOptions options, std::unique_ptr<Transport> transport,
                   const Clock& clock);

  void send(EncodedBatch batch, MonotonicTime now) override;
  std::vector<Attempt> poll(Duration wait) override;
  std::vector<Attempt> cancel_all() override;
  void forget_all() noexcept override;
  void wake() noexcept override { transport_->wake(); }
  [[nodiscard]] const void* waits_on() const noexcept override { return transport_->waits_on(); }
  // That of the logs endpoint, where most bytes go.
  [[nodiscard]] Codec codec() const noexcept override { return endpoints_[0].codec; }
  [[nodiscard]] uint32_t max_in_flight() const noexcept override { return options_.max_in_flight; }
  [[nodiscard]] const std::string& description() const noexcept override { return description_; }
  [[nodiscard]] std::string_view type() const noexcept override { return "otlp_http"; }
  [[nodiscard]] const Server& server(Signal signal) const noexcept override {
    return endpoints_[static_cast<size_t>(signal)].server;
  }

  // How often an endpoint fell back from zstd to gzip: at most once for each.
  [[nodiscard]] uint64_t encoding_fallbacks() const noexcept { return encoding_fallbacks_; }
  // 2xx answers whose body was not the response it should be.
  [[nodiscard]] uint64_t malformed_responses() const noexcept { return malformed_responses_; }

 private:
  struct Endpoint {
    std::string url;    // empty: none
    std::string shown;  // the same for messages
    Server server;
    Codec codec = Codec::kZstd;
    bool zstd_accepted = false;
    bool fell_back = false;
  };
  struct UnderWay {
    EncodedBatch batch;
    Codec sent_as = Codec::kNone;
  };

  Endpoint& endpoint_of(const EncodedBatch& batch) noexcept;
  HttpRequest request_for(const EncodedBatch& batch, const Endpoint& endpoint, Codec codec,
                          std::shared_ptr<const ByteBuffer> body) const;
  void end(EncodedBatch batch, Attempt::Kind kind, std::string message);
  Attempt judge(UnderWay under_way, const HttpResponse& response);
  bool fall_back(Endpoint& endpoint, Codec sent_as, int status);

  const OtlpHttpOptions options_;
  const std::unique_ptr<Transport> transport_;
  const Clock& clock_;
  std::string description_;
  std::array<Endpoint, 2> endpoints_;
  std::vector<std::pair<std::string, std::string>> headers_;  // of every request
  Transcoder transcoder_;
  std::unordered_map<Transport::RequestId, UnderWay> under_way_;
  std::vector<Attempt> ended_;  // without a request
  uint64_t encoding_fallbacks_ = 0;
  uint64_t malformed_responses_ = 0;
};

}  // namespace forebay::ship
