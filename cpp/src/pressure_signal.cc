#include "pressure_signal.h"

#include <algorithm>
#include <memory>
#include <new>

namespace forebay::engine {

static_assert(static_cast<uint32_t>(pipeline::PressureState::kFull) == FOREBAY_PRESSURE_FULL);

const uint32_t* PressureSignal::word() const noexcept {
  static_assert(sizeof word_ == sizeof(uint32_t) && std::atomic<uint32_t>::is_always_lock_free);
  return reinterpret_cast<const uint32_t*>(&word_);
}

void* PressureSignal::add(forebay_pressure_callback callback, void* context) noexcept try {
  auto registration = std::make_unique<Registration>(Registration{callback, context});
  const std::lock_guard lock(callbacks_->mutex);
  callbacks_->all.push_back(registration.get());
  return registration.release();
} catch (const std::bad_alloc&) {
  return nullptr;
}

void PressureSignal::remove(void* registration) noexcept {
  const std::lock_guard lock(callbacks_->mutex);
  auto& all = callbacks_->all;
  const auto found = std::find(all.begin(), all.end(), registration);
  if (found == all.end()) return;
  delete *found;
  all.erase(found);
}

void PressureSignal::tell(std::string_view lane, pipeline::PressureState lane_state,
                          pipeline::PressureState highest) noexcept {
  word_.store(static_cast<uint32_t>(highest), std::memory_order_relaxed);
  const std::lock_guard lock(callbacks_->mutex);
  for (const Registration* registration : callbacks_->all) {
    registration->callback(registration->context, static_cast<uint32_t>(highest),
                           {lane.data(), lane.size()}, static_cast<uint32_t>(lane_state));
  }
}

void PressureSignal::abandon_in_child() noexcept {
  word_.store(FOREBAY_PRESSURE_NORMAL, std::memory_order_relaxed);
  // What was the parent's is left as it is: its mutex may be held for ever.
  if (auto* fresh = new (std::nothrow) Callbacks) callbacks_ = fresh;
}

}  // namespace forebay::engine
