#include "queue/producer.h"

namespace forebay::queue {

bool Producer::close(Closed& closed) noexcept {
  uint64_t word = state_.load(std::memory_order_acquire);
  while (state_of(word) != RunState::kNone) {
    if (!state_.compare_exchange_weak(word, pack(RunState::kNone, Run()), std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
      continue;
    }
    const Run run = run_of(word);
    closed.run = run;
    // A sealed run is already cut to what is written; its rest was freed.
    closed.used = state_of(word) == RunState::kSealed ? run.slots() : cursor_ - run.first();
    closed.spare = run.slots() - closed.used;
    end_ = cursor_;
    return true;
  }
  end_ = cursor_;
  return false;
}

bool Producer::has_unread() const noexcept {
  const uint64_t word = state_.load(std::memory_order_acquire);
  if (state_of(word) == RunState::kNone) return false;
  if (state_of(word) == RunState::kSealed) return true;
  // The two loads may belong to different runs: then the owner is active, and a later look will do.
  const uint64_t cursor = own_.load(std::memory_order_acquire) >> 1;
  return cursor > run_of(word).first() && cursor <= run_of(word).end();
}

// A run leaves state_ (release) after handing_over_ became odd, and handing_over_ becomes even
// (release) after the run is in the queue. So who finds no run in state_, then an even number,
// finds the run in the queue.
void Producer::mark() noexcept {
  mark_ = has_unread() ? opened_ticks() : 0;
  marked_hand_over_ = handing_over_.load(std::memory_order_acquire);
}

bool Producer::is_past_mark() noexcept {
  const bool is_still_open =
      mark_ != 0 && opened_ticks_.load(std::memory_order_acquire) == mark_ && has_unread();
  if (is_still_open) return false;
  const uint64_t hand_over = handing_over_.load(std::memory_order_acquire);
  if (mark_ != 0 && (hand_over & 1) != 0) return false;
  mark_ = 0;
  return (marked_hand_over_ & 1) == 0 || hand_over != marked_hand_over_;
}

void Producer::revoke() noexcept {
  uint64_t word = state_.load(std::memory_order_acquire);
  if (state_of(word) != RunState::kOpen) return;
  state_.compare_exchange_strong(word, pack(RunState::kRevoked, run_of(word)),
                                 std::memory_order_seq_cst);
}

bool Producer::seal(Run& spare, uint32_t& spare_slots) noexcept {
  spare_slots = 0;
  uint64_t word = state_.load(std::memory_order_seq_cst);
  if (state_of(word) == RunState::kSealed) return true;
  if (state_of(word) != RunState::kRevoked) return false;
  // The fence stands between revoke() and here: an owner that is not busy now will see the
  // revocation.
  const uint64_t own = own_.load(std::memory_order_seq_cst);
  if ((own & 1) != 0) return false;
  const Run run = run_of(word);
  const auto cursor = static_cast<uint32_t>(own >> 1);
  if (cursor < run.first() || cursor > run.end()) return false;
  const uint32_t used = cursor - run.first();
  const uint64_t sealed =
      used == 0 ? pack(RunState::kNone, Run()) : pack(RunState::kSealed, Run(run.first(), used));
  if (!state_.compare_exchange_strong(word, sealed, std::memory_order_acq_rel)) return false;
  spare_slots = run.slots() - used;
  if (spare_slots != 0) spare = Run(cursor, spare_slots);
  return used != 0;
}

bool Producer::take_sealed(Run& run) noexcept {
  uint64_t word = state_.load(std::memory_order_acquire);
  if (state_of(word) != RunState::kSealed) return false;
  if (!state_.compare_exchange_strong(word, pack(RunState::kNone, Run()),
                                      std::memory_order_acq_rel)) {
    return false;
  }
  run = run_of(word);
  return true;
}

}  // namespace forebay::queue
