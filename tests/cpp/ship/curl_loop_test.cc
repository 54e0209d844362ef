// Several transports on one loop.
#include "ship/curl_loop.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "ship/curl_transport.h"
#include "ship/scripted_server.h"

namespace forebay::ship {
namespace {

using namespace std::chrono_literals;
using testing::http;
using testing::Reply;
using testing::ScriptedServer;
using Outcome = HttpResponse::Outcome;

class CurlLoopTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    for (const char* variable : {"http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"}) {
      ::unsetenv(variable);
    }
  }
  static HttpRequest request(const std::string& url) {
    HttpRequest request;
    request.url = url;
    request.body = std::make_shared<ByteBuffer>(ByteBuffer::copy_of(as_bytes("body")));
    request.timeout = 60s;
    return request;
  }
  // Waits in `waited` until `other` has its answer.
  static HttpResponse wait_in(Transport& waited, Transport& other) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (std::chrono::steady_clock::now() < deadline) {
      EXPECT_TRUE(waited.poll(30s).empty());
      for (Transport::Completion& done : other.poll(0ns)) return std::move(done.response);
    }
    ADD_FAILURE() << "no completion in 20 s";
    return {};
  }

  std::shared_ptr<CurlLoop> loop = std::make_shared<CurlLoop>();
};

TEST_F(CurlLoopTest, a_wait_in_one_transport_ends_when_a_request_of_another_does) {
  ScriptedServer silent({{Reply::How::kStall, ""}});
  ScriptedServer other({http(200, "other")});
  CurlTransport a({}, loop);
  CurlTransport b({}, loop);
  EXPECT_EQ(a.waits_on(), b.waits_on());
  a.start(request(silent.url()));
  b.start(request(other.url()));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(wait_in(a, b).body, "other");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 15s);
}

TEST_F(CurlLoopTest, each_transport_gets_its_own_answers) {
  ScriptedServer first({http(200, "first")});
  ScriptedServer second({http(503, "second")});
  CurlTransport a({}, loop);
  CurlTransport b({}, loop);
  const auto id_a = a.start(request(first.url()));
  const auto id_b = b.start(request(second.url()));
  EXPECT_EQ(id_a, id_b) << "ids are a transport's own";
  std::vector<Transport::Completion> of_a;
  std::vector<Transport::Completion> of_b;
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while ((of_a.empty() || of_b.empty()) && std::chrono::steady_clock::now() < deadline) {
    for (auto& done : a.poll(100ms)) of_a.push_back(std::move(done));
    for (auto& done : b.poll(0ns)) of_b.push_back(std::move(done));
  }
  ASSERT_EQ(of_a.size(), 1u);
  ASSERT_EQ(of_b.size(), 1u);
  EXPECT_EQ(of_a[0].response.body, "first");
  EXPECT_EQ(of_b[0].response.status, 503);
}

TEST_F(CurlLoopTest, a_wake_of_one_transport_ends_a_wait_in_another) {
  for (const bool has_requests : {false, true}) {
    ScriptedServer silent({{Reply::How::kStall, ""}});
    CurlTransport a({}, loop);
    CurlTransport b({}, loop);
    if (has_requests) a.start(request(silent.url()));
    // Polls that do not wait leave the wake to the one that does.
    b.wake();
    EXPECT_TRUE(b.poll(0ns).empty());
    EXPECT_TRUE(a.poll(0ns).empty());
    const auto begin = std::chrono::steady_clock::now();
    std::thread again([&] {
      while (std::chrono::steady_clock::now() - begin < 2s) {
        b.wake();
        std::this_thread::yield();
      }
    });
    a.poll(30s);
    a.poll(30s);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 15s);
    again.join();
  }
}

TEST_F(CurlLoopTest, a_transport_that_ends_leaves_the_requests_of_the_others_alone) {
  ScriptedServer silent({{Reply::How::kStall, ""}});
  ScriptedServer other({http(200, "other")});
  auto a = std::make_unique<CurlTransport>(TlsOptions{}, loop);
  CurlTransport b({}, loop);
  CurlTransport c({}, loop);
  a->start(request(silent.url()));
  b.start(request(other.url()));
  a->poll(0ns);
  a.reset();
  EXPECT_EQ(wait_in(c, b).body, "other");
}

TEST_F(CurlLoopTest, a_request_that_has_its_answer_already_may_have_arrived_when_it_is_cancelled) {
  ScriptedServer server({http(200)});
  CurlTransport a({}, loop);
  CurlTransport b({}, loop);
  const auto id = a.start(request(server.url()));
  // The answer comes in while another transport polls.
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (server.requests().empty() && std::chrono::steady_clock::now() < deadline) {
    b.poll(10ms);
  }
  for (int i = 0; i < 20; ++i) b.poll(10ms);
  EXPECT_TRUE(a.cancel(id));
  EXPECT_TRUE(a.poll(0ns).empty());
}

}  // namespace
}  // namespace forebay::ship
