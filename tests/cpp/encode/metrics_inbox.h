// Where a MetricEncoder's requests go in tests.
#pragma once
#include <gtest/gtest.h>

#include <vector>

#include "encode/metrics_reader.h"
#include "encode/otlp_metrics.h"
#include "encode/point_maker.h"

namespace forebay::encode {

constexpr uint32_t kManyPoints = 1'000'000;
constexpr uint64_t kManyBytes = 1 << 30;
struct Sent {
  wire::MetricsMessage message;
  uint32_t points;
  bool is_cumulative;
  WallTime time;
  size_t bytes;
};

// Takes requests apart as they come.
class Inbox {
 public:
  std::vector<Sent> all;
  MetricEncoder::RequestSink sink() {
    return [this](MetricRequest&& request) {
      all.push_back({wire::metrics_request(request.body.view()), request.points,
                     request.is_cumulative, request.time, request.body.size()});
      EXPECT_EQ(all.back().message.points().size(), request.points);
    };
  }
};

inline const model::Resource& test_resource() {
  static const model::Resource resource{{{"service.name", owned_text("shop")}}};
  return resource;
}

}  // namespace forebay::encode
