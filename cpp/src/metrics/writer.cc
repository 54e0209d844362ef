#include "metrics/writer.h"

#include <algorithm>
#include <new>

namespace forebay::metrics {

Writer* Writers::lease() noexcept try {
  const std::lock_guard lock(mutex_);
  if (given_back_.empty()) {
    given_back_.reserve(writers_.size() + 1);  // so that giving back never allocates
    writers_.push_back(
        std::make_unique<Writer>(static_cast<uint32_t>(writers_.size() + 1), light_));
    return writers_.back().get();
  }
  Writer* const writer = given_back_.back();
  given_back_.pop_back();
  return writer;
} catch (const std::bad_alloc&) {
  return nullptr;
}

void Writers::give_back(Writer* writer) noexcept {
  const std::lock_guard lock(mutex_);
  given_back_.push_back(writer);
}

void Writers::begin_wait(Wait& wait) {
  heavy_fence();
  const std::lock_guard lock(mutex_);
  wait.inside.clear();
  for (const auto& writer : writers_) {
    const uint64_t turn = writer->turn.load(std::memory_order_acquire);
    if (turn % 2 != 0) wait.inside.emplace_back(writer.get(), turn);
  }
}

bool Writers::are_past(Wait& wait) noexcept {
  std::erase_if(wait.inside, [](const auto& entry) {
    return entry.first->turn.load(std::memory_order_acquire) != entry.second;
  });
  return wait.inside.empty();
}

Writers::Numbers Writers::numbers() const {
  const std::lock_guard lock(mutex_);
  Numbers numbers;
  for (const auto& writer : writers_) {
    numbers.invalid += writer->invalid.load(std::memory_order_relaxed);
    numbers.out_of_memory += writer->out_of_memory.load(std::memory_order_relaxed);
  }
  return numbers;
}

uint64_t Writers::memory_bytes() const {
  const std::lock_guard lock(mutex_);
  return writers_.size() * sizeof(Writer);
}

}  // namespace forebay::metrics
