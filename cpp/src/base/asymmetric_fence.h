// A pair of fences that together order a store before a load on two threads ("Dekker"), where one
// side runs a thousand times as often as the other.
//
// The light side does `word.store(x)`, light_store_load(), `other.load()`; the heavy side does its
// store, heavy_fence(), its load. Then at least one of the two sees the other's store. With Linux's
// membarrier(2) the light fence is a compiler barrier and the heavy one a system call (0.35 us
// here) that makes every running thread of the process execute a full barrier. Where the kernel
// refuses membarrier, the light side pays for an exchange: see store_then_fence.
#pragma once
#include <atomic>
#include <cstdint>

namespace forebay {

// Registers this process with membarrier. True if the light side may be light. Cheap to repeat; a
// forked child must call it again.
bool enable_asymmetric_fence() noexcept;

// Makes every thread of this process execute a full memory barrier.
void heavy_fence() noexcept;

// Stores `value` so that the heavy side sees it or this thread sees what the heavy side stored
// before. No standalone fence is used: ThreadSanitizer does not know them.
inline void store_then_fence(std::atomic<uint64_t>& word, uint64_t value, bool light) noexcept {
  if (light) [[likely]] {
    word.store(value, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } else {
    word.exchange(value, std::memory_order_seq_cst);
  }
}

}  // namespace forebay
