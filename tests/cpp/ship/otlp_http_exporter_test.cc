#include "ship/otlp_http_exporter.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "ship/fake_transport.h"
#include "ship/otlp_bytes.h"

namespace forebay::ship {
namespace {

using namespace std::chrono_literals;
using testing::FakeTransport;
using testing::info_batch;
using testing::Message;
using testing::plain_text;
using Kind = Attempt::Kind;
using Outcome = HttpResponse::Outcome;

struct OtlpHttpFixture {
  explicit OtlpHttpFixture(OtlpHttpOptions options = {}) {
    EXPECT_TRUE(options.validate().is_ok()) << options.validate().message();
    auto owned = std::make_unique<FakeTransport>();
    transport = owned.get();
    exporter = std::make_unique<OtlpHttpExporter>(std::move(options), std::move(owned), clock);
  }
  void send(EncodedBatch batch) { exporter->send(std::move(batch), clock.now()); }
  Attempt poll() {
    std::vector<Attempt> attempts = exporter->poll(0ns);
    EXPECT_EQ(attempts.size(), 1u);
    return attempts.empty() ? Attempt{} : std::move(attempts.front());
  }
  Attempt answered(int status, std::string body = {}, std::string retry_after = {}) {
    send(info_batch("b"));
    transport->answer(status, std::move(body)).retry_after = std::move(retry_after);
    return poll();
  }
  // An endpoint that is known to take zstd.
  struct AfterASuccess;

