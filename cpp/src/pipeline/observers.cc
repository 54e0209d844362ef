#include "pipeline/observers.h"

#include <algorithm>

namespace forebay::pipeline {

Observers::Observer* Observers::add(Start start, void* context) {
  const std::lock_guard lock(mutex_);
  observers_.push_back(std::make_unique<Observer>(start, context));
  return observers_.back().get();
}

void Observers::remove(Observer* observer) noexcept {
  const std::lock_guard starting(starting_);
  const std::lock_guard lock(mutex_);
  std::erase_if(observers_, [&](const auto& one) { return one.get() == observer; });
}

void Observers::done(Observer* observer, uint64_t failures) noexcept {
  failures_.fetch_add(failures, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  // It may be gone by now.
  const auto found =
      std::ranges::find(observers_, observer, [](const auto& one) { return one.get(); });
  if (found != observers_.end()) observer->is_running = observer->is_awaited = false;
}

uint64_t Observers::ask(uint64_t since) {
  const std::lock_guard starting(starting_);
  std::vector<Observer*> asked;
  uint64_t late = 0;
  {
    const std::lock_guard lock(mutex_);
    asked.reserve(observers_.size());
    for (const auto& observer : observers_) {
      if (observer->is_running) {
        ++late;
      } else {
        observer->is_running = observer->is_awaited = true;
        asked.push_back(observer.get());
      }
    }
  }
  for (Observer* observer : asked) observer->start(observer->context, since);
  return late;
}

uint64_t Observers::missing() const noexcept {
  const std::lock_guard lock(mutex_);
  return static_cast<uint64_t>(
      std::ranges::count_if(observers_, [](const auto& one) { return one->is_awaited; }));
}

uint64_t Observers::give_up() noexcept {
  const std::lock_guard lock(mutex_);
  uint64_t late = 0;
  for (const auto& observer : observers_) {
    late += observer->is_awaited ? 1 : 0;
    observer->is_awaited = false;
  }
  return late;
}

}  // namespace forebay::pipeline
