#include "queue/room_line.h"

#include <algorithm>
#include <utility>

#include "queue/producer.h"

namespace forebay::queue {

void RoomLine::append(Claim& claim) noexcept {
  claim.is_in_line = true;
  claim.is_served = false;
  claim.is_away = false;
  claim.previous = std::exchange(last_, &claim);
  claim.next = nullptr;
  (claim.previous != nullptr ? claim.previous->next : first_) = &claim;
  waiters_.fetch_add(1, std::memory_order_seq_cst);
}

void RoomLine::unlink(Claim& claim) noexcept {
  (claim.previous != nullptr ? claim.previous->next : first_) = claim.next;
  (claim.next != nullptr ? claim.next->previous : last_) = claim.previous;
  claim.previous = claim.next = nullptr;
  claim.is_in_line = false;
  waiters_.fetch_sub(1, std::memory_order_seq_cst);
}

// What a claim that is not to have it has in hand.
void RoomLine::put_back(Claim& claim) noexcept {
  if (claim.credits != 0) arena_.give_credits(std::exchange(claim.credits, 0));
}

void RoomLine::tell(Claim& claim) noexcept {
  if (claim.notify != nullptr) {
    claim.notify(claim.context);
    claim.notify = nullptr;
  } else {
    claim.changed.notify_one();
  }
}

// False: it is short of credits.
bool RoomLine::serve_one(Claim& claim) noexcept {
  uint32_t most = claim.most;
  if (claim.grant != nullptr && claim.grant->is_bounded) {
    const uint32_t left = grantable();
    if (left < claim.needed) {
      // Others hold the grants there may be: that is not for want of room, and keeps nobody else.
      put_back(claim);
      return true;
    }
    most = std::min(most, left);
  }
  if (claim.credits < claim.needed) {
    claim.credits += arena_.take_credits(1, claim.needed - claim.credits);
    if (claim.credits < claim.needed) return false;
  }
  // Where others wait too, each has its part of what there is.
  const uint32_t waiters = waiters_.load(std::memory_order_relaxed);
  const uint32_t part = claim.grant != nullptr ? most : claim.credits + arena_.room() / waiters;
  if (const uint32_t wanted = std::min(most, part); wanted > claim.credits) {
    claim.credits += arena_.take_credits(1, wanted - claim.credits);
  }
  claim.is_served = true;
  if (claim.grant != nullptr) {
    Grant& grant = *claim.grant;
    if (grant.producer == nullptr) {
      put_back(claim);
    } else {
      // Whole records.
      const uint32_t over = claim.credits % grant.credits_per_record;
      if (over != 0) arena_.give_credits(over);
      grant.credits += std::exchange(claim.credits, 0) - over;
      if (grant.is_bounded) granted_ += grant.credits;
      link(grant);
    }
  }
  // Who is away stays in the line, so that it is not forgotten.
  if (!claim.is_away) unlink(claim);
  tell(claim);
  return true;
}

void RoomLine::serve_locked() noexcept {
  if (is_closed_) return;
  bool is_short = false;
  for (Claim* claim = first_; claim != nullptr;) {
    Claim* const next = claim->next;
    if (claim->is_away && std::chrono::steady_clock::now() - claim->away_since > kLongestAway) {
      unlink(*claim);
      put_back(*claim);
    } else if (!claim->is_served && !claim->only_looks) {
      if (!serve_one(*claim)) {
        is_short = true;
        break;
      }
    }
    claim = next;
  }
  is_short_.store(is_short, std::memory_order_relaxed);
  for (Claim* claim = is_short ? nullptr : first_; claim != nullptr;) {
    Claim* const next = claim->next;
    if (claim->only_looks && arena_.room() >= claim->needed) {
      claim->is_served = true;
      unlink(*claim);
      tell(*claim);
    }
    claim = next;
  }
}

void RoomLine::serve() noexcept {
  const std::lock_guard lock(mutex_);
  serve_locked();
}

RoomLine::Wait RoomLine::wait(Claim& claim, Time until, bool in_slices) noexcept {
  std::unique_lock lock(mutex_);
  if (is_closed_) return Wait::kClosed;
  if (!claim.is_in_line) append(claim);
  claim.is_away = false;
  if (claim.is_served) unlink(claim);  // while it was away
  serve_locked();
  while (!claim.is_served && !is_closed_) {
    if (until == Time::max()) {
      claim.changed.wait(lock);
    } else if (claim.changed.wait_until(lock, until) == std::cv_status::timeout) {
      break;
    }
  }
  if (claim.is_served) return Wait::kRoom;
  if (is_closed_ || !in_slices) {
    unlink(claim);
    put_back(claim);
    serve_locked();
    return is_closed_ ? Wait::kClosed : Wait::kTimeOver;
  }
  claim.is_away = true;
  claim.away_since = std::chrono::steady_clock::now();
  return Wait::kSliceOver;
}

bool RoomLine::join(Claim& claim) noexcept {
  const std::lock_guard lock(mutex_);
  if (is_closed_) return false;
  append(claim);
  serve_locked();
  return true;
}

void RoomLine::leave(Claim& claim) noexcept {
  const std::lock_guard lock(mutex_);
  claim.notify = nullptr;
  if (claim.is_in_line) unlink(claim);
  put_back(claim);
  serve_locked();
}

void RoomLine::use(Claim& claim, Grant& grant, Producer& producer) noexcept {
  const std::lock_guard lock(mutex_);
  if (!claim.is_served || claim.credits == 0 || grant.is_linked) return;
  grant.producer = &producer;
  grant.credits = std::exchange(claim.credits, 0);
  link(grant, true);
}

// -- grants -----------------------------------------------------------------------------------

void RoomLine::link(Grant& grant, bool first) noexcept {
  Grant** at = &grant.producer->grants;
  while (!first && *at != nullptr) at = &(*at)->next;
  grant.next = *at;
  *at = &grant;
  grant.is_linked = true;
  grant.producer->set_granted(true);
}

void RoomLine::unlink(Grant& grant) noexcept {
  if (!std::exchange(grant.is_linked, false)) return;
  Grant** at = &grant.producer->grants;
  while (*at != &grant) at = &(*at)->next;
  *at = std::exchange(grant.next, nullptr);
  grant.producer->set_granted(grant.producer->grants != nullptr);
}

bool RoomLine::take_granted(Producer& producer, uint32_t credits) noexcept {
  const std::lock_guard lock(mutex_);
  uint64_t there = 0;
  for (const Grant* grant = producer.grants; grant != nullptr; grant = grant->next) {
    there += grant->credits;
  }
  if (there < credits) return false;
  for (Grant* grant = producer.grants; credits != 0; grant = grant->next) {
    const uint32_t part = std::min(grant->credits, credits);
    grant->credits -= part;
    if (grant->is_bounded) granted_ -= part;
    credits -= part;
  }
  return true;
}

void RoomLine::give_granted(Producer& producer, uint32_t credits) noexcept {
  if (credits == 0) return;
  const std::lock_guard lock(mutex_);
  if (Grant* const grant = producer.grants; grant != nullptr) {
    grant->credits += credits;
    if (grant->is_bounded) granted_ += credits;
  } else {
    arena_.give_credits(credits);
    serve_locked();
  }
}

void RoomLine::release(Grant& grant) noexcept {
  const std::lock_guard lock(mutex_);
  const uint32_t credits = std::exchange(grant.credits, 0);
  if (grant.is_bounded) granted_ -= credits;
  unlink(grant);
  if (credits != 0) arena_.give_credits(credits);
  serve_locked();
}

uint32_t RoomLine::records_left(const Grant& grant) noexcept {
  const std::lock_guard lock(mutex_);
  return grant.credits / grant.credits_per_record;
}

void RoomLine::end(Producer& producer) noexcept {
  const std::lock_guard lock(mutex_);
  if (producer.claim.is_in_line) unlink(producer.claim);
  put_back(producer.claim);
  for (Claim* claim = first_; claim != nullptr; claim = claim->next) {
    if (claim->grant != nullptr && claim->grant->producer == &producer) {
      claim->grant->producer = nullptr;
    }
  }
  while (Grant* grant = producer.grants) {
    const uint32_t credits = std::exchange(grant->credits, 0);
    if (grant->is_bounded) granted_ -= credits;
    unlink(*grant);
    grant->producer = nullptr;
    if (credits != 0) arena_.give_credits(credits);
  }
  serve_locked();
}

void RoomLine::close() noexcept {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  is_short_.store(false, std::memory_order_relaxed);
  for (Claim* claim = first_; claim != nullptr; claim = claim->next) tell(*claim);
}

}  // namespace forebay::queue
