// Acknowledges everything and keeps nothing: a destination for benchmarks and for measuring what
// the rest costs.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "ship/doorbell.h"
#include "ship/exporter.h"

namespace forebay::ship {

class NullExporter final : public Exporter {
 public:
  explicit NullExporter(Codec codec) : codec_(codec) {}
  void send(EncodedBatch batch, MonotonicTime /*now*/) override {
    Attempt attempt;
    attempt.batch = std::move(batch);
    attempt.kind = Attempt::Kind::kDelivered;
    ended_.push_back(std::move(attempt));
  }
  std::vector<Attempt> poll(Duration wait) override {
    if (ended_.empty()) doorbell_.await(wait);
    return std::exchange(ended_, {});
  }
  std::vector<Attempt> cancel_all() override { return std::exchange(ended_, {}); }
  void forget_all() noexcept override { ended_.clear(); }
  void wake() noexcept override { doorbell_.ring(); }
  [[nodiscard]] Codec codec() const noexcept override { return codec_; }
  [[nodiscard]] uint32_t max_in_flight() const noexcept override { return 4; }
  [[nodiscard]] const std::string& description() const noexcept override { return description_; }
  [[nodiscard]] std::string_view type() const noexcept override { return "null"; }

 private:
  const Codec codec_;
  const std::string description_ = "null";
  std::vector<Attempt> ended_;
  Doorbell doorbell_;
};

}  // namespace forebay::ship
