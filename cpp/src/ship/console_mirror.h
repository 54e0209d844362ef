// Shows on the console the log records that another exporter has delivered.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ship/console_exporter.h"
#include "ship/exporter.h"

namespace forebay::ship {

// A view, and no destination: the exporter behind it alone decides what became of a batch, and
// when. A batch is shown once, after it was delivered; metrics are not, which nobody reads as they
// pass. A console that is slow, stopped or gone
// holds up nothing: beyond kMostWaitingBytes batches are not shown, and the console says how many
// records that were as soon as it goes on.
class ConsoleMirror final : public Exporter {
 public:
  ConsoleMirror(std::unique_ptr<Exporter> primary, ConsoleFormat format, int fd);

  void send(EncodedBatch batch, MonotonicTime now) override;
  std::vector<Attempt> poll(Duration wait) override;
  std::vector<Attempt> cancel_all() override;
  void forget_all() noexcept override { primary_->forget_all(); }
  void wake() noexcept override { primary_->wake(); }
  [[nodiscard]] const void* waits_on() const noexcept override { return primary_->waits_on(); }
  [[nodiscard]] Codec codec() const noexcept override { return primary_->codec(); }
  [[nodiscard]] uint32_t max_in_flight() const noexcept override {
    return primary_->max_in_flight();
  }
  [[nodiscard]] const std::string& description() const noexcept override {
    return primary_->description();
  }
  [[nodiscard]] std::string_view type() const noexcept override { return primary_->type(); }

  // Of batches that wait for the console, in memory that no lane counts. One batch may be larger.
  static constexpr uint64_t kMostWaitingBytes = 4u << 20;

 private:
  void show_delivered(const std::vector<Attempt>& attempts) noexcept;
  void forget_shown(const std::vector<Attempt>& shown) noexcept;

  const std::unique_ptr<Exporter> primary_;
  MonotonicTime now_{};  // of the last send
  ConsoleExporter console_;
  uint64_t waiting_batches_ = 0;
  uint64_t waiting_bytes_ = 0;
};

}  // namespace forebay::ship
