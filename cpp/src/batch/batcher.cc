#include "batch/batcher.h"

#include <algorithm>
#include <string>

namespace forebay::batch {
namespace {

constexpr uint32_t kMaxRecords = 1'000'000;
constexpr uint64_t kMinBytes = 1u << 10;
constexpr uint64_t kMaxBytes = 16u << 20;
constexpr Duration kMaxDelay = std::chrono::hours{1};

}  // namespace

Status BatchOptions::validate() const {
  if (max_records < 1 || max_records > kMaxRecords) {
    return Status::invalid("batch.max_records: " + std::to_string(max_records) +
                           " is not in 1..1000000");
  }
  if (max_bytes < kMinBytes || max_bytes > kMaxBytes) {
    return Status::invalid("batch.max_bytes: " + std::to_string(max_bytes) +
                           " is not in 1024..16777216");
  }
  if (max_delay < Duration::zero() || max_delay > kMaxDelay) {
    return Status::invalid("batch.max_delay: " + std::to_string(max_delay.count()) +
                           " ns is not in 0..1 h");
  }
  return Status::ok();
}

Batcher::Batcher(const BatchOptions& options) : options_(options) {}

ByteBuffer& Batcher::segment(uint32_t scope) {
  if (last_ >= used_ || segments_[last_].scope != scope) {
    if (scope >= index_by_scope_.size()) index_by_scope_.resize(size_t{scope} + 1);
    const size_t found = index_by_scope_[scope];
    if (found < used_ && segments_[found].scope == scope) {
      last_ = found;
    } else {
      // Counted among the used ones by added(): the record may yet fail to be encoded.
      if (used_ == segments_.size()) segments_.emplace_back();
      last_ = used_;
      Segment& fresh = segments_[last_];
      fresh.scope = scope;
      fresh.records = 0;
      fresh.bytes.clear();
      index_by_scope_[scope] = static_cast<uint32_t>(last_);
    }
  }
  size_before_ = segments_[last_].bytes.size();
  return segments_[last_].bytes;
}

void Batcher::added(SeverityClass severity, MonotonicTime emitted, WallTime emitted_wall,
                    MonotonicTime now, uint64_t represents) {
  if (last_ == used_) ++used_;
  Segment& segment = segments_[last_];
  ++segment.records;
  bytes_ += segment.bytes.size() - size_before_;
  size_before_ = segment.bytes.size();
  ++counts_[severity];
  represented_ += represents;
  if (records_++ == 0) {
    first_seen_ = now;
    oldest_ = newest_ = emitted;
    oldest_wall_ = emitted_wall;
    return;
  }
  if (emitted < oldest_) {
    oldest_ = emitted;
    oldest_wall_ = emitted_wall;
  }
  newest_ = std::max(newest_, emitted);
}

bool Batcher::full() const noexcept {
  return records_ >= options_.max_records || bytes_ >= options_.max_bytes;
}

bool Batcher::due(MonotonicTime now) const noexcept { return records_ != 0 && now >= due_at(); }

MonotonicTime Batcher::due_at() const noexcept { return first_seen_ + options_.max_delay; }

std::span<const Batcher::Segment> Batcher::segments() const noexcept {
  return {segments_.data(), used_};
}

uint64_t Batcher::memory_bytes() const noexcept {
  uint64_t sum =
      segments_.capacity() * sizeof(Segment) + index_by_scope_.capacity() * sizeof(uint32_t);
  for (const Segment& segment : segments_) sum += segment.bytes.capacity();
  return sum;
}

void Batcher::clear() {
  uint64_t kept = 0;
  for (size_t i = 0; i < segments_.size(); ++i) {
    ByteBuffer& bytes = segments_[i].bytes;
    kept += bytes.capacity();
    if (i < used_ && kept <= 2 * options_.max_bytes) {
      bytes.clear();
    } else {
      kept -= bytes.capacity();
      bytes.release();
    }
  }
  used_ = 0;
  last_ = 0;
  records_ = 0;
  represented_ = 0;
  bytes_ = 0;
  size_before_ = 0;
  counts_ = {};
  first_seen_ = oldest_ = newest_ = {};
  oldest_wall_ = {};
}

}  // namespace forebay::batch
