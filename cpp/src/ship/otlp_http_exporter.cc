#include "ship/otlp_http_exporter.h"

#include <strings.h>

#include <algorithm>
#include <utility>

#include "base/diagnostics.h"
#include "ship/http_answer.h"

namespace forebay::ship {
namespace {

constexpr const char* kUserAgent =
    "Forebay/" FOREBAY_VERSION " OTel-OTLP-Exporter-Cpp/" FOREBAY_VERSION;

}  // namespace

OtlpHttpExporter::OtlpHttpExporter(OtlpHttpOptions options, std::unique_ptr<Transport> transport,
                                   const Clock& clock)
    : options_(std::move(options)), transport_(std::move(transport)), clock_(clock) {
  for (const Signal signal : {Signal::kLogs, Signal::kMetrics}) {
    Endpoint& endpoint = endpoints_[static_cast<size_t>(signal)];
    endpoint.url = options_.url(signal);
    endpoint.shown = without_secrets(endpoint.url);
    endpoint.server = server_of(endpoint.url);
    endpoint.codec = options_.codec;
  }
  description_ = "otlp " + (endpoints_[0].url.empty() ? endpoints_[1] : endpoints_[0]).shown;
  headers_ = options_.headers;
  const bool has_agent = std::any_of(headers_.begin(), headers_.end(), [](const auto& header) {
    return strcasecmp(header.first.c_str(), "User-Agent") == 0;
  });
  if (!has_agent) headers_.emplace_back("User-Agent", kUserAgent);
  headers_.emplace_back("Content-Type", "application/x-protobuf");
}

OtlpHttpExporter::Endpoint& OtlpHttpExporter::endpoint_of(const EncodedBatch& batch) noexcept {
  return endpoints_[static_cast<size_t>(batch.signal)];
}

HttpRequest OtlpHttpExporter::request_for(const EncodedBatch& batch, const Endpoint& endpoint,
                                          Codec codec,
                                          std::shared_ptr<const ByteBuffer> body) const {
  HttpRequest request;
  request.url = endpoint.url;
  request.headers = headers_;
  if (codec != Codec::kNone) {
    request.headers.emplace_back("Content-Encoding", codec_name(codec));
  }
  request.headers.emplace_back("Forebay-Batch-Id", batch.id);
  request.body = std::move(body);
  request.timeout = options_.timeout;
  return request;
}

void OtlpHttpExporter::end(EncodedBatch batch, Attempt::Kind kind, std::string message) {
  Attempt attempt;
  attempt.batch = std::move(batch);
  attempt.kind = kind;
  attempt.message = std::move(message);
  ended_.push_back(std::move(attempt));
}

void OtlpHttpExporter::send(EncodedBatch batch, MonotonicTime /*now*/) {
  if (batch.raw_bytes > options_.max_request_bytes) {
    end(std::move(batch), Attempt::Kind::kTooLarge, "larger than max_request_bytes");
    return;
  }
  const Endpoint& endpoint = endpoint_of(batch);
  if (endpoint.url.empty()) {
    std::string why = options_.validate_for(batch.signal).message();
    warn_once("no_endpoint", why);
    end(std::move(batch), Attempt::Kind::kFailed, std::move(why));
    return;
  }
  Result<Transcoder::Body> body = transcoder_.in_codec(batch, endpoint.codec);
  if (!body) {
    end(std::move(batch), Attempt::Kind::kFailed, body.status().message());
    return;
  }
  const Transport::RequestId id =
      transport_->start(request_for(batch, endpoint, endpoint.codec, body.take()));
  under_way_.emplace(id, UnderWay{std::move(batch), endpoint.codec});
}

// The specification names gzip only; zstd is a habit of most receivers. One that does not know it
// says 415, or 400 as the Collector and Prometheus do, where a retry is forbidden: so this bends
// the rule once for an endpoint, and never after zstd was taken there. Requests that were already
// under way when the first was refused are sent again as well.
bool OtlpHttpExporter::fall_back(Endpoint& endpoint, Codec sent_as, int status) {
  if (sent_as != Codec::kZstd || endpoint.zstd_accepted) return false;
  if (status != 400 && status != 415) return false;
  if (endpoint.fell_back) return true;
  endpoint.fell_back = true;
  endpoint.codec = Codec::kGzip;
  ++encoding_fallbacks_;
  warn_once("encoding_fallback", endpoint.shown + " refused zstd (status " +
                                     std::to_string(status) + "): sending gzip from now on");
  return true;
}

Attempt OtlpHttpExporter::judge(UnderWay under_way, const HttpResponse& response) {
  Attempt attempt;
  attempt.batch = std::move(under_way.batch);
  attempt.resends = response.resends;
  Endpoint& endpoint = endpoint_of(attempt.batch);
  if (response.outcome != HttpResponse::Outcome::kAnswered) {
    attempt.kind = response.outcome == HttpResponse::Outcome::kNotSent ? Attempt::Kind::kRetry
                                                                       : Attempt::Kind::kAmbiguous;
    attempt.message = response.error;
    return attempt;
  }
  bool malformed = false;
  classify_answer(response, attempt.batch.records(), clock_.wall_now(), attempt, malformed);
  if (attempt.kind == Attempt::Kind::kDelivered) {
    if (under_way.sent_as == Codec::kZstd) endpoint.zstd_accepted = true;
    if (malformed) {
      ++malformed_responses_;
      attempt.is_malformed = true;
      warn("response_malformed",
           endpoint.shown + ": the body of the answer (status " + std::to_string(response.status) +
               ") is not what OTLP says; taken as delivered but for what it refuses");
    } else if (attempt.rejected > 0 || !attempt.message.empty()) {
      warn("partial_success", endpoint.shown + ": " + std::to_string(attempt.rejected) + " of " +
                                  std::to_string(attempt.batch.records()) +
                                  " refused: " + attempt.message);
    }
  } else if (attempt.kind == Attempt::Kind::kRejected) {
    const uint64_t fallbacks = encoding_fallbacks_;
    if (fall_back(endpoint, under_way.sent_as, response.status)) {
      attempt.kind = Attempt::Kind::kOtherCodec;
    }
    attempt.codec_changed = encoding_fallbacks_ != fallbacks;
  }
  return attempt;
}

std::vector<Attempt> OtlpHttpExporter::poll(Duration wait) {
  std::vector<Attempt> attempts = std::exchange(ended_, {});
  for (const Transport::Completion& completion :
       transport_->poll(attempts.empty() ? wait : Duration::zero())) {
    const auto found = under_way_.find(completion.id);
    if (found == under_way_.end()) continue;
    UnderWay under_way = std::move(found->second);
    under_way_.erase(found);
    attempts.push_back(judge(std::move(under_way), completion.response));
  }
  return attempts;
}

std::vector<Attempt> OtlpHttpExporter::cancel_all() {
  // What has its answer already is not given up.
  std::vector<Attempt> attempts = poll(Duration::zero());
  for (auto& [id, under_way] : under_way_) {
    const bool sent = transport_->cancel(id);
    Attempt attempt;
    attempt.kind = sent ? Attempt::Kind::kAmbiguous : Attempt::Kind::kRetry;
    attempt.message =
        "given up at shutdown, without an answer of " + endpoint_of(under_way.batch).shown;
    attempt.batch = std::move(under_way.batch);
    attempts.push_back(std::move(attempt));
  }
  under_way_.clear();
  return attempts;
}

void OtlpHttpExporter::forget_all() noexcept {
  ended_.clear();
  for (const auto& [id, under_way] : under_way_) (void)transport_->cancel(id);
  under_way_.clear();
}

}  // namespace forebay::ship
