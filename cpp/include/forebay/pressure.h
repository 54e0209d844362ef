// The pressure of a collector's lanes: the signal to make less work before records are lost.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "forebay/c_api.h"

namespace forebay {
inline namespace v1 {

enum class Pressure : uint32_t {
  kNormal = FOREBAY_PRESSURE_NORMAL,
  kPressured = FOREBAY_PRESSURE_PRESSURED,  // a lane is filled above its high watermark
  kFull = FOREBAY_PRESSURE_FULL             // records are lost or refused, or wait for room
};

// What changed: the highest state of all lanes, and the lane with its own. `lane` is good during
// the call.
struct PressureChange {
  Pressure state = Pressure::kNormal;
  std::string_view lane;
  Pressure lane_state = Pressure::kNormal;
};
using PressureCallback = std::function<void(const PressureChange&)>;

// While it lives, the callback is called. Its end waits for a call that is under way, so it must
// not be ended from the callback itself. Movable; an empty one does nothing.
class PressureSubscription {
 public:
  PressureSubscription() noexcept = default;
  PressureSubscription(const forebay_api* api, forebay_collector* collector,
                       PressureCallback callback)
      : callback_(std::make_unique<PressureCallback>(std::move(callback))) {
    if (collector == nullptr) return;
    if (api->collector_on_pressure(collector, call, callback_.get(), &registration_) !=
        FOREBAY_OK) {
      return;
    }
    api_ = api;
    collector_ = collector;
    api_->collector_retain(collector_);
  }
  PressureSubscription(PressureSubscription&& other) noexcept { *this = std::move(other); }
  PressureSubscription& operator=(PressureSubscription&& other) noexcept {
    if (this != &other) {
      end();
      api_ = other.api_;
      collector_ = std::exchange(other.collector_, nullptr);
      registration_ = std::exchange(other.registration_, nullptr);
      callback_ = std::move(other.callback_);
    }
    return *this;
  }
  PressureSubscription(const PressureSubscription&) = delete;
  PressureSubscription& operator=(const PressureSubscription&) = delete;
  ~PressureSubscription() { end(); }

  // False: there is no collector, or it was shut down before.
  [[nodiscard]] explicit operator bool() const noexcept { return registration_ != nullptr; }
  void end() noexcept {
    if (registration_ == nullptr) return;
    api_->collector_on_pressure_end(collector_, std::exchange(registration_, nullptr));
    api_->collector_release(std::exchange(collector_, nullptr));
  }

 private:
  static void call(void* context, uint32_t state, forebay_string lane, uint32_t lane_state) {
    (*static_cast<PressureCallback*>(context))(
        {static_cast<Pressure>(state), {lane.data, lane.size}, static_cast<Pressure>(lane_state)});
  }

  const forebay_api* api_ = nullptr;
  forebay_collector* collector_ = nullptr;
  void* registration_ = nullptr;
  std::unique_ptr<PressureCallback> callback_;
};

}  // namespace v1
}  // namespace forebay
