#include "ship/curl_transport.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "ship/otlp_bytes.h"
#include "ship/otlp_http_exporter.h"
#include "ship/scripted_server.h"

namespace forebay::ship {
namespace {

using namespace std::chrono_literals;
using testing::http;
using testing::Reply;
using testing::ScriptedServer;
using How = Reply::How;
using Outcome = HttpResponse::Outcome;

class CurlTransportTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    for (const char* variable : {"http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"}) {
      ::unsetenv(variable);
    }
  }
  static HttpRequest request(const std::string& url, const std::string& body = "body",
                             Duration timeout = 5s) {
    HttpRequest request;
    request.url = url;
    request.headers = {{"Content-Type", "application/x-protobuf"}, {"X-Empty", ""}};
    request.body = std::make_shared<ByteBuffer>(ByteBuffer::copy_of(as_bytes(body)));
    request.timeout = timeout;
    return request;
  }
  // Polls until a request ends, at most 20 s.
  HttpResponse finish(Transport::RequestId id) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (std::chrono::steady_clock::now() < deadline) {
      for (Transport::Completion& done : transport.poll(100ms)) {
        EXPECT_EQ(done.id, id);
        return std::move(done.response);
      }
    }
    ADD_FAILURE() << "no completion in 20 s";
    return {};
  }
  HttpResponse send(const std::string& url, const std::string& body = "body",
                    Duration timeout = 5s) {
    return finish(transport.start(request(url, body, timeout)));
  }

  CurlTransport transport;
};

TEST_F(CurlTransportTest, posts_body_and_headers_and_reads_the_answer) {
  ScriptedServer server({http(503, "busy", "Retry-After: 7\r\nContent-Type: text/plain\r\n")});
  const HttpResponse response = send(server.url() + "/v1/logs", std::string("a\0b", 3));
  EXPECT_EQ(response.outcome, Outcome::kAnswered);
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.retry_after, "7");
  EXPECT_EQ(response.content_type, "text/plain");
  EXPECT_EQ(response.body, "busy");
  EXPECT_FALSE(response.body_truncated);
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].head.find("POST /v1/logs HTTP/1.1\r\n"), 0u);
  EXPECT_NE(requests[0].head.find("\r\nContent-Type: application/x-protobuf\r\n"),
            std::string::npos);
  EXPECT_NE(requests[0].head.find("\r\nX-Empty:"), std::string::npos);
  EXPECT_EQ(requests[0].head.find("Expect"), std::string::npos);
  EXPECT_EQ(requests[0].body, std::string("a\0b", 3));
}

TEST_F(CurlTransportTest, a_large_body_arrives_whole) {
  ScriptedServer server;
  std::string body(5u << 20, 'x');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 7 + i / 999);
  EXPECT_EQ(send(server.url(), body, 20s).status, 200);
  EXPECT_EQ(server.requests()[0].body, body);
}

TEST_F(CurlTransportTest, one_connection_serves_many_requests) {
  ScriptedServer server;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(send(server.url()).status, 200);
  for (const auto& request : server.requests()) EXPECT_EQ(request.connection, 1);
}

TEST_F(CurlTransportTest, several_requests_at_once_keep_as_many_connections_and_reuse_them) {
  ScriptedServer server;
  const std::string body(64u << 10, 'x');
  int ended = 0;
  for (int started = 0; ended < 60;) {
    while (started < 60 && started - ended < 3) {
      (void)transport.start(request(server.url(), body, 20s));
      ++started;
    }
    for (const Transport::Completion& done : transport.poll(100ms)) {
      EXPECT_EQ(done.response.status, 200);
      ++ended;
    }
  }
  for (const auto& request : server.requests()) EXPECT_LE(request.connection, 3);
}

TEST_F(CurlTransportTest, a_kept_connection_that_was_closed_is_replaced_within_the_same_attempt) {
  ScriptedServer server;
  EXPECT_EQ(send(server.url()).status, 200);
  server.close_connections();
  const HttpResponse second = send(server.url());
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.resends, 0u);
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST_F(CurlTransportTest, a_request_that_libcurl_sends_anew_by_itself_is_told) {
  ScriptedServer server({http(200), {How::kReset, ""}, http(200)});
  EXPECT_EQ(send(server.url()).resends, 0u);
  // The server has read the request when it resets the kept connection.
  const HttpResponse response = send(server.url());
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(server.requests().size(), 3u);
  EXPECT_EQ(response.resends, 1u);
}

