#include "ship/console_mirror.h"

#include <algorithm>
#include <new>
#include <utility>

namespace forebay::ship {
namespace {

// A console that could take no more is tried again this soon.
constexpr Duration kTryAgain = std::chrono::milliseconds{100};

}  // namespace

ConsoleMirror::ConsoleMirror(std::unique_ptr<Exporter> primary, ConsoleFormat format, int fd)
    : primary_(std::move(primary)), console_(format, fd) {}

void ConsoleMirror::send(EncodedBatch batch, MonotonicTime now) {
  now_ = now;
  primary_->send(std::move(batch), now);
}

std::vector<Attempt> ConsoleMirror::poll(Duration wait) {
  if (waiting_batches_ > 0) {
    forget_shown(console_.poll(Duration::zero()));
    if (waiting_batches_ > 0) wait = std::min(wait, kTryAgain);
  }
  std::vector<Attempt> attempts = primary_->poll(wait);
  show_delivered(attempts);
  return attempts;
}

std::vector<Attempt> ConsoleMirror::cancel_all() {
  std::vector<Attempt> attempts = primary_->cancel_all();
  show_delivered(attempts);
  forget_shown(console_.cancel_all());
  return attempts;
}

void ConsoleMirror::show_delivered(const std::vector<Attempt>& attempts) noexcept {
  for (const Attempt& attempt : attempts) {
    if (attempt.kind != Attempt::Kind::kDelivered) continue;
    if (attempt.batch.signal != Signal::kLogs) continue;
    const uint64_t bytes = attempt.batch.cost_bytes();
    if (waiting_batches_ > 0 && waiting_bytes_ + bytes > kMostWaitingBytes) {
      console_.skip(attempt.batch.records());
      continue;
    }
    try {
      console_.send(attempt.batch, now_);
    } catch (const std::bad_alloc&) {  // the batch is delivered all the same
      console_.skip(attempt.batch.records());
      continue;
    }
    ++waiting_batches_;
    waiting_bytes_ += bytes;
  }
  if (waiting_batches_ > 0) forget_shown(console_.poll(Duration::zero()));
}

void ConsoleMirror::forget_shown(const std::vector<Attempt>& shown) noexcept {
  for (const Attempt& attempt : shown) {
    waiting_batches_ -= std::min<uint64_t>(waiting_batches_, 1);
    waiting_bytes_ -= std::min(waiting_bytes_, attempt.batch.cost_bytes());
  }
}

}  // namespace forebay::ship
