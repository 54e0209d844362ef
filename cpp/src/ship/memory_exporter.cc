#include "ship/memory_exporter.h"

#include <utility>

namespace forebay::ship {

MemoryExporter::MemoryExporter(uint64_t max_bytes) : max_bytes_(max_bytes) {}

std::vector<MemoryExporter::Kept> MemoryExporter::take(Signal signal) {
  const std::lock_guard lock(mutex_);
  return std::exchange(of_signal_[static_cast<size_t>(signal)], {}).kept;
}

uint64_t MemoryExporter::bytes(Signal signal) const {
  const std::lock_guard lock(mutex_);
  return of_signal_[static_cast<size_t>(signal)].bytes;
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
  OfSignal& mine = of_signal_[static_cast<size_t>(batch.signal)];
  if (size > max_bytes_) {
    attempt.kind = Attempt::Kind::kTooLarge;
    attempt.message = "memory: larger than all the room there is";
  } else if (size > max_bytes_ - mine.bytes) {
    attempt.kind = Attempt::Kind::kRetry;
    attempt.message = "memory: full until take() is called";
  } else {
    attempt.kind = Attempt::Kind::kDelivered;
    mine.kept.push_back({batch.id, plain.take()});
    mine.bytes += size;
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