TEST_F(CurlTransportTest,
       a_request_cut_on_a_kept_connection_is_ambiguous_where_the_next_is_refused) {
  ScriptedServer server({http(200), {How::kStall, ""}});
  EXPECT_EQ(send(server.url()).status, 200);
  const auto id = transport.start(request(server.url()));
  while (server.requests().size() < 2) EXPECT_TRUE(transport.poll(10ms).empty());
  server.stop_listening();
  server.close_connections();
  // libcurl tries a new connection by itself; that it is refused says nothing about the first.
  EXPECT_EQ(finish(id).outcome, Outcome::kNoAnswer);
}

TEST_F(CurlTransportTest, a_refused_connection_sent_nothing) {
  int port = 0;
  {
    ScriptedServer server;
    port = server.port();
  }
  const HttpResponse response = send("http://127.0.0.1:" + std::to_string(port));
  EXPECT_EQ(response.outcome, Outcome::kNotSent);
  EXPECT_NE(response.error, "");
}

TEST_F(CurlTransportTest, a_name_that_does_not_resolve_sent_nothing) {
  // A label of more than 63 bytes is refused on the machine itself: no name server is asked.
  EXPECT_EQ(send("http://" + std::string(70, 'a') + ":4318").outcome, Outcome::kNotSent);
}

