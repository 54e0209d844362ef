// Keeps what it is given, for tests and for a program that reads its own telemetry.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ship/doorbell.h"
#include "ship/exporter.h"
#include "ship/transcode.h"

namespace forebay::ship {

// take() may be called from any thread, the rest from one.
class MemoryExporter final : public Exporter {
 public:
  struct Kept {
    BatchId id;
    // An Export{Logs,Metrics}ServiceRequest, not compressed.
    std::shared_ptr<const ByteBuffer> request;
  };

  // Unit: bytes of requests, 1.., of each signal: metrics that nobody takes hold up no logs. A
  // batch that does not fit now is refused and tried again, so that nothing counted as delivered is
  // ever thrown away; one that can never fit is split.
  explicit MemoryExporter(uint64_t max_bytes = kDefaultMaxBytes);

  // Hands out all that is kept of the signal, oldest first, and makes room.
  std::vector<Kept> take(Signal signal);
  [[nodiscard]] uint64_t bytes(Signal signal) const;

  void send(EncodedBatch batch, MonotonicTime now) override;
  std::vector<Attempt> poll(Duration wait) override;
  std::vector<Attempt> cancel_all() override;
  void forget_all() noexcept override { ended_.clear(); }
  void wake() noexcept override { doorbell_.ring(); }
  [[nodiscard]] Codec codec() const noexcept override { return Codec::kNone; }
  [[nodiscard]] uint32_t max_in_flight() const noexcept override { return 1; }
  [[nodiscard]] const std::string& description() const noexcept override { return description_; }
  [[nodiscard]] std::string_view type() const noexcept override { return "memory"; }

  static constexpr uint64_t kDefaultMaxBytes = 64u << 20;

 private:
  struct OfSignal {
    std::vector<Kept> kept;
    uint64_t bytes = 0;
  };
  Attempt keep(EncodedBatch batch);

  const uint64_t max_bytes_;
  const std::string description_ = "memory";
  Transcoder transcoder_;
  std::vector<Attempt> ended_;
  Doorbell doorbell_;

  mutable std::mutex mutex_;           // around the rest
  std::array<OfSignal, 2> of_signal_;  // by signal
};

}  // namespace forebay::ship
