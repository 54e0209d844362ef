// An exporter that answers what a test tells it to.
#pragma once
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "ship/exporter.h"

namespace forebay::ship::testing {

class ScriptedExporter final : public Exporter {
 public:
  void send(EncodedBatch batch, MonotonicTime now) override {
    sent.push_back(batch.id);
    sent_at.push_back(now);
    under_way.push_back(std::move(batch));
  }
  std::vector<Attempt> poll(Duration) override { return std::exchange(ended, {}); }
  void forget_all() noexcept override { (void)cancel_all(); }
  std::vector<Attempt> cancel_all() override {
    std::vector<Attempt> attempts = std::exchange(ended, {});
    for (EncodedBatch& batch : under_way) {
      Attempt attempt;
      attempt.batch = std::move(batch);
      attempt.kind = cancelled_as;
      attempts.push_back(std::move(attempt));
    }
    under_way.clear();
    return attempts;
  }
  void wake() noexcept override {}
  [[nodiscard]] Codec codec() const noexcept override { return Codec::kZstd; }
  [[nodiscard]] uint32_t max_in_flight() const noexcept override { return parallel; }
  [[nodiscard]] const std::string& description() const noexcept override { return name; }
  [[nodiscard]] std::string_view type() const noexcept override { return "scripted"; }

  // The oldest under way ends like this.
  Attempt& answer(Attempt::Kind kind) {
    Attempt attempt;
    attempt.batch = std::move(under_way.front());
    under_way.pop_front();
    attempt.kind = kind;
    ended.push_back(std::move(attempt));
    return ended.back();
  }

  std::vector<std::string> sent;
  std::vector<MonotonicTime> sent_at;
  std::deque<EncodedBatch> under_way;
  std::vector<Attempt> ended;
  Attempt::Kind cancelled_as = Attempt::Kind::kAmbiguous;
  uint32_t parallel = 4;
  std::string name = "scripted";
};

}  // namespace forebay::ship::testing
