#include "ship/split.h"

#include <algorithm>
#include <initializer_list>
#include <span>
#include <utility>

#include "ship/wire_reader.h"

namespace forebay::ship {
namespace {

// The field numbers that lead from a request down to its records, one set a level. Source:
// opentelemetry-proto logs.proto and metrics.proto.
constexpr uint32_t kOne[] = {1};
constexpr uint32_t kTwo[] = {2};
// gauge, sum, histogram, exponential_histogram, summary
constexpr uint32_t kMetricData[] = {5, 7, 9, 10, 11};
using Path = std::span<const std::span<const uint32_t>>;
// resource_logs, scope_logs, log_records
constexpr std::span<const uint32_t> kLogPath[] = {kOne, kTwo, kTwo};
// resource_metrics, scope_metrics, metrics, data, data_points
constexpr std::span<const uint32_t> kMetricPath[] = {kOne, kTwo, kTwo, kMetricData, kOne};

constexpr uint32_t kSeverityNumberField = 2;  // of LogRecord
constexpr uint32_t kAttributesField = 6;
constexpr std::string_view kAdjustedCountKey = "forebay.adjusted_count";

bool leads_down(const WireField& field, std::span<const uint32_t> numbers) noexcept {
  if (field.type != WireType::kBytes) return false;
  for (const uint32_t number : numbers) {
    if (field.number == number) return true;
  }
  return false;
}

// What a half must know of each of its records.
struct RecordFacts {
  SeverityClass severity = SeverityClass::kUnspecified;
  int64_t represents = 1;  // emitted records
  bool is_internal = false;
};

// A KeyValue's key, and its value where that is an int.
struct IntAttribute {
  std::string_view key;
  int64_t value = 0;
};
IntAttribute read_attribute(ByteView key_value) noexcept {
  IntAttribute attribute;
  WireReader reader(key_value);
  WireField field;
  while (reader.next(field)) {
    if (field.type != WireType::kBytes) continue;
    if (field.number == 1) attribute.key = as_text(field.bytes);
    if (field.number != 2) continue;
    WireReader any_value(field.bytes);
    WireField inner;
    while (any_value.next(inner)) {
      if (inner.number == 3 && inner.type == WireType::kVarint) {
        attribute.value = static_cast<int64_t>(inner.value);
      }
    }
  }
  return attribute;
}

// A record of Forebay's own stands for none that was emitted, unless it says for how many.
RecordFacts facts_of_log_record(ByteView record, bool& corrupt) noexcept {
  uint64_t severity = 0;
  int64_t adjusted_count = 0;
  bool is_internal = false;
  WireReader reader(record);
  WireField field;
  while (reader.next(field)) {
    if (field.number == kSeverityNumberField && field.type == WireType::kVarint) {
      severity = field.value;
    } else if (field.number == kAttributesField && field.type == WireType::kBytes) {
      const IntAttribute attribute = read_attribute(field.bytes);
      if (attribute.key == kAdjustedCountKey) adjusted_count = attribute.value;
      if (attribute.key == kInternalKey) is_internal = true;
    }
  }
  corrupt = corrupt || reader.corrupt();
  RecordFacts facts;
  facts.severity = severity_class(severity <= 24 ? static_cast<uint32_t>(severity) : 0);
  facts.is_internal = is_internal;
  facts.represents = adjusted_count != 0 ? adjusted_count : is_internal ? 0 : 1;
  return facts;
}

// Copies a message with those of its records that are in [from, to), counted over the whole walk.
class Portion {
 public:
  Portion(Signal signal, uint64_t from, uint64_t to) noexcept
      : path_(signal == Signal::kLogs ? Path(kLogPath) : Path(kMetricPath)),
        signal_(signal),
        from_(from),
        to_(to) {}