  ManualClock clock;
  FakeTransport* transport = nullptr;
  std::unique_ptr<OtlpHttpExporter> exporter;
};

struct OtlpHttpFixture::AfterASuccess : OtlpHttpFixture {
  AfterASuccess() { EXPECT_EQ(answered(200).kind, Kind::kDelivered); }
};

std::string partial(int64_t rejected, const std::string& message) {
  Message inner;
  if (rejected != 0) inner.varint(1, static_cast<uint64_t>(rejected));
  if (!message.empty()) inner.text(2, message);
  return Message().message(1, inner).bytes();
}

TEST(OtlpHttpExporterTest, a_request_says_what_it_is) {
  OtlpHttpOptions options;
  options.endpoint = "http://collector:4318";
  options.headers = {{"Authorization", "Bearer x"}};
  options.timeout = 3s;
  OtlpHttpFixture f(options);
  f.send(info_batch("instance-7"));
  const HttpRequest& request = f.transport->requests.back();
  EXPECT_EQ(request.url, "http://collector:4318/v1/logs");
  EXPECT_EQ(request.timeout, 3s);
  EXPECT_EQ(f.transport->header("Content-Type"), "application/x-protobuf");
  EXPECT_EQ(f.transport->header("Content-Encoding"), "zstd");
  EXPECT_EQ(f.transport->header("Forebay-Batch-Id"), "instance-7");
  EXPECT_EQ(f.transport->header("Authorization"), "Bearer x");
  EXPECT_EQ(f.transport->header("User-Agent"),
            "Forebay/" FOREBAY_VERSION " OTel-OTLP-Exporter-Cpp/" FOREBAY_VERSION);
  EXPECT_EQ(request.body, f.exporter->cancel_all()[0].batch.body);
}

TEST(OtlpHttpExporterTest, a_users_own_agent_takes_the_place_of_ours) {
  OtlpHttpOptions options;
  options.headers = {{"user-agent", "mine"}};
  OtlpHttpFixture f(options);
  f.send(info_batch("b"));
  EXPECT_EQ(f.transport->header("user-agent"), "mine");
  EXPECT_EQ(f.transport->header("User-Agent"), "");
}

TEST(OtlpHttpExporterTest, plain_batches_have_no_content_encoding) {
  OtlpHttpOptions options;
  options.codec = Codec::kNone;
  OtlpHttpFixture f(options);
  f.send(info_batch("b"));
  EXPECT_EQ(f.transport->header("Content-Encoding"), "");
  EXPECT_EQ(as_text(f.transport->requests.back().body->view()), plain_text(info_batch("b")));
}

TEST(OtlpHttpExporterTest, a_batch_in_another_codec_is_transcoded) {
  OtlpHttpFixture f;
  f.send(info_batch("b", 10, Codec::kGzip));
  EncodedBatch sent = info_batch("b");
  sent.body = f.transport->requests.back().body;
  sent.codec = Codec::kZstd;
  EXPECT_EQ(plain_text(sent), plain_text(info_batch("b")));
}

TEST(OtlpHttpExporterTest, bytes_that_cannot_be_transcoded_are_let_go) {
  OtlpHttpFixture f;
  EncodedBatch batch = info_batch("b", 10, Codec::kNone);
  batch.codec = Codec::kGzip;
  f.send(std::move(batch));
  EXPECT_EQ(f.poll().kind, Kind::kFailed);
  EXPECT_TRUE(f.transport->requests.empty());
}

TEST(OtlpHttpExporterTest, metrics_go_to_their_own_path) {
  OtlpHttpFixture f;
  EncodedBatch batch = info_batch("b");
  batch.signal = Signal::kMetrics;
  f.send(std::move(batch));
  EXPECT_EQ(f.transport->requests.back().url, "http://localhost:4318/v1/metrics");
}

TEST(OtlpHttpExporterTest, metrics_without_an_endpoint_are_let_go_and_logs_go_on) {
  OtlpHttpOptions options;
  options.logs_endpoint = "http://h/ingest";
  OtlpHttpFixture f(options);
  EncodedBatch batch = info_batch("m");
  batch.signal = Signal::kMetrics;
  f.send(std::move(batch));
  const Attempt attempt = f.poll();
  EXPECT_EQ(attempt.kind, Kind::kFailed);
  EXPECT_FALSE(attempt.answered);
  EXPECT_NE(attempt.message.find("metrics_endpoint"), std::string::npos) << attempt.message;
  EXPECT_TRUE(f.transport->requests.empty());
  EXPECT_EQ(f.answered(200).kind, Kind::kDelivered);
}

TEST(OtlpHttpExporterTest, metrics_carry_their_id_and_know_their_rejected_points) {
  OtlpHttpOptions options;
  options.metrics_endpoint = "http://vm:8428/opentelemetry/v1/metrics";
  OtlpHttpFixture f(options);
  EncodedBatch batch = info_batch("i-8");
  batch.signal = Signal::kMetrics;
  f.send(std::move(batch));
  EXPECT_EQ(f.transport->requests.back().url, options.metrics_endpoint);
  EXPECT_EQ(f.transport->header("Forebay-Batch-Id"), "i-8");
  EXPECT_EQ(f.transport->header("Content-Type"), "application/x-protobuf");
  // ExportMetricsServiceResponse: rejected_data_points has the number of rejected_log_records.
  f.transport->answer(200, partial(4, "out of order"));
  const Attempt attempt = f.poll();
  EXPECT_EQ(attempt.kind, Kind::kDelivered);
  EXPECT_EQ(attempt.rejected, 4u);
  EXPECT_EQ(attempt.message, "out of order");
}

TEST(OtlpHttpExporterTest, a_batch_over_the_specifications_request_size_is_not_sent) {
  OtlpHttpOptions options;
  options.max_request_bytes = 64 << 10;
  OtlpHttpFixture f(options);
  EncodedBatch batch = info_batch("b");
  batch.raw_bytes = (64 << 10) + 1;
  f.send(std::move(batch));
  EXPECT_EQ(f.poll().kind, Kind::kTooLarge);
  EXPECT_TRUE(f.transport->requests.empty());
}

TEST(OtlpHttpExporterTest, any_2xx_is_delivered) {
  for (const int status : {200, 202, 204, 299}) {
    const Attempt attempt = OtlpHttpFixture().answered(status);
    EXPECT_EQ(attempt.kind, Kind::kDelivered) << status;
    EXPECT_EQ(attempt.rejected, 0u);
    EXPECT_TRUE(attempt.answered);
  }
}

TEST(OtlpHttpExporterTest, only_429_502_503_and_504_are_tried_again) {
  for (int status = 300; status <= 599; ++status) {
    if (status == 413) continue;
    OtlpHttpFixture::AfterASuccess f;
    const bool retryable = status == 429 || status == 502 || status == 503 || status == 504;
    const Attempt attempt = f.answered(status);
    EXPECT_EQ(attempt.kind, retryable ? Kind::kRetry : Kind::kRejected) << status;
    EXPECT_TRUE(attempt.answered);
    EXPECT_FALSE(attempt.message.empty());
  }
}

TEST(OtlpHttpExporterTest, rejections_name_their_reason) {
  const auto reason = [](int status) {
    return OtlpHttpFixture::AfterASuccess().answered(status).rejection;
  };
  EXPECT_EQ(reason(400), Rejection::kBadRequest);
  EXPECT_EQ(reason(401), Rejection::kUnauthorized);
  EXPECT_EQ(reason(403), Rejection::kUnauthorized);
  for (const int status : {301, 307, 308, 404, 405, 408, 415, 500, 501}) {
    EXPECT_EQ(reason(status), Rejection::kOther) << status;
  }
}

TEST(OtlpHttpExporterTest, status_413_asks_for_smaller_batches) {
  EXPECT_EQ(OtlpHttpFixture().answered(413, "<html>too big").kind, Kind::kTooLarge);
}

TEST(OtlpHttpExporterTest, no_answer_is_told_from_not_sent) {
  OtlpHttpFixture f;
  f.send(info_batch("a"));
  f.transport->no_answer(Outcome::kNotSent);
  Attempt attempt = f.poll();
  EXPECT_EQ(attempt.kind, Kind::kRetry);
  EXPECT_FALSE(attempt.answered);
  f.send(info_batch("a"));
  f.transport->no_answer(Outcome::kNoAnswer);
  attempt = f.poll();
  EXPECT_EQ(attempt.kind, Kind::kAmbiguous);
  EXPECT_EQ(attempt.message, "broken");
}

TEST(OtlpHttpExporterTest, retry_after_is_read_on_every_retryable_status) {
  for (const int status : {429, 502, 503, 504}) {
    EXPECT_EQ(OtlpHttpFixture().answered(status, {}, "7").retry_after, Duration{7s}) << status;
  }
  EXPECT_EQ(OtlpHttpFixture::AfterASuccess().answered(500, {}, "7").retry_after, std::nullopt);
}

TEST(OtlpHttpExporterTest, partial_success_is_counted_and_clamped) {
  struct Case {
    int64_t rejected;
    uint64_t counted;
    uint64_t malformed;
  };
  for (const Case& c : {Case{0, 0, 0}, Case{3, 3, 0}, Case{10, 10, 0}, Case{-1, 0, 1},
                        Case{11, 10, 1}, Case{INT64_MAX, 10, 1}, Case{INT64_MIN, 0, 1}}) {
    OtlpHttpFixture f;
    const Attempt attempt = f.answered(200, partial(c.rejected, "no"));
    EXPECT_EQ(attempt.kind, Kind::kDelivered);
    EXPECT_EQ(attempt.rejected, c.counted) << c.rejected;
    EXPECT_EQ(f.exporter->malformed_responses(), c.malformed) << c.rejected;
  }
}

TEST(OtlpHttpExporterTest, the_collectors_empty_partial_success_is_a_full_success) {
  OtlpHttpFixture f;
  const Attempt attempt = f.answered(200, std::string("\x0a\x00", 2));
  EXPECT_EQ(attempt.kind, Kind::kDelivered);
  EXPECT_EQ(attempt.rejected, 0u);
  EXPECT_EQ(f.exporter->malformed_responses(), 0u);
}

TEST(OtlpHttpExporterTest, a_200_with_a_body_that_cannot_be_read_is_delivered) {
  for (const std::string& body :
       {std::string("\x0a\xff\xff"), std::string("\x08\x01\x02"), std::string("<html>hello</html>"),
        std::string("\x0a\x02\x0a\x00", 4)}) {
    OtlpHttpFixture f;
    EXPECT_EQ(f.answered(200, body).kind, Kind::kDelivered);
    EXPECT_EQ(f.exporter->malformed_responses(), 1u) << body;
  }
  OtlpHttpFixture f;
  f.send(info_batch("b"));
  f.transport->answer(200, "{}", "application/json");
  EXPECT_EQ(f.poll().kind, Kind::kDelivered);
}

TEST(OtlpHttpExporterTest, an_answer_that_is_too_long_is_never_retried) {
  for (const auto& [status, kind] : {std::pair{200, Kind::kDelivered}, {503, Kind::kRejected}}) {
    OtlpHttpFixture f;
    f.send(info_batch("b"));
    f.transport->answer(status, "x").body_truncated = true;
    EXPECT_EQ(f.poll().kind, kind);
  }
}

TEST(OtlpHttpExporterTest, zstd_refused_at_first_falls_back_to_gzip_once_and_for_good) {
  for (const int status : {400, 415}) {
    OtlpHttpFixture f;
    EXPECT_EQ(f.exporter->codec(), Codec::kZstd);
    const Attempt first = f.answered(status, "unsupported compression: zstd");
    EXPECT_EQ(first.kind, Kind::kOtherCodec);
    EXPECT_EQ(f.exporter->codec(), Codec::kGzip);
    f.send(first.batch);
    EXPECT_EQ(f.transport->header("Content-Encoding"), "gzip");
    EncodedBatch sent = info_batch("b");
    sent.codec = Codec::kGzip;
    sent.body = f.transport->requests.back().body;
    EXPECT_EQ(plain_text(sent), plain_text(info_batch("b")));
    f.transport->answer(status);
    EXPECT_EQ(f.poll().kind, Kind::kRejected);
    EXPECT_EQ(f.answered(200).kind, Kind::kDelivered);
    EXPECT_EQ(f.transport->header("Content-Encoding"), "gzip");
    EXPECT_EQ(f.exporter->encoding_fallbacks(), 1u);
  }
}

TEST(OtlpHttpExporterTest, after_zstd_was_taken_a_400_is_a_400) {
  OtlpHttpFixture::AfterASuccess f;
  EXPECT_EQ(f.answered(400).kind, Kind::kRejected);
  EXPECT_EQ(f.exporter->codec(), Codec::kZstd);
  EXPECT_EQ(f.exporter->encoding_fallbacks(), 0u);
}

TEST(OtlpHttpExporterTest, a_503_says_nothing_about_zstd) {
  OtlpHttpFixture f;
  EXPECT_EQ(f.answered(503).kind, Kind::kRetry);
  EXPECT_EQ(f.answered(400).kind, Kind::kOtherCodec);
}

TEST(OtlpHttpExporterTest, requests_already_under_way_fall_back_with_the_first) {
  OtlpHttpFixture f;
  f.send(info_batch("a"));
  f.send(info_batch("b"));
  f.transport->answer_to(1, 400);
  f.transport->answer_to(2, 400);
  const std::vector<Attempt> attempts = f.exporter->poll(0ns);
  ASSERT_EQ(attempts.size(), 2u);
  EXPECT_EQ(attempts[0].kind, Kind::kOtherCodec);
  EXPECT_EQ(attempts[1].kind, Kind::kOtherCodec);
  EXPECT_EQ(f.exporter->encoding_fallbacks(), 1u);
}

TEST(OtlpHttpExporterTest, gzip_and_plain_never_fall_back) {
  for (const Codec codec : {Codec::kGzip, Codec::kNone}) {
    OtlpHttpOptions options;
    options.codec = codec;
    OtlpHttpFixture f(options);
    EXPECT_EQ(f.answered(400).kind, Kind::kRejected);
    EXPECT_EQ(f.exporter->codec(), codec);
  }
}

TEST(OtlpHttpExporterTest, the_two_signals_fall_back_apart) {
  OtlpHttpFixture f;
  EXPECT_EQ(f.answered(400).kind, Kind::kOtherCodec);
  EncodedBatch metrics = info_batch("m");
  metrics.signal = Signal::kMetrics;
  f.send(metrics);
  EXPECT_EQ(f.transport->header("Content-Encoding"), "zstd");
}

TEST(OtlpHttpExporterTest, cancel_tells_what_may_have_arrived) {
  for (const bool sent : {true, false}) {
    OtlpHttpFixture f;
    f.transport->cancelled_may_have_arrived = sent;
    f.send(info_batch("a"));
    f.send(info_batch("b"));
    f.transport->answer_to(1, 200);
    const std::vector<Attempt> attempts = f.exporter->cancel_all();
    ASSERT_EQ(attempts.size(), 2u);
    EXPECT_EQ(attempts[0].kind, Kind::kDelivered);
    EXPECT_EQ(attempts[1].kind, sent ? Kind::kAmbiguous : Kind::kRetry);
    EXPECT_EQ(f.transport->cancelled, std::vector<Transport::RequestId>{2});
    EXPECT_TRUE(f.exporter->cancel_all().empty());
  }
}

}  // namespace
}  // namespace forebay::ship
