// The encoders of metrics, with memory that runs out at every single allocation in turn.
#include <gtest/gtest.h>

#include <new>
#include <vector>

#include "encode/otlp_metrics.h"
#include "encode/point_maker.h"
#include "encode/prometheus_text.h"
#include "failing_memory.h"

namespace forebay::encode {
namespace {

using scarce::Who;

constexpr uint64_t kTooMany = 2000;

// A collection of every kind of points, with what needs repair. Counts those that were taken.
void collect(model::MetricSink& sink, std::span<const Set> sets, uint64_t& taken) {
  static const std::vector<double> bounds = {1, 2};
  static const std::vector<uint64_t> counts = {1, 2, 3};
  const auto add = [&](const auto& point) {
    sink.add(point);
    ++taken;
  };
  for (const auto temporality : {model::Temporality::kCumulative, model::Temporality::kDelta}) {
    auto sum = counter("requests\xFF", "s");
    sum.temporality = temporality;
    sink.begin_stream(sum);
    for (const Set& set : sets) add(integer_point(set.view(), 1));
  }
  sink.begin_stream(stream("g", model::PointKind::kGauge));
  for (const Set& set : sets) add(real_point(set.view(), 0.5));
  sink.begin_stream(stream("h", model::PointKind::kHistogram));
  for (const Set& set : sets) add(histogram_point(set.view(), 6, 7, bounds, counts));
  sink.begin_stream(stream("e", model::PointKind::kExponentialHistogram));
  for (const Set& set : sets) {
    add(model::ExponentialHistogramPoint{
        set.view(), kStart, kNow, 6, true, 7, 1, 2, 0, 0, {0, counts}, {}});
  }
}

std::vector<Set> some_sets() {
  std::vector<Set> sets;
  sets.push_back({});
  sets.push_back({{"k\xFF", owned_text("a\xFF")}, {"k\xFE", owned_text("b")}});
  sets.push_back({{"k", owned_text(std::string(3000, 'x'))}});
  sets.push_back({{"a.b", integer(1)}, {"a_b", owned(FOREBAY_ANYVALUE, "\x0A\x01\xFF")}});
  return sets;
}

TEST(MetricEncodersTest, no_point_is_lost_track_of_when_memory_runs_out) {
  const std::vector<Set> sets = some_sets();
  const model::Resource resource{{{"service.name", owned_text("shop\xFF")}}};
  for (const uint64_t in_a_row : {uint64_t{1}, kTooMany}) {
    uint64_t first = 1;
    for (; first != kTooMany; ++first) {
      uint64_t handed_out = 0;
      uint64_t taken = 0;
      MetricEncoder encoder(resource, 3, 1 << 20,
                            [&](MetricRequest&& request) { handed_out += request.points; });
      scarce::arm(Who::kCaller, first, in_a_row);
      bool is_done = true;
      try {
        collect(encoder, sets, taken);
        encoder.finish();
      } catch (const std::bad_alloc&) {
        is_done = false;
      }
      const bool has_failed = scarce::disarm() != 0;
      EXPECT_EQ(handed_out + encoder.clear(), taken) << first;
      EXPECT_EQ(is_done, !has_failed);
      if (is_done) break;

      handed_out = taken = 0;
      collect(encoder, sets, taken);
      encoder.finish();
      EXPECT_EQ(handed_out, 20u) << first << ": cleared, it is as new";
    }
    EXPECT_GT(first, 10u);
    EXPECT_LT(first, kTooMany);
  }
}

TEST(MetricEncodersTest, text_is_whole_or_an_exception_when_memory_runs_out) {
  const std::vector<Set> sets = some_sets();
  const model::Resource resource{{{"service.name", owned_text("shop\xFF")}}};
  const auto write = [&](ByteBuffer& out) {
    uint64_t taken = 0;
    PrometheusText text(resource, {});
    collect(text, sets, taken);
    text.finish(out);
  };
  ByteBuffer whole;
  write(whole);
  uint64_t first = 1;
  for (; first != kTooMany; ++first) {
    ByteBuffer out;
    bool is_done = true;
    scarce::arm(Who::kCaller, first, 1);
    try {
      write(out);
    } catch (const std::bad_alloc&) {
      is_done = false;
    }
    const bool has_failed = scarce::disarm() != 0;
    // Sorting does without memory of its own.
    EXPECT_TRUE(has_failed || is_done);
    if (is_done) {
      EXPECT_EQ(as_text(out.view()), as_text(whole.view()));
    }
    if (!has_failed) break;
  }
  EXPECT_GT(first, 10u);
  EXPECT_LT(first, kTooMany);
}

}  // namespace
}  // namespace forebay::encode
