#include "ship/memory_exporter.h"

#include <utility>

namespace forebay::ship {

MemoryExporter::MemoryExporter(uint64_t max_bytes) : max_bytes_(max_bytes) {}

std::vector<MemoryExporter::Kept> MemoryExporter::take() {
  const std::lock_guard lock(mutex_);
  bytes_ = 0;
  return std::exchange(kept_, {});
}

uint64_t MemoryExporter::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

Attempt MemoryExporter::keep(EncodedBatch batch) {
  Attempt attempt;
  Result<Transcoder::Body> plain = transcoder_.plain(batch);
  if (!plain) {
    attempt.kind = Attempt::Kind::kFailed;
    attempt.message = plain.status().message();
    attempt.batch = std::move(batch);
    return attempt;
  }
  attempt.answered = true;
  const uint64_t size = (*plain)->size();
  const std::lock_guard lock(mutex_);
  if (size > max_bytes_) {
    attempt.kind = Attempt::Kind::kTooLarge;
    attempt.message = "memory: larger than all the room there is";
  } else if (size > max_bytes_ - bytes_) {
    attempt.kind = Attempt::Kind::kRetry;
    attempt.message = "memory: full until take() is called";
  } else {
    attempt.kind = Attempt::Kind::kDelivered;
    kept_.push_back({batch.id, batch.signal, plain.take()});
    bytes_ += size;
  }
  attempt.batch = std::move(batch);
  return attempt;
}

void MemoryExporter::send(EncodedBatch batch, MonotonicTime /*now*/) {
  ended_.push_back(keep(std::move(batch)));
}

std::vector<Attempt> MemoryExporter::poll(Duration wait) {
  if (ended_.empty()) doorbell_.await(wait);
  return std::exchange(ended_, {});
}

std::vector<Attempt> MemoryExporter::cancel_all() { return std::exchange(ended_, {}); }

}  // namespace forebay::ship
