// Shows log records and metric points on a terminal, or as JSON lines where there is none.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ship/console_text.h"
#include "ship/doorbell.h"
#include "ship/exporter.h"
#include "ship/transcode.h"

namespace forebay::ship {

enum class ConsoleFormat : uint8_t {
  kAuto,    // kPretty on a terminal, else kJson
  kPretty,  // a line a record or point, aligned; colored on a terminal unless NO_COLOR is set
  kJson,    // a flat JSON object a record or point
};

// Writes to a file descriptor that stays the caller's. Never waits for it: a terminal that was
// stopped, or a pipe that nobody reads, holds up nothing but this destination. Where nobody can
// read any more (a broken pipe, a closed descriptor) batches are rejected, with one warning.
class ConsoleExporter final : public Exporter {
 public:
  ConsoleExporter(ConsoleFormat format, int fd);

  // So many records were not given to it; said before the next one that is shown.
  void skip(uint64_t records) noexcept { skipped_ += records; }

  void send(EncodedBatch batch, MonotonicTime now) override;
  std::vector<Attempt> poll(Duration wait) override;
  std::vector<Attempt> cancel_all() override;
  void forget_all() noexcept override { ended_.clear(); }
  void wake() noexcept override { doorbell_.ring(); }
  [[nodiscard]] Codec codec() const noexcept override { return Codec::kNone; }
  [[nodiscard]] uint32_t max_in_flight() const noexcept override { return 1; }
  [[nodiscard]] const std::string& description() const noexcept override { return description_; }
  [[nodiscard]] std::string_view type() const noexcept override { return "console"; }

 private:
  Status show(const EncodedBatch& batch, ByteBuffer& output);
  void say_skipped(ByteBuffer& output);
  void end(Attempt::Kind kind, std::string message);
  void write_some();

  const int fd_;
  const bool pretty_;
  const std::string description_ = "console";
  PrettyText text_;
  Transcoder transcoder_;
  Doorbell doorbell_;
  bool gone_ = false;     // nobody will ever read it again
  uint64_t skipped_ = 0;  // since that was last said

  std::vector<EncodedBatch> waiting_;  // sent while another was being written
  std::optional<EncodedBatch> batch_;  // being written
  ByteBuffer output_;
  size_t written_ = 0;
  std::vector<Attempt> ended_;
};

}  // namespace forebay::ship
