// Who observes: the callbacks of observable instruments, asked at the beginning of each collection,
// and for each text that shows the series.
//
// An observer is started on the drain thread and must return at once; it tells with done() that it
// is through, from any thread, perhaps before start() returns. Who is not through when the time is
// over is left out of this collection, and is not started again until it is.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace forebay::pipeline {

class Observers {
 public:
  // Starts an observation; `since` is for Stream::observe().
  using Start = void (*)(void* context, uint64_t since);
  class Observer;

  // -- anyone --
  // Throws std::bad_alloc.
  Observer* add(Start start, void* context);
  // When it returns, start() is not running and is not called again. Not from start().
  void remove(Observer* observer) noexcept;
  void done(Observer* observer, uint64_t failures) noexcept;
  [[nodiscard]] bool has_some() const noexcept {
    const std::lock_guard lock(mutex_);
    return !observers_.empty();
  }
  [[nodiscard]] uint64_t failures() const noexcept {
    return failures_.load(std::memory_order_relaxed);
  }

  // -- the drain thread --
  // Says how many are still at what they were asked before: those are not asked again.
  uint64_t ask(uint64_t since);
  // How many of those that were asked are not through.
  [[nodiscard]] uint64_t missing() const noexcept;
  // Goes on without them; says how many these are.
  uint64_t give_up() noexcept;

 private:
  std::mutex starting_;  // while start() is called
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Observer>> observers_;
  std::atomic<uint64_t> failures_{0};
};

class Observers::Observer {
 public:
  Observer(Start start_, void* context_) noexcept : start(start_), context(context_) {}

 private:
  friend class Observers;
  const Start start;
  void* const context;
  bool is_running = false;  // started, and not through
  bool is_awaited = false;  // by the collection under way
};

}  // namespace forebay::pipeline
