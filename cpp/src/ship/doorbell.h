// Ends the wait of an exporter that has no network to wait for.
#pragma once
#include <condition_variable>
#include <mutex>

#include "base/clock.h"

namespace forebay::ship {

class Doorbell {
 public:
  // From any thread. A ring that comes while nobody waits ends the next wait.
  void ring() noexcept {
    {
      const std::lock_guard lock(mutex_);
      rung_ = true;
    }
    rings_.notify_one();
  }
  // Waits at most `wait` for a ring, and takes it.
  void await(Duration wait) {
    std::unique_lock lock(mutex_);
    if (!rung_ && wait > Duration::zero()) rings_.wait_for(lock, wait, [this] { return rung_; });
    rung_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable rings_;
  bool rung_ = false;
};

}  // namespace forebay::ship
