// A shipper over a scripted exporter, with a clock that the test moves.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "ship/otlp_bytes.h"
#include "ship/scripted_exporter.h"
#include "ship/shipper.h"

namespace forebay::ship::testing {

using AK = Attempt::Kind;
using SK = Settlement::Kind;

struct ShipperFixture {
  explicit ShipperFixture(const RetryOptions& retry = {}, uint64_t seed = 1,
                          const BreakerOptions& breaker = {}) {
    auto owned = std::make_unique<ScriptedExporter>();
    exporter = owned.get();
    shipper = std::make_unique<Shipper>(std::move(owned), retry, breaker, Random(seed));
  }
  // As the backlog gives it out.
  void offer(EncodedBatch batch) {
    if (!batch.first_sent) batch.first_sent = clock.now();
    shipper->offer(std::move(batch), clock.now());
  }
  std::vector<Settlement> step() { return shipper->step(Duration::zero(), clock); }
  // One batch fails like this now; how long nothing is sent after that.
  Duration wait_after_failure(AK kind = AK::kRetry, std::optional<Duration> retry_after = {}) {
    offer(info_batch("b"));
    exporter->answer(kind).retry_after = retry_after;
    const auto settled = step();
    EXPECT_EQ(settled.size(), 1u);
    EXPECT_EQ(settled[0].kind, SK::kPutBack);
    EXPECT_TRUE(settled[0].finishes);
    return shipper->resumes_at().value_or(clock.now()) - clock.now();
  }

  ManualClock clock;
  ScriptedExporter* exporter = nullptr;
  std::unique_ptr<Shipper> shipper;
};

inline uint64_t records(const std::vector<Settlement>& settled, SK kind) {
  uint64_t sum = 0;
  for (const Settlement& s : settled) sum += s.kind == kind ? s.records.total() : 0;
  return sum;
}

}  // namespace forebay::ship::testing
