// The pressure of a collector, as its users have it: a word to read, and callbacks.
//
// It belongs to the collector, not to one life of it: a callback may be registered before anything
// runs, and holds until it is taken back or the process forks. A forked child starts without any.
#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

#include "forebay/c_api.h"
#include "pipeline/pressure.h"

namespace forebay::engine {

class PressureSignal {
 public:
  PressureSignal() : callbacks_(new Callbacks) {}
  PressureSignal(const PressureSignal&) = delete;
  PressureSignal& operator=(const PressureSignal&) = delete;

  // FOREBAY_PRESSURE_*; for relaxed loads.
  [[nodiscard]] const uint32_t* word() const noexcept;
  [[nodiscard]] uint32_t state() const noexcept { return word_.load(std::memory_order_relaxed); }

  // Null where memory ran out.
  void* add(forebay_pressure_callback callback, void* context) noexcept;
  // Waits for a call of it that is under way. A registration that is not known is let be: a forked
  // child has its parent's handles.
  void remove(void* registration) noexcept;

  // From the pipeline: sets the word, then calls back.
  void tell(std::string_view lane, pipeline::PressureState lane_state,
            pipeline::PressureState highest) noexcept;
  // In a forked child, where a thread of the parent may have been in the middle of a call.
  void abandon_in_child() noexcept;

 private:
  struct Registration {
    forebay_pressure_callback callback;
    void* context;
  };
  struct Callbacks {
    std::mutex mutex;  // held while they are called
    std::vector<Registration*> all;
  };

  std::atomic<uint32_t> word_{FOREBAY_PRESSURE_NORMAL};
  Callbacks* callbacks_;  // never freed, as the collector is not
};

}  // namespace forebay::engine
