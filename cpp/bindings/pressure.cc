// Pressure as Python sees it: what the drain thread tells of each change, kept until a Python
// thread comes for it, and each lane's state at any time.
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "bell.h"
#include "core_api.h"
#include "without_gil.h"

namespace py = pybind11;

namespace forebay_python {
namespace {

// Written by the drain thread alone, and read by whoever has the GIL. No locks: a forked child has
// what its parent's drain thread was in the middle of.
class PressureWatch {
 public:
  PressureWatch(const py::object& collector, std::shared_ptr<Bell> bell)
      : collector_(collector), bell_(std::move(bell)), pid_(getpid()) {
    forebay_collector* handle = collector_handle(collector.ptr());
    const WithoutGil released;
    status_ = core().collector_on_pressure(handle, &PressureWatch::on_change, this, &registration_);
  }
  ~PressureWatch() { close(); }
  PressureWatch(const PressureWatch&) = delete;
  PressureWatch& operator=(const PressureWatch&) = delete;

  [[nodiscard]] int32_t status() const noexcept { return status_; }

  void close() {
    if (registration_ == nullptr || getpid() != pid_) return;
    forebay_collector* handle = collector_handle(collector_.ptr());
    // Waits for a call that is under way.
    const WithoutGil released;
    core().collector_on_pressure_end(handle, std::exchange(registration_, nullptr));
  }

  // (state in sum, lane, its state) for each change since the last call, in order. Where nobody
  // came for so long that some were lost: last of all, where each lane is now.
  py::list take() {
    py::list changes;
    const bool overflowed = overflowed_.exchange(false, std::memory_order_acquire);
    const uint32_t end = written_.load(std::memory_order_acquire);
    uint32_t at = read_.load(std::memory_order_relaxed);
    for (; at != end; ++at) {
      const Change& change = ring_[at % kKept];
      changes.append(tell(change.state, lanes_[change.lane], change.lane_state));
    }
    read_.store(at, std::memory_order_release);
    if (!overflowed) return changes;
    const uint32_t state = state_.load(std::memory_order_relaxed);
    for (uint32_t i = 0; i < lane_count_.load(std::memory_order_acquire); ++i) {
      changes.append(tell(state, lanes_[i], lanes_[i].state.load(std::memory_order_relaxed)));
    }
    return changes;
  }

  // The last that was told of it; None where nothing was yet.
  [[nodiscard]] py::object lane_state(std::string_view name) const {
    const uint32_t count = lane_count_.load(std::memory_order_acquire);
    for (uint32_t i = 0; i < count; ++i) {
      if (lanes_[i].view() == name) {
        return py::int_(lanes_[i].state.load(std::memory_order_relaxed));
      }
    }
    return py::none();
  }

 private:
  static constexpr uint32_t kKept = 256;
  static constexpr uint32_t kMaxLanes = 16;

  struct LaneState {
    char name[36] = {};
    uint32_t size = 0;
    std::atomic<uint32_t> state{0};
    [[nodiscard]] std::string_view view() const noexcept { return {name, size}; }
  };
  struct Change {
    uint32_t state = 0;
    uint32_t lane = 0;
    uint32_t lane_state = 0;
  };

  static py::tuple tell(uint32_t state, const LaneState& lane, uint32_t lane_state) {
    return py::make_tuple(state, py::str(lane.name, lane.size), lane_state);
  }

  static void on_change(void* context, uint32_t state, forebay_string lane, uint32_t lane_state) {
    static_cast<PressureWatch*>(context)->keep(state, {lane.data, lane.size}, lane_state);
  }

  void keep(uint32_t state, std::string_view name, uint32_t lane_state) noexcept {
    const uint32_t count = lane_count_.load(std::memory_order_relaxed);
    uint32_t lane = 0;
    while (lane < count && lanes_[lane].view() != name) ++lane;
    if (lane == kMaxLanes || name.size() > sizeof LaneState::name) return;
    if (lane == count) {
      std::memcpy(lanes_[lane].name, name.data(), name.size());
      lanes_[lane].size = static_cast<uint32_t>(name.size());
      lanes_[lane].state.store(lane_state, std::memory_order_relaxed);
      lane_count_.store(count + 1, std::memory_order_release);
    }
    lanes_[lane].state.store(lane_state, std::memory_order_relaxed);
    state_.store(state, std::memory_order_relaxed);
    const uint32_t at = written_.load(std::memory_order_relaxed);
    if (at - read_.load(std::memory_order_acquire) < kKept) {
      ring_[at % kKept] = {state, lane, lane_state};
      written_.store(at + 1, std::memory_order_release);
    } else {
      overflowed_.store(true, std::memory_order_release);
    }
    bell_->wake();
  }

  const py::object collector_;
  const std::shared_ptr<Bell> bell_;
  const pid_t pid_;
  void* registration_ = nullptr;
  int32_t status_ = FOREBAY_OK;

  std::array<LaneState, kMaxLanes> lanes_{};
  std::atomic<uint32_t> lane_count_{0};
  std::atomic<uint32_t> state_{0};
  std::array<Change, kKept> ring_{};
  std::atomic<uint32_t> written_{0};
  std::atomic<uint32_t> read_{0};
  std::atomic<bool> overflowed_{false};
};

}  // namespace

void register_pressure(py::module_& module) {
  py::class_<PressureWatch>(module, "PressureWatch", py::is_final())
      .def(py::init<const py::object&, std::shared_ptr<Bell>>(), py::arg("collector"),
           py::arg("bell"))
      .def_property_readonly("status", &PressureWatch::status)
      .def("take", &PressureWatch::take)
      .def("lane_state", &PressureWatch::lane_state, py::arg("lane"))
      .def("close", &PressureWatch::close);
}

}  // namespace forebay_python
