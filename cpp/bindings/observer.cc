// _core.Observer: a callback of Python's that an observable instrument is asked through. The drain
// thread only rings; the callback runs on a thread of Python's own.
#include <unistd.h>

#include <memory>
#include <mutex>
#include <utility>

#include "bell.h"
#include "core_api.h"
#include "instrument_type.h"
#include "without_gil.h"

namespace py = pybind11;

namespace forebay_python {
namespace {

// One time that it is asked. Ended by end(), or when nobody knows it any more.
class PyObservation {
 public:
  explicit PyObservation(forebay_observation* handle) noexcept : handle_(handle), pid_(getpid()) {}
  ~PyObservation() { end(0); }
  PyObservation(const PyObservation&) = delete;
  PyObservation& operator=(const PyObservation&) = delete;

  void observe(const py::object& amount, const py::object& attributes) {
    if (handle_ == nullptr || pid_ != getpid()) return;
    if (!observe_number(handle_, amount.ptr(), attributes.ptr())) throw py::error_already_set();
  }
  void end(uint32_t failures) noexcept {
    forebay_observation* const handle = std::exchange(handle_, nullptr);
    if (handle != nullptr && pid_ == getpid()) core().observation_end(handle, failures);
  }

 private:
  forebay_observation* handle_;
  const pid_t pid_;
};

class PyObserver {
 public:
  PyObserver(const py::object& instrument, std::shared_ptr<Bell> bell, uint64_t number)
      : bell_(std::move(bell)), number_(number) {
    forebay_instrument* const handle = as_instrument(instrument.ptr());
    if (handle == nullptr) throw py::type_error("instrument: it is no instrument");
    int32_t status = FOREBAY_OK;
    {
      // Its registration may start the collector.
      const WithoutGil released;
      status = core().observe(handle, on_asked, this, &observer_);
    }
    if (status == FOREBAY_INVALID_ARGUMENT) throw py::type_error("instrument: it is not observed");
    if (status != FOREBAY_OK) throw std::bad_alloc();
  }
  ~PyObserver() { close(); }
  PyObserver(const PyObserver&) = delete;
  PyObserver& operator=(const PyObserver&) = delete;

  // What is asked for now; None where nothing is.
  [[nodiscard]] std::unique_ptr<PyObservation> take() {
    if (pid_ != getpid()) return nullptr;
    const std::lock_guard lock(mutex_);
    if (asked_ == nullptr) return nullptr;
    return std::make_unique<PyObservation>(std::exchange(asked_, nullptr));
  }
  void close() {
    if (observer_ == nullptr || pid_ != getpid()) return;
    const WithoutGil released;
    core().observer_end(std::exchange(observer_, nullptr));
    const std::lock_guard lock(mutex_);
    if (asked_ != nullptr) {
      core().observation_end(std::exchange(asked_, nullptr), 0);
    }
  }

 private:
  static void on_asked(void* context, forebay_observation* observation) {
    auto* self = static_cast<PyObserver*>(context);
    if (self->pid_ != getpid()) {
      // In a child, which makes observers of its own: the bell is the parent's.
      core().observation_end(observation, 0);
      return;
    }
    {
      const std::lock_guard lock(self->mutex_);
      self->asked_ = observation;
    }
    self->bell_->ring(self->number_);
  }

  const std::shared_ptr<Bell> bell_;
  const uint64_t number_;
  forebay_observer* observer_ = nullptr;
  const pid_t pid_ = getpid();
  std::mutex mutex_;
  forebay_observation* asked_ = nullptr;
};

}  // namespace

void register_observer(py::module_& module) {
  py::class_<PyObservation>(module, "Observation", py::is_final())
      .def("observe", &PyObservation::observe, py::arg("amount"),
           py::arg("attributes") = py::none())
      .def("end", &PyObservation::end, py::arg("failures") = 0);
  py::class_<PyObserver>(module, "Observer", py::is_final())
      .def(py::init<const py::object&, std::shared_ptr<Bell>, uint64_t>(), py::arg("instrument"),
           py::arg("bell"), py::arg("number"))
      .def("take", &PyObserver::take)
      .def("close", &PyObserver::close);
}

}  // namespace forebay_python
