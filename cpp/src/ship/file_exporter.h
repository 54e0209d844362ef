// Writes batches to files in a directory that several processes may share.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/status.h"
#include "ship/doorbell.h"
#include "ship/exporter.h"
#include "ship/otlp_json.h"
#include "ship/transcode.h"

namespace forebay::ship {

enum class FileFormat : uint8_t {
  kJsonLines,  // OTLP File: one LogsData or MetricsData object a line; `.jsonl`
  kOtlp,       // for each batch its length (4 bytes, big-endian) and a zstd frame of the protobuf
               // message, as the Collector's file exporter writes with `format: proto` and
               // `compression: zstd`; `.otlp.zst`
};

struct FileOptions {
  std::string directory;  // absolute; made where it is not there
  FileFormat format = FileFormat::kJsonLines;
  std::string service = "unknown_service";  // in the files' names
  std::string instance_id;                  // the same; names this one writer among all
  // A file is followed by the next one before it grows beyond this; one batch may be larger. Unit:
  // bytes, 4 KiB..
  uint64_t max_file_bytes = 32u << 20;
  // Most bytes of all files of Forebay in the directory, whoever wrote them; the oldest go. What is
  // being written may be beyond it until the next look. Unit: bytes, max_file_bytes..
  uint64_t max_total_bytes = 256u << 20;
  // Files that nobody wrote to for this long go. Unit: ns, 1 min..; none: they stay.
  std::optional<Duration> max_age = std::chrono::hours{7 * 24};

  [[nodiscard]] Status validate() const;  // names the field, its value and the range
};

// Files are named `<service>-<instance id>-<n>.jsonl`, n from 000001 on. A file holds one signal:
// those of metrics are numbered for themselves and end with `.metrics.jsonl` (`.metrics.otlp.zst`),
// so that a reader of logs need not open them. Rotation, and the limits of the directory, are the
// same for both. A batch is appended by one write, so that a reader never sees half a line but in
// the moment of a full disk. Nothing is touched before the first send().
class FileExporter final : public Exporter {
 public:
  // `options` must be valid; `files` and `clock` must outlive the exporter.
  FileExporter(FileOptions options, FileSystem& files, const Clock& clock);

  void send(EncodedBatch batch, MonotonicTime now) override;
  std::vector<Attempt> poll(Duration wait) override;
  std::vector<Attempt> cancel_all() override;
  void forget_all() noexcept override { ended_.clear(); }
  void wake() noexcept override { doorbell_.ring(); }
  [[nodiscard]] Codec codec() const noexcept override;
  [[nodiscard]] uint32_t max_in_flight() const noexcept override { return 1; }
  [[nodiscard]] const std::string& description() const noexcept override { return description_; }
  [[nodiscard]] std::string_view type() const noexcept override { return "file"; }

  // Whether a file in the directory is one that some FileExporter wrote.
  [[nodiscard]] static bool is_ours(std::string_view name) noexcept;

 private:
  struct Current {
    std::unique_ptr<AppendFile> file;
    std::string name;
    uint64_t next_number = 1;
  };

  Attempt write(EncodedBatch batch, MonotonicTime now);
  Status encode(const EncodedBatch& batch, ByteBuffer& output);
  Status make_ready(Signal signal, uint64_t more);
  Status append(Current& current);
  void keep_house(MonotonicTime now);
  [[nodiscard]] bool is_current(const std::string& name) const noexcept;
  [[nodiscard]] std::string path_of(const std::string& name) const;
  [[nodiscard]] Current& of(Signal signal) noexcept;
  [[nodiscard]] bool is_mine(std::string_view name) const noexcept;

  const FileOptions options_;
  FileSystem& files_;
  const Clock& clock_;
  std::string description_;
  std::string prefix_;              // "<service>-<instance id>-"
  bool ready_ = false;              // the directory is there and the next numbers are known
  std::array<Current, 2> current_;  // by signal
  uint64_t written_since_look_ = 0;
  std::optional<MonotonicTime> looked_at_;
  ByteBuffer output_;
  OtlpJsonWriter json_;
  Transcoder transcoder_;
  Doorbell doorbell_;
  std::vector<Attempt> ended_;
};

}  // namespace forebay::ship
