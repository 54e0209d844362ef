#include "ship/file_exporter.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "base/diagnostics.h"

namespace forebay::ship {
namespace {

constexpr size_t kDigits = 6;              // of a file's number, at least
constexpr size_t kShortestInstanceId = 8;  // by which a file of ours is told from others
constexpr uint64_t kSmallestFile = 4096;
// The directory is looked at again after so much was written, or so much time.
constexpr uint64_t kLookBytes = 1u << 20;
constexpr Duration kSpaceLookInterval = std::chrono::seconds{10};
// An encoder's buffer that one huge batch has grown is given back.
constexpr size_t kKeptBuffer = 8u << 20;

std::string_view suffix_of(FileFormat format, Signal signal) noexcept {
  if (signal == Signal::kMetrics) {
    return format == FileFormat::kJsonLines ? ".metrics.jsonl" : ".metrics.otlp.zst";
  }
  return format == FileFormat::kJsonLines ? ".jsonl" : ".otlp.zst";
}

// The number at the end of `stem`, and what is before it.
std::optional<uint64_t> trailing_number(std::string_view stem, std::string_view& before) noexcept {
  size_t from = stem.size();
  while (from > 0 && std::isdigit(static_cast<unsigned char>(stem[from - 1])) != 0) --from;
  const std::string_view digits = stem.substr(from);
  uint64_t number = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.size() < kDigits || result.ec != std::errc{}) return std::nullopt;
  before = stem.substr(0, from);
  return number;
}

// What the name of a file of ours says, whoever wrote it.
struct Named {
  Signal signal = Signal::kLogs;
  std::string_view prefix;  // with the dash before the number
  uint64_t number = 0;
};
std::optional<Named> read_name(std::string_view name) noexcept {
  for (const Signal signal : {Signal::kLogs, Signal::kMetrics}) {
    for (const FileFormat format : {FileFormat::kJsonLines, FileFormat::kOtlp}) {
      const std::string_view suffix = suffix_of(format, signal);
      if (!name.ends_with(suffix)) continue;
      Named named{.signal = signal, .prefix = {}};
      const auto number =
          trailing_number(name.substr(0, name.size() - suffix.size()), named.prefix);
      if (!number || !named.prefix.ends_with('-')) continue;
      named.number = *number;
      return named;
    }
  }
  return std::nullopt;
}

std::string padded(uint64_t number) {
  std::string digits = std::to_string(number);
  if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
  return digits;
}

void append_big_endian(ByteBuffer& to, uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) to.push_back(static_cast<uint8_t>(value >> shift));
}

}  // namespace

Status FileOptions::validate() const {
  if (directory.empty() || directory.front() != '/') {
    return Status::invalid("directory: \"" + directory + "\" is not an absolute path");
  }
  if (instance_id.empty() || safe_file_name(instance_id) != instance_id) {
    return Status::invalid("instance_id: \"" + instance_id +
                           "\" is not 1..64 letters, digits, '.', '_' or '-'");
  }
  if (max_file_bytes < kSmallestFile) {
    return Status::invalid("max_file_bytes: " + std::to_string(max_file_bytes) +
                           " is not in 4096..");
  }
  if (max_total_bytes < max_file_bytes) {
    return Status::invalid("max_total_bytes: " + std::to_string(max_total_bytes) +
                           " is not in max_file_bytes (" + std::to_string(max_file_bytes) + ")..");
  }
  if (max_age && *max_age < std::chrono::minutes{1}) {
    return Status::invalid("max_age: " + std::to_string(max_age->count()) +
                           " ns is not in 1 min..");
  }
  return Status::ok();
}

FileExporter::FileExporter(FileOptions options, FileSystem& files, const Clock& clock)
    : options_(std::move(options)),
      files_(files),
      clock_(clock),
      description_("files in " + options_.directory),
      prefix_(safe_file_name(options_.service) + "-" + options_.instance_id + "-") {}

Codec FileExporter::codec() const noexcept {
  return options_.format == FileFormat::kOtlp ? Codec::kZstd : Codec::kNone;
}

std::string FileExporter::path_of(const std::string& name) const {
  return options_.directory + "/" + name;
}

// Others may keep files with such endings here as well: an instance id must be there too, made of
// hexadecimal digits and dashes as UUIDs are.
bool FileExporter::is_ours(std::string_view name) noexcept {
  const std::optional<Named> named = read_name(name);
  if (!named) return false;
  const std::string_view before = named->prefix.substr(0, named->prefix.size() - 1);
  size_t id = 0;
  while (id < before.size()) {
    const auto c = static_cast<unsigned char>(before[before.size() - 1 - id]);
    if (std::isxdigit(c) == 0 && c != '-') break;
    ++id;
  }
  return id >= kShortestInstanceId && before.find('-') != std::string_view::npos;
}

bool FileExporter::is_mine(std::string_view name) const noexcept {
  const std::optional<Named> named = read_name(name);
  return named && named->prefix == prefix_;
}

FileExporter::Current& FileExporter::of(Signal signal) noexcept {
  return current_[static_cast<size_t>(signal)];
}

bool FileExporter::is_current(const std::string& name) const noexcept {
  return std::any_of(current_.begin(), current_.end(), [&](const Current& current) {
    return current.file != nullptr && current.name == name;
  });
}

