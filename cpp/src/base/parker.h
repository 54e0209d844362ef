// Where a worker thread sleeps, and how it is woken without a lock.
#pragma once
#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace forebay {

// One thread parks, any thread wakes. A wake that comes before the park is not lost: it ends the
// next park at once. wake() costs a load when the thread is up and has a wake pending, an exchange
// when it is up, and a system call (13 us) only when it sleeps.
class Parker {
 public:
  // Sleeps until woken, at most `duration`. Spurious returns happen.
  void park(Duration duration) noexcept;
  void wake() noexcept;

 private:
  enum : uint32_t { kUp = 0, kParked = 1, kWoken = 2 };
  std::atomic<uint32_t> state_{kUp};
};

}  // namespace forebay