  // True where any record of it belongs to this portion: only then `output` is of use.
  bool copy(ByteView message, size_t level, ByteBuffer& output) {
    bool any = false;
    WireReader reader(message);
    WireField field;
    ByteBuffer child;
    while (reader.next(field)) {
      if (!leads_down(field, path_[level])) {
        output.append(field.whole);
      } else if (level + 1 == path_.size()) {
        any = copy_record(field, output) || any;
      } else {
        child.clear();
        if (copy(field.bytes, level + 1, child)) {
          append_bytes_field(output, field.number, child.view());
          any = true;
        }
      }
    }
    corrupt_ = corrupt_ || reader.corrupt();
    return any;
  }

  [[nodiscard]] bool corrupt() const noexcept { return corrupt_; }
  [[nodiscard]] uint64_t seen() const noexcept { return seen_; }
  [[nodiscard]] const SeverityCounts& counts() const noexcept { return counts_; }
  [[nodiscard]] int64_t excess() const noexcept { return excess_; }
  [[nodiscard]] uint64_t internal() const noexcept { return internal_; }

 private:
  bool copy_record(const WireField& field, ByteBuffer& output) {
    const uint64_t position = seen_++;
    if (position < from_ || position >= to_) return false;
    output.append(field.whole);
    // A metric point has no severity; who made it only the batch knows.
    const RecordFacts facts =
        signal_ == Signal::kLogs ? facts_of_log_record(field.bytes, corrupt_) : RecordFacts{};
    ++counts_[facts.severity];
    excess_ += facts.represents - 1;
    if (facts.is_internal) ++internal_;
    return true;
  }

  Path path_;
  Signal signal_;
  uint64_t from_;
  uint64_t to_;
  uint64_t seen_ = 0;
  SeverityCounts counts_;
  int64_t excess_ = 0;
  uint64_t internal_ = 0;
  bool corrupt_ = false;
};

Status not_as_claimed(const EncodedBatch& batch) {
  return Status::corrupt("batch " + batch.id + ": its bytes do not hold the records it claims");
}

// Forebay's own points have a lane for themselves, so that a batch has none or nothing but them; in
// a batch of both the first half is said to have as many as it can.
void share_out(const EncodedBatch& batch, const EncodedBatch* first, EncodedBatch& half) noexcept {
  if (first != nullptr) {
    half.internal = batch.internal - first->internal;
    half.excess = batch.excess - first->excess;
    return;
  }
  half.internal = std::min(half.records(), batch.internal);
  half.excess = batch.excess < 0 ? -static_cast<int64_t>(half.internal) : 0;
}

}  // namespace

Result<std::vector<EncodedBatch>> split(const EncodedBatch& batch, Transcoder& transcoder) {
  const uint64_t records = batch.records();
  if (records < 2) {
    return Status::invalid("batch " + batch.id + ": what is split needs two records or points");
  }
  Result<Transcoder::Body> message = transcoder.plain(batch);
  if (!message) return message.status();

  const uint64_t middle = records / 2;
  std::vector<EncodedBatch> halves;
  SeverityCounts sum;
  for (const auto& [from, to] : {std::pair{uint64_t{0}, middle}, std::pair{middle, records}}) {
    Portion portion(batch.signal, from, to);
    ByteBuffer bytes;
    portion.copy((*message)->view(), 0, bytes);
    if (portion.corrupt() || portion.seen() != records) return not_as_claimed(batch);
    EncodedBatch half = batch;
    half.id += from == 0 ? ".0" : ".1";
    half.counts = portion.counts();
    half.excess = portion.excess();
    if (batch.signal == Signal::kMetrics) {
      share_out(batch, from == 0 ? nullptr : &halves[0], half);
    } else {
      // What is found in the second half is not asked: a user's record may have the key after all.
      half.internal = from == 0 ? std::min(portion.internal(), batch.internal)
                                : batch.internal - halves[0].internal;
    }
    half.raw_bytes = bytes.size();
    Result<Transcoder::Body> body = transcoder.encode(bytes.view(), batch.codec);
    if (!body) return body.status();
    half.body = body.take();
    sum += half.counts;
    halves.push_back(std::move(half));
  }
  if (sum != batch.counts) return not_as_claimed(batch);
  return halves;
}

}  // namespace forebay::ship
