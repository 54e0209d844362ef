// A destination that exists only in numbers, under a clock that is moved by hand: what a simulation
// sends to.
#pragma once
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "ship/exporter.h"

namespace forebay::ship {

struct ModelledDestination {
  // What it takes at most. Unit: records a second; 0: as many as come.
  double records_per_second = 0.0;
  // From the request to the answer, beside the time that its records take.
  Duration latency = std::chrono::milliseconds{5};
  // When it refuses connections: from, until.
  std::vector<std::pair<MonotonicTime, MonotonicTime>> outages{};
  uint32_t max_in_flight = 2;
  Codec codec = Codec::kZstd;
};

// Requests are served one after the other at the destination's rate. One that was accepted before
// an outage begins is still answered.
class ModelledExporter final : public Exporter {
 public:
  ModelledExporter(ModelledDestination destination, const Clock& clock)
      : destination_(std::move(destination)), clock_(clock) {}

  void send(EncodedBatch batch, MonotonicTime now) override;
  // Never waits: time does not move by itself here.
  std::vector<Attempt> poll(Duration wait) override;
  std::vector<Attempt> cancel_all() override;
  void forget_all() noexcept override { under_way_.clear(); }
  void wake() noexcept override {}
  [[nodiscard]] Codec codec() const noexcept override { return destination_.codec; }
  [[nodiscard]] uint32_t max_in_flight() const noexcept override {
    return destination_.max_in_flight;
  }
  [[nodiscard]] const std::string& description() const noexcept override { return description_; }
  [[nodiscard]] std::string_view type() const noexcept override { return "modelled"; }

 private:
  struct UnderWay {
    MonotonicTime done_at{};
    Attempt attempt;
  };
  [[nodiscard]] bool is_out(MonotonicTime now) const noexcept;

  const ModelledDestination destination_;
  const Clock& clock_;
  const std::string description_ = "modelled";
  std::deque<UnderWay> under_way_;  // by done_at
  MonotonicTime busy_until_{};
};

}  // namespace forebay::ship
