// The drain thread's side of a lane.
#include <algorithm>

#include "queue/chain.h"
#include "queue/lane_queue.h"

namespace forebay::queue {
namespace {

constexpr size_t kSpareRuns = 64;  // that threads hand over while gather() looks

uint32_t slots_at(const uint8_t* record) noexcept {
  return LaneQueue::slots_for(header_at(record).size);
}

}  // namespace

const uint8_t* LaneQueue::front(uint64_t ticks_due) {
  was_dry_ = false;
  for (;;) {
    if (fetched_at_ < fetched_.size()) {
      const Run run = fetched_[fetched_at_];
      if (position_ < run.slots()) {
        const uint8_t* record = arena_->slot(run.first() + position_);
        record_slots_ = slots_at(record);
        if (position_ + record_slots_ > run.slots()) return chain_record(run);
        __builtin_prefetch(record + static_cast<size_t>(record_slots_) * kSlotBytes);
        return record;
      }
      give_drained(run);
      ++fetched_at_;
      position_ = 0;
      continue;
    }
    fetched_.clear();
    fetched_at_ = 0;
    if (!next_runs(ticks_due)) {
      if (has_stragglers(ticks_due)) continue;
      was_dry_ = true;
      return nullptr;
    }
  }
}

void LaneQueue::pop() noexcept {
  position_ += record_slots_;
  // Frees the run at once: what waits for room should not wait for the next front().
  if (position_ >= fetched_[fetched_at_].slots()) {
    give_drained(fetched_[fetched_at_]);
    ++fetched_at_;
    position_ = 0;
  }
}

const uint8_t* LaneQueue::chain_record(Run run) {
  const uint32_t size = header_at(arena_->slot(run.first())).size;
  chain_.clear();
  record_slots_ = run.slots();
  for (;;) {
    const size_t part = std::min<size_t>(run.bytes() - kLinkBytes, size - chain_.size());
    chain_.append(ByteView{arena_->slot(run.first()), part});
    const uint32_t link = link_of(*arena_, run);
    if (link == kNoLink || chain_.size() == size) return chain_.data();
    run = Run::from_packed(link);
  }
}

bool LaneQueue::take_from(Producer& producer) {
  fetched_.resize(runs_at_once_);
  const size_t taken =
      queue_.try_dequeue_bulk_from_producer(producer.token(), fetched_.begin(), runs_at_once_);
  fetched_.resize(taken);
  uint32_t slots = 0;
  for (const Run run : fetched_) slots += run.slots();
  if (slots != 0) producer.count_taken(slots);
  return taken != 0;
}

bool LaneQueue::take_kept() {
  const size_t taken = std::min(kept_.size() - kept_at_, runs_at_once_);
  const auto from = kept_.begin() + static_cast<std::ptrdiff_t>(kept_at_);
  fetched_.assign(from, from + static_cast<std::ptrdiff_t>(taken));
  kept_at_ += taken;
  if (kept_at_ == kept_.size()) {
    kept_ = {};
    kept_at_ = 0;
  }
  return taken != 0;
}

bool LaneQueue::next_runs(uint64_t ticks_due) {
  if (chain_.capacity() > (64u << 10)) chain_.release();
  if (take_from(*gathered_) || take_kept()) return true;
  // Each producer in turn, from the one after the last.
  Producer* const head = producers_.load(std::memory_order_acquire);
  Producer* const start =
      visiting_ != nullptr && visiting_->next != nullptr ? visiting_->next : head;
  for (Producer* p = start; p != nullptr;) {
    // What is handed over is older than what is sealed; only this thread seals, so the order holds.
    Run run;
    if (take_from(*p)) {
      visiting_ = p;
      return true;
    }
    if (p->take_sealed(run)) {
      fetched_.assign(1, run);
      visiting_ = p;
      return true;
    }
    p = p->next != nullptr ? p->next : head;
    if (p == start) break;
  }
  return take_open_runs(ticks_due);
}

// Once the lane is closed nothing may be overlooked: neither a run whose owner looked at it in that
// very moment (to find itself refused), nor one that a thread which ends was just handing over.
bool LaneQueue::has_stragglers(uint64_t ticks_due) noexcept {
  if (!is_closed()) return false;
  bool has_some = false;
  Producer* const head = producers_.load(std::memory_order_acquire);
  for (Producer* p = head; p != nullptr; p = p->next) {
    while (p->is_inside()) sched_yield();
    has_some |= p->has_unread() && static_cast<int64_t>(p->opened_ticks() - ticks_due) <= 0;
  }
  return has_some || queue_.size_approx() != 0;
}

bool LaneQueue::take_open_runs(uint64_t ticks_due) {
  bool any = false;
  Producer* const head = producers_.load(std::memory_order_acquire);
  for (Producer* p = head; p != nullptr; p = p->next) {
    if (!p->has_unread() || static_cast<int64_t>(p->opened_ticks() - ticks_due) > 0) continue;
    p->revoke();
    any = true;
  }
  if (!any) return false;
  heavy_fence();
  bool sealed = false;
  for (Producer* p = head; p != nullptr; p = p->next) {
    Run spare;
    uint32_t spare_slots = 0;
    sealed |= p->seal(spare, spare_slots);
    if (spare_slots != 0) give(spare);
  }
  if (!sealed) return false;
  for (Producer* p = head; p != nullptr; p = p->next) {
    Run run;
    if (take_from(*p)) {
      visiting_ = p;
      return true;
    }
    if (p->take_sealed(run)) {
      fetched_.assign(1, run);
      visiting_ = p;
      return true;
    }
  }
  return false;
}

uint64_t LaneQueue::mark() noexcept {
  uint64_t producers = 1;
  for (Producer* p = producers_.load(std::memory_order_acquire); p != nullptr; p = p->next) {
    p->mark();
    ++producers;
  }
  return producers * slots();
}

bool LaneQueue::is_past_mark() const noexcept {
  for (Producer* p = producers_.load(std::memory_order_acquire); p != nullptr; p = p->next) {
    if (!p->is_past_mark()) return false;
  }
  return true;
}

void LaneQueue::reclaim() noexcept {
  starved_.store(false, std::memory_order_relaxed);
  if (line_.has_waiters()) line_.serve();  // lets those go who stayed away
  Producer* const head = producers_.load(std::memory_order_acquire);
  bool any = false;
  for (Producer* p = head; p != nullptr; p = p->next) {
    if (p->has_moved()) continue;
    p->revoke();
    any = true;
  }
  if (!any) return;
  heavy_fence();
  for (Producer* p = head; p != nullptr; p = p->next) {
    Run spare;
    uint32_t spare_slots = 0;
    (void)p->seal(spare, spare_slots);
    if (spare_slots != 0) give(spare);
  }
}

bool LaneQueue::gather(std::vector<Run>& runs) noexcept {
  Producer* const head = producers_.load(std::memory_order_acquire);
  for (Producer* p = head; p != nullptr; p = p->next) p->revoke();
  heavy_fence();
  size_t most = queue_.size_approx() + kept_.size() - kept_at_ + kSpareRuns;
  for (Producer* p = head; p != nullptr; p = p->next) {
    Run spare;
    uint32_t spare_slots = 0;
    (void)p->seal(spare, spare_slots);
    if (spare_slots != 0) give(spare);
    ++most;
  }
  try {
    runs.reserve(most);
  } catch (const std::bad_alloc&) {
    return false;
  }
  // From here on nothing is allocated. More than was expected, from threads that still emit, is
  // left where it is.
  Run run;
  const auto take_all = [&](Producer& from) {
    while (runs.size() < runs.capacity()) {
      if (!queue_.try_dequeue_from_producer(from.token(), run)) return true;
      from.count_taken(run.slots());
      runs.push_back(run);
    }
    return false;
  };
  if (!take_all(*gathered_)) return true;
  while (kept_at_ < kept_.size() && runs.size() < runs.capacity()) {
    runs.push_back(kept_[kept_at_++]);
  }
  for (Producer* p = head; p != nullptr; p = p->next) {
    if (!take_all(*p)) return true;
    if (runs.size() < runs.capacity() && p->take_sealed(run)) runs.push_back(run);
  }
  return true;
}

void LaneQueue::put_back(std::vector<Run>& runs) noexcept {
  for (size_t i = 0; i < runs.size(); ++i) {
    if (put(*gathered_, runs[i])) continue;
    // No memory. What is older is in the queue, so all that follows has to come after it.
    kept_.swap(runs);
    kept_at_ = i;
    return;
  }
  kept_.clear();
  kept_at_ = 0;
}

uint64_t LaneQueue::memory_bytes() const noexcept {
  // A producer with its part of the queue is about 1 KiB; each slot has a bit, and a 16th of four
  // bytes where it waits in the queue.
  return uint64_t{slots() - room()} * kSlotBytes + slots() / 8 + uint64_t{producers()} * 1024;
}

SeverityCounts LaneQueue::count_inside() {
  SeverityCounts counts;
  const auto count = [&](Run run, uint32_t from) {
    for (uint32_t at = from; at < run.slots();) {
      const uint8_t* record = arena_->slot(run.first() + at);
      ++counts[severity_class(record[offsetof(model::RecordHeader, severity)])];
      at += slots_at(record);
    }
  };
  for (size_t i = fetched_at_; i < fetched_.size(); ++i) {
    count(fetched_[i], i == fetched_at_ ? position_ : 0);
  }
  std::vector<Run> runs;
  if (!gather(runs)) return counts;
  for (const Run run : runs) count(run, 0);
  put_back(runs);
  return counts;
}

}  // namespace forebay::queue
