// Waiting for room in a lane, and setting room aside.
#include <unistd.h>

#include <memory>

#include "bell.h"
#include "core_api.h"
#include "seconds.h"
#include "without_gil.h"

namespace py = pybind11;

namespace forebay_python {

namespace {

// A place in a lane's line. Rings when its turn has come, or the lane closes.
class RoomWaiter {
 public:
  RoomWaiter(const py::object& collector, const std::string& lane, uint64_t records,
             std::shared_ptr<Bell> bell, uint64_t number)
      : collector_(collector), call_{std::move(bell), number}, pid_(getpid()) {
    forebay_collector* handle = collector_handle(collector.ptr());
    const WithoutGil released;
    status_ = core().lane_notify(
        handle, {lane.data(), lane.size()}, records,
        [](void* context) {
          const auto* call = static_cast<const Call*>(context);
          call->bell->ring(call->number);
        },
        &call_, &waiter_);
  }
  ~RoomWaiter() { close(); }
  RoomWaiter(const RoomWaiter&) = delete;
  RoomWaiter& operator=(const RoomWaiter&) = delete;

  [[nodiscard]] int32_t status() const noexcept { return status_; }
  // Its turn has come: what this thread emits until close() has the room that was kept for it.
  void use() {
    if (waiter_ == nullptr || getpid() != pid_) return;
    const WithoutGil released;
    core().lane_notify_use(waiter_);
  }
  // After it, the bell is not rung any more.
  void close() {
    // In a forked child the line is its parent's.
    if (waiter_ == nullptr || getpid() != pid_) return;
    const WithoutGil released;
    core().lane_notify_end(std::exchange(waiter_, nullptr));
  }

 private:
  struct Call {
    std::shared_ptr<Bell> bell;
    uint64_t number;
  };
  const py::object collector_;  // the core's waiter must not outlive it
  Call call_;
  const pid_t pid_;
  forebay_waiter* waiter_ = nullptr;
  int32_t status_ = FOREBAY_OK;
};

// Room that is set aside for the thread that asked.
class Grant {
 public:
  Grant(const py::object& collector, forebay_grant* grant)
      : collector_(collector), grant_(grant), pid_(getpid()) {}
  ~Grant() { release(); }
  Grant(const Grant&) = delete;
  Grant& operator=(const Grant&) = delete;

  [[nodiscard]] uint64_t left() const noexcept {
    return grant_ == nullptr || getpid() != pid_ ? 0 : core().grant_left(grant_);
  }
  void release() {
    if (grant_ == nullptr || getpid() != pid_) return;
    const WithoutGil released;
    core().grant_release(std::exchange(grant_, nullptr));
  }

 private:
  const py::object collector_;
  forebay_grant* grant_;
  const pid_t pid_;
};

int32_t wait_for_room(const py::object& collector, const std::string& lane, uint64_t records,
                      const py::object& timeout) {
  forebay_collector* handle = collector_handle(collector.ptr());
  const int64_t timeout_ns = nanoseconds(timeout);
  const WithoutGil released;
  return core().lane_wait(handle, {lane.data(), lane.size()}, records, timeout_ns);
}

// (status, how many were granted, the grant or None)
py::tuple request(const py::object& collector, const std::string& lane, uint64_t records,
                  uint64_t record_bytes, const py::object& timeout) {
  forebay_collector* handle = collector_handle(collector.ptr());
  const int64_t timeout_ns = nanoseconds(timeout);
  forebay_grant* grant = nullptr;
  uint64_t granted = 0;
  int32_t status = FOREBAY_OK;
  {
    const WithoutGil released;
    status = core().lane_request(handle, {lane.data(), lane.size()}, records, record_bytes,
                                 timeout_ns, &grant, &granted);
  }
  py::object object = py::none();
  if (grant != nullptr) object = py::cast(std::make_unique<Grant>(collector, grant));
  return py::make_tuple(status, granted, object);
}

}  // namespace

void register_room(py::module_& module) {
  py::class_<RoomWaiter>(module, "RoomWaiter", py::is_final())
      .def(py::init<const py::object&, const std::string&, uint64_t, std::shared_ptr<Bell>,
                    uint64_t>(),
           py::arg("collector"), py::arg("lane"), py::arg("records"), py::arg("bell"),
           py::arg("number"))
      .def_property_readonly("status", &RoomWaiter::status)
      .def("use", &RoomWaiter::use)
      .def("close", &RoomWaiter::close);
  py::class_<Grant>(module, "Grant", py::is_final())
      .def_property_readonly("left", &Grant::left)
      .def("release", &Grant::release);
  module.def("wait_for_room", &wait_for_room, py::arg("collector"), py::arg("lane"),
             py::arg("records"), py::arg("timeout"));
  module.def("request", &request, py::arg("collector"), py::arg("lane"), py::arg("records"),
             py::arg("record_bytes"), py::arg("timeout"));
}

}  // namespace forebay_python
