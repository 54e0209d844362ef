// Retry-After from the header of an answer to the pause of the shipper, with nothing in between
// faked but the network.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "ship/fake_transport.h"
#include "ship/otlp_bytes.h"
#include "ship/otlp_http_exporter.h"
#include "ship/shipper.h"

namespace forebay::ship {
namespace {

using namespace std::chrono_literals;
using testing::FakeTransport;
using testing::info_batch;

// ManualClock's wall clock begins at 2027-01-15 08:00:00 UTC.
struct RetryAfterFixture {
  RetryAfterFixture() {
    auto owned = std::make_unique<FakeTransport>();
    transport = owned.get();
    shipper = std::make_unique<Shipper>(
        std::make_unique<OtlpHttpExporter>(OtlpHttpOptions{}, std::move(owned), clock),
        RetryOptions{}, BreakerOptions{}, Random(1));
  }
  // How long nothing is sent after an answer with this status and header.
  Duration pause_after(int status, const std::string& retry_after) {
    shipper->offer(info_batch("b"), clock.now());
    transport->answer(status).retry_after = retry_after;
    EXPECT_EQ(shipper->step(Duration::zero(), clock).size(), 1u);
    return shipper->resumes_at().value_or(clock.now()) - clock.now();
  }

  ManualClock clock;
  FakeTransport* transport = nullptr;
  std::unique_ptr<Shipper> shipper;
};

TEST(RetryAfterTest, seconds_and_dates_are_obeyed_and_clamped_and_garbage_is_our_own_backoff) {
  for (const int status : {429, 502, 503, 504}) {
    EXPECT_EQ(RetryAfterFixture().pause_after(status, "7"), 7s);
    EXPECT_EQ(RetryAfterFixture().pause_after(status, "Fri, 15 Jan 2027 08:01:40 GMT"), 100s);
    EXPECT_EQ(RetryAfterFixture().pause_after(status, "1000000000"), 300s);
    EXPECT_EQ(RetryAfterFixture().pause_after(status, "Fri, 15 Jan 2038 08:01:40 GMT"), 300s);
    for (const char* garbage : {"", "-1", "soon", "1e3", "Fri, 15 Jan 2027 07:59:59 GMT"}) {
      const Duration pause = RetryAfterFixture().pause_after(status, garbage);
      EXPECT_GE(pause, 125ms) << garbage;
      EXPECT_LE(pause, 1s) << garbage;
    }
  }
}

TEST(RetryAfterTest,
     a_date_is_a_span_from_the_moment_of_the_answer_and_no_step_of_the_clock_moves_it) {
  for (const Duration step : {Duration{-1h}, Duration{24h}}) {
    RetryAfterFixture f;
    EXPECT_EQ(f.pause_after(503, "Fri, 15 Jan 2027 08:01:40 GMT"), 100s);
    f.clock.step_wall(step);
    f.clock.advance(100s - 1ns);
    f.shipper->step(Duration::zero(), f.clock);
    EXPECT_FALSE(f.shipper->wants(f.clock.now()));
    f.clock.advance(1ns);
    f.shipper->step(Duration::zero(), f.clock);
    EXPECT_TRUE(f.shipper->wants(f.clock.now()));
  }
}

TEST(RetryAfterTest, only_429_and_503_say_that_the_destination_is_busy) {
  for (const auto& [status, limit] : {std::pair{429, 1u}, {503, 1u}, {502, 2u}, {504, 2u}}) {
    RetryAfterFixture f;
    (void)f.pause_after(status, "");
    EXPECT_EQ(f.shipper->in_flight_limit(), limit) << status;
  }
}

}  // namespace
}  // namespace forebay::ship