Status FileExporter::encode(const EncodedBatch& batch, ByteBuffer& output) {
  const bool json = options_.format == FileFormat::kJsonLines;
  Result<Transcoder::Body> body =
      json ? transcoder_.plain(batch) : transcoder_.in_codec(batch, Codec::kZstd);
  if (!body) return body.status();
  const ByteView bytes = (*body)->view();
  if (!json) {
    append_big_endian(output, static_cast<uint32_t>(bytes.size()));
    output.append(bytes);
    return Status::ok();
  }
  if (Status status = json_.write(batch.signal, bytes, output); !status) return status;
  output.push_back('\n');
  return Status::ok();
}

Status FileExporter::make_ready(Signal signal, uint64_t more) {
  if (!ready_) {
    if (Status status = files_.make_directories(options_.directory); !status) return status;
    Result<std::vector<FileInfo>> listed = files_.list(options_.directory);
    if (!listed) return listed.status();
    // An earlier exporter of this process may have left files: they are not written to again.
    for (const FileInfo& info : *listed) {
      if (const auto named = read_name(info.name); named && named->prefix == prefix_) {
        uint64_t& next = of(named->signal).next_number;
        next = std::max(next, named->number + 1);
      }
    }
    ready_ = true;
  }
  Current& current = of(signal);
  if (current.file && current.file->size() > 0 &&
      current.file->size() + more > options_.max_file_bytes) {
    current.file.reset();
  }
  if (current.file && current.file->is_deleted()) current.file.reset();
  if (current.file) return Status::ok();
  const std::string name =
      prefix_ + padded(current.next_number) + std::string(suffix_of(options_.format, signal));
  Result<std::unique_ptr<AppendFile>> opened = files_.open_append(path_of(name));
  if (!opened) {
    ready_ = false;  // the directory may be gone
    return opened.status();
  }
  ++current.next_number;
  current.file = opened.take();
  current.name = name;
  looked_at_.reset();
  return Status::ok();
}

Status FileExporter::append(Current& current) {
  const uint64_t before = current.file->size();
  Status status = current.file->append(output_.view());
  if (status) {
    written_since_look_ += output_.size();
    return status;
  }
  // Half a batch may be at the end: nothing may come after it.
  if (current.file->size() != before) {
    current.file.reset();
  } else if (before == 0) {
    // Each try on a full disk would otherwise leave one more empty file.
    if (files_.remove(path_of(current.name)).is_ok()) --current.next_number;
    current.file.reset();
  }
  return status;
}

Attempt FileExporter::write(EncodedBatch batch, MonotonicTime now) {
  Attempt attempt;
  output_.clear();
  Status status = encode(batch, output_);
  if (!status) {
    attempt.kind = Attempt::Kind::kFailed;
  } else {
    status = make_ready(batch.signal, output_.size());
    if (status) status = append(of(batch.signal));
    attempt.kind = status ? Attempt::Kind::kDelivered : Attempt::Kind::kRetry;
    keep_house(now);
  }
  attempt.answered = status.is_ok();
  if (!status) attempt.message = status.message();
  if (output_.capacity() > kKeptBuffer) output_.release();
  attempt.batch = std::move(batch);
  return attempt;
}

// Old files go, and the oldest as long as all together are too many. What another process is
// writing to may go as well where it is the oldest; that one notices at its own next look.
void FileExporter::keep_house(MonotonicTime now) {
  const uint64_t look_bytes = std::min(kLookBytes, options_.max_file_bytes / 4);
  if (looked_at_ && now - *looked_at_ < kSpaceLookInterval && written_since_look_ < look_bytes)
    return;
  looked_at_ = now;
  written_since_look_ = 0;
  Result<std::vector<FileInfo>> listed = files_.list(options_.directory);
  if (!listed) return;
  std::vector<FileInfo> found = listed.take();
  for (Current& current : current_) {
    const bool there = std::any_of(found.begin(), found.end(),
                                   [&](const FileInfo& info) { return info.name == current.name; });
    if (current.file && !there) current.file.reset();
  }
  std::erase_if(found,
                [&](const FileInfo& info) { return !is_ours(info.name) && !is_mine(info.name); });
  std::sort(found.begin(), found.end(), [](const FileInfo& a, const FileInfo& b) {
    return a.modified_unix_s != b.modified_unix_s ? a.modified_unix_s < b.modified_unix_s
                                                  : a.name < b.name;
  });
  uint64_t total = 0;
  for (const FileInfo& info : found) total += info.bytes;
  const auto wall_s =
      std::chrono::floor<std::chrono::seconds>(clock_.wall_now().time_since_epoch());
  for (const FileInfo& info : found) {
    const auto age = wall_s - std::chrono::seconds{info.modified_unix_s};
    const bool too_old = options_.max_age && age > *options_.max_age;
    if (is_current(info.name) || (!too_old && total <= options_.max_total_bytes)) continue;
    if (Status status = files_.remove(path_of(info.name)); status) {
      total -= info.bytes;
    } else {
      warn("file_not_removed", status.message());
    }
  }
}

void FileExporter::send(EncodedBatch batch, MonotonicTime now) {
  ended_.push_back(write(std::move(batch), now));
}

std::vector<Attempt> FileExporter::poll(Duration wait) {
  if (ended_.empty()) doorbell_.await(wait);
  return std::exchange(ended_, {});
}

std::vector<Attempt> FileExporter::cancel_all() { return std::exchange(ended_, {}); }

}  // namespace forebay::ship
