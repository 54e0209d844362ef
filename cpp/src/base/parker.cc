#include "base/parker.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

namespace forebay {

void Parker::park(Duration duration) noexcept {
  uint32_t expected = kUp;
  if (!state_.compare_exchange_strong(expected, kParked, std::memory_order_seq_cst)) {
    state_.store(kUp, std::memory_order_seq_cst);  // woken before we slept
    return;
  }
  const timespec timeout{.tv_sec = duration.count() / 1'000'000'000,
                         .tv_nsec = duration.count() % 1'000'000'000};
  if (duration > Duration::zero()) {
    syscall(SYS_futex, reinterpret_cast<uint32_t*>(&state_), FUTEX_WAIT_PRIVATE, kParked, &timeout,
            nullptr, 0);
  }
  state_.exchange(kUp, std::memory_order_seq_cst);
}

void Parker::wake() noexcept {
  if (state_.load(std::memory_order_seq_cst) == kWoken) return;
  if (state_.exchange(kWoken, std::memory_order_seq_cst) == kParked) {
    syscall(SYS_futex, reinterpret_cast<uint32_t*>(&state_), FUTEX_WAKE_PRIVATE, 1, nullptr,
            nullptr, 0);
  }
}

}  // namespace forebay