TEST_F(CurlTransportTest, a_tls_handshake_that_fails_sent_nothing) {
  ScriptedServer server;
  std::string url = server.url();
  url.insert(4, "s");
  EXPECT_EQ(send(url).outcome, Outcome::kNotSent);
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(CurlTransportTest, a_reset_after_the_request_is_no_answer) {
  ScriptedServer server({{How::kReset, ""}});
  EXPECT_EQ(send(server.url()).outcome, Outcome::kNoAnswer);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(CurlTransportTest, half_a_status_line_is_no_answer) {
  for (const char* half : {"HTT", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\nContent-Le"}) {
    ScriptedServer server({{How::kBytesClose, half}});
    EXPECT_EQ(send(server.url()).outcome, Outcome::kNoAnswer) << half;
  }
}

TEST_F(CurlTransportTest, what_is_no_http_is_no_answer) {
  ScriptedServer server({{How::kBytesClose, "SSH-2.0-OpenSSH_9.2\r\n"}});
  EXPECT_EQ(send(server.url()).outcome, Outcome::kNoAnswer);
}

TEST_F(CurlTransportTest, a_server_that_never_answers_is_given_up_at_the_timeout) {
  ScriptedServer server({{How::kStall, ""}});
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(send(server.url(), "body", 300ms).outcome, Outcome::kNoAnswer);
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(took, 250ms);  // libcurl counts in milliseconds, and rounds
  EXPECT_LT(took, 5s);
}

TEST_F(CurlTransportTest, an_answer_whose_body_is_cut_or_stalls_is_an_answer_still) {
  ScriptedServer server({{How::kBytesClose, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"},
                         {How::kStall, "HTTP/1.1 503 No\r\nContent-Length: 10\r\n\r\nabc"}});
  HttpResponse response = send(server.url());
  EXPECT_EQ(response.outcome, Outcome::kAnswered);
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.body_truncated);
  response = send(server.url(), "body", 300ms);
  EXPECT_EQ(response.outcome, Outcome::kAnswered);
  EXPECT_EQ(response.status, 503);
}

TEST_F(CurlTransportTest, no_more_than_4_mib_of_an_answer_are_read) {
  ScriptedServer server({{How::kEndless, "HTTP/1.1 200 OK\r\n\r\n"}});
  const HttpResponse response = send(server.url(), "body", 20s);
  EXPECT_EQ(response.outcome, Outcome::kAnswered);
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.body_truncated);
  EXPECT_EQ(response.body.size(), CurlTransport::kMaxResponseBytes);
}

TEST_F(CurlTransportTest, redirects_are_not_followed) {
  ScriptedServer other;
  ScriptedServer server({http(308, "", "Location: " + other.url() + "/\r\n")});
  EXPECT_EQ(send(server.url()).status, 308);
  EXPECT_TRUE(other.requests().empty());
}

TEST_F(CurlTransportTest, headers_of_a_100_continue_are_not_those_of_the_answer) {
  ScriptedServer server(
      {{How::kBytes, "HTTP/1.1 100 Continue\r\nRetry-After: 99\r\n\r\n" + http(429, "").bytes}});
  const HttpResponse response = send(server.url());
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(response.retry_after, "");
}

TEST_F(CurlTransportTest, a_100_continue_alone_is_no_answer) {
  ScriptedServer server({{How::kBytesClose, "HTTP/1.1 100 Continue\r\n\r\n"}});
  EXPECT_EQ(send(server.url()).outcome, Outcome::kNoAnswer);
}

TEST_F(CurlTransportTest, several_requests_run_side_by_side) {
  ScriptedServer server({{How::kStall, ""}});
  const auto stalled = transport.start(request(server.url(), "slow", 5s));
  while (server.requests().empty()) EXPECT_TRUE(transport.poll(10ms).empty());
  EXPECT_EQ(send(server.url(), "fast").status, 200);
  EXPECT_TRUE(transport.cancel(stalled));
  EXPECT_TRUE(transport.poll(0ns).empty());
}

TEST_F(CurlTransportTest, cancel_says_whether_the_request_may_have_arrived) {
  ScriptedServer server({{How::kStall, ""}});
  const auto never_polled = transport.start(request(server.url()));
  EXPECT_FALSE(transport.cancel(never_polled));
  const auto sent = transport.start(request(server.url()));
  while (server.requests().empty()) EXPECT_TRUE(transport.poll(10ms).empty());
  EXPECT_TRUE(transport.cancel(sent));
  EXPECT_FALSE(transport.cancel(sent));
}

TEST_F(CurlTransportTest, wake_ends_a_poll_that_waits_with_and_without_requests) {
  ScriptedServer server({{How::kStall, ""}});
  for (const bool busy : {false, true}) {
    if (busy) {
      transport.start(request(server.url(), "body", 60s));
      while (server.requests().empty()) transport.poll(10ms);
    }
    const auto begin = std::chrono::steady_clock::now();
    // A wake may come before the wait, and still ends it.
    std::thread waker([this] { transport.wake(); });
    while (!transport.poll(30s).empty()) {
    }
    waker.join();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
  }
}

TEST_F(CurlTransportTest, a_transport_that_never_started_anything_can_be_polled) {
  EXPECT_TRUE(transport.poll(1ms).empty());
  EXPECT_FALSE(transport.cancel(7));
}

TEST_F(CurlTransportTest, a_url_that_libcurl_cannot_read_was_not_sent) {
  EXPECT_EQ(send("http://[::bad").outcome, Outcome::kNotSent);
  EXPECT_EQ(send("gopher://127.0.0.1/").outcome, Outcome::kNotSent);
}

TEST_F(CurlTransportTest, an_exporter_over_it_ships_a_batch_and_falls_back_from_zstd) {
  ScriptedServer server({http(400, "unsupported compression: zstd")});
  OtlpHttpOptions options;
  options.endpoint = server.url();
  OtlpHttpExporter exporter(options, std::make_unique<CurlTransport>(), Clock::system());
  const EncodedBatch batch = testing::info_batch("id-1");
  std::vector<Attempt::Kind> kinds;
  exporter.send(batch, MonotonicTime{});
  while (kinds.size() < 2) {
    for (Attempt& attempt : exporter.poll(5s)) {
      kinds.push_back(attempt.kind);
      if (kinds.size() == 1) exporter.send(attempt.batch, MonotonicTime{});
    }
  }
  EXPECT_EQ(kinds, (std::vector{Attempt::Kind::kOtherCodec, Attempt::Kind::kDelivered}));
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_NE(requests[0].head.find("Content-Encoding: zstd\r\n"), std::string::npos);
  EXPECT_NE(requests[1].head.find("Content-Encoding: gzip\r\n"), std::string::npos);
  EXPECT_NE(requests[1].head.find("Forebay-Batch-Id: id-1\r\n"), std::string::npos);
  EncodedBatch arrived = batch;
  arrived.codec = Codec::kGzip;
  arrived.body = std::make_shared<ByteBuffer>(ByteBuffer::copy_of(as_bytes(requests[1].body)));
  EXPECT_EQ(testing::plain_text(arrived), testing::plain_text(batch));
}

TEST(TlsOptionsTest, each_wrong_field_is_named) {
  EXPECT_TRUE(TlsOptions{}.validate().is_ok());
  TlsOptions tls;
  tls.certificate_file = "/dev/null";
  EXPECT_EQ(tls.validate().message(), "tls.certificate_file: given without tls.key_file");
  tls.key_file = "/dev/null";
  EXPECT_TRUE(tls.validate().is_ok());
  tls.authorities.ca_file = "/nowhere/ca.pem";
  EXPECT_EQ(tls.validate().message(), "tls.ca_file: \"/nowhere/ca.pem\" cannot be read");
}

}  // namespace
}  // namespace forebay::ship
