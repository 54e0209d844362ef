// _core.Collector: options in, numbers and texts out. Everything that waits lets go of the GIL.
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core_api.h"
#include "option_list.h"
#include "seconds.h"
#include "values.h"
#include "without_gil.h"

namespace py = pybind11;

namespace forebay_python {
namespace {

using Numbers = std::vector<std::pair<std::string, int64_t>>;

void collect(void* context, const char* name, size_t size, int64_t value) {
  static_cast<Numbers*>(context)->emplace_back(std::string(name, size), value);
}

py::dict as_dict(const Numbers& numbers) {
  py::dict dict;
  for (const auto& [name, value] : numbers) dict[py::str(name)] = value;
  return dict;
}

class PyCollector {
 public:
  explicit PyCollector(const py::list& options) {
    Scratch scratch;
    const std::vector<forebay_option> cells = to_options(options, scratch);
    std::string error;
    const int32_t status =
        core().collector_create(cells.data(), cells.size(), &handle_, append_text, &error);
    if (status == FOREBAY_INVALID_ARGUMENT) throw_option_error(error);
    if (status != FOREBAY_OK) throw std::bad_alloc();
    pressure_ = core().collector_pressure(handle_);
  }
  explicit PyCollector(forebay_collector* retained)
      : handle_(retained), pressure_(core().collector_pressure(handle_)) {}
  ~PyCollector() {
    if (handle_ == nullptr) return;
    const WithoutGil released;
    core().collector_release(handle_);
  }
  PyCollector(const PyCollector&) = delete;
  PyCollector& operator=(const PyCollector&) = delete;

  [[nodiscard]] py::dict stats() const {
    Numbers numbers;
    {
      const WithoutGil released;
      core().collector_stats(handle_, collect, &numbers);
    }
    return as_dict(numbers);
  }
  [[nodiscard]] py::dict audit() const {
    Numbers numbers;
    {
      const WithoutGil released;
      core().collector_audit(handle_, collect, &numbers);
    }
    return as_dict(numbers);
  }
  [[nodiscard]] py::dict flush(const py::object& timeout) const {
    return wait(core().collector_flush, timeout);
  }
  [[nodiscard]] py::dict shutdown(const py::object& timeout) const {
    return wait(core().collector_shutdown, timeout);
  }
  [[nodiscard]] std::string text_of(const std::string& name) const {
    std::string found;
    if (core().collector_text(handle_, {name.data(), name.size()}, append_text, &found) !=
        FOREBAY_OK) {
      throw py::key_error(name);
    }
    return found;
  }
  [[nodiscard]] py::list take_memory() const { return take(core().collector_take_memory); }
  [[nodiscard]] py::list take_metrics() const { return take(core().collector_take_metrics); }
  // "prometheus" or "openmetrics"; None after a shutdown.
  [[nodiscard]] py::object metrics_text(const std::string& format) const {
    std::string found;
    int32_t status = FOREBAY_OK;
    {
      const WithoutGil released;
      status = core().collector_metrics_text(handle_, {format.data(), format.size()}, append_text,
                                             &found);
    }
    if (status == FOREBAY_INVALID_ARGUMENT) throw py::value_error("format: " + format);
    if (status == FOREBAY_CLOSED) return py::none();
    if (status == FOREBAY_UNAVAILABLE) throw std::bad_alloc();
    if (status != FOREBAY_OK) throw py::value_error("a thread stands still in a measurement");
    return py::str(found);
  }
  // False where it cannot be written; None where there is nothing to be published, or no more.
  [[nodiscard]] py::object publish_metrics() const {
    int32_t status = FOREBAY_OK;
    {
      const WithoutGil released;
      status = core().collector_publish_metrics(handle_);
    }
    if (status == FOREBAY_INVALID_ARGUMENT || status == FOREBAY_CLOSED) return py::none();
    return py::bool_(status == FOREBAY_OK);
  }
  // The window of the option where there is no number of seconds.
  [[nodiscard]] int32_t dump_recorder(const py::object& seconds) const {
    const int64_t last_ns = nanoseconds(seconds);
    const WithoutGil released;
    return core().collector_dump_recorder(handle_, last_ns);
  }
  // False where its clock is the system's.
  [[nodiscard]] bool advance(int64_t nanoseconds) const {
    const WithoutGil released;
    return core().collector_advance(handle_, nanoseconds) == FOREBAY_OK;
  }
  [[nodiscard]] uint32_t pressure() const noexcept {
    return __atomic_load_n(pressure_, __ATOMIC_RELAXED);
  }
  [[nodiscard]] forebay_collector* handle() const noexcept { return handle_; }

 private:
  using Take = int32_t (*)(forebay_collector*, forebay_text_visitor, void*);
  [[nodiscard]] py::list take(Take function) const {
    std::vector<std::string> bodies;
    const int32_t status = function(
        handle_,
        [](void* context, const char* data, size_t size) {
          static_cast<std::vector<std::string>*>(context)->emplace_back(data, size);
        },
        &bodies);
    if (status != FOREBAY_OK) throw py::value_error("the exporter is not the memory exporter");
    py::list list;
    for (const std::string& body : bodies) list.append(py::bytes(body));
    return list;
  }
  using Wait = int32_t (*)(forebay_collector*, int64_t, forebay_number_visitor, void*);
  [[nodiscard]] py::dict wait(Wait function, const py::object& timeout) const {
    const int64_t timeout_ns = nanoseconds(timeout);
    Numbers numbers;
    {
      const WithoutGil released;
      (void)function(handle_, timeout_ns, collect, &numbers);
    }
    return as_dict(numbers);
  }

  forebay_collector* handle_ = nullptr;
  const uint32_t* pressure_ = nullptr;
};

py::bytes decompress(const std::string& codec, const py::bytes& data, size_t max_bytes) {
  const std::string_view view = data;
  struct Result {
    std::string content;
    std::string error;
  } result;
  int32_t status = FOREBAY_OK;
  {
    const WithoutGil released;
    status = core().decompress(
        {codec.data(), codec.size()}, {view.data(), view.size()}, max_bytes,
        [](void* context, const char* text, size_t size) {
          static_cast<Result*>(context)->content.assign(text, size);
        },
        [](void* context, const char* text, size_t size) {
          static_cast<Result*>(context)->error.assign(text, size);
        },
        &result);
  }
  if (status == FOREBAY_INVALID_ARGUMENT) throw py::value_error(result.error);
  if (status != FOREBAY_OK) throw std::bad_alloc();
  return py::bytes(result.content);
}

}  // namespace

int64_t nanoseconds(const py::object& timeout) {
  if (timeout.is_none()) return -1;
  const double seconds = timeout.cast<double>();
  if (!(seconds >= 0)) throw_option_error("timeout: it must be 0 or more seconds, or None");
  return seconds > 9e9 ? -1 : static_cast<int64_t>(seconds * 1e9);
}

forebay_collector* collector_handle(PyObject* object) {
  if (object == Py_None) return nullptr;
  return py::cast<PyCollector&>(py::handle(object)).handle();
}

void register_collector(py::module_& module) {
  py::class_<PyCollector>(module, "Collector", py::is_final())
      .def(py::init<const py::list&>(), py::arg("options"))
      .def("stats", &PyCollector::stats)
      .def("audit", &PyCollector::audit)
      .def("flush", &PyCollector::flush, py::arg("timeout"))
      .def("shutdown", &PyCollector::shutdown, py::arg("timeout"))
      .def("text", &PyCollector::text_of, py::arg("name"))
      .def("take_memory", &PyCollector::take_memory)
      .def("take_metrics", &PyCollector::take_metrics)
      .def("metrics_text", &PyCollector::metrics_text, py::arg("format"))
      .def("publish_metrics", &PyCollector::publish_metrics)
      .def("advance", &PyCollector::advance, py::arg("nanoseconds"))
      .def("dump_recorder", &PyCollector::dump_recorder, py::arg("seconds"))
      .def_property_readonly("pressure", &PyCollector::pressure);
  module.def(
      "set_default",
      [](const py::object& collector) {
        forebay_collector* handle = collector_handle(collector.ptr());
        const WithoutGil released;
        core().collector_set_default(handle);
      },
      py::arg("collector"));
  module.def(
      "send_metrics",
      [](const py::object& collector, const py::bytes& request) {
        forebay_collector* handle = collector_handle(collector.ptr());
        const std::string_view bytes = request;
        const WithoutGil released;
        return core().collector_send_metrics(handle, {bytes.data(), bytes.size()});
      },
      py::arg("collector"), py::arg("request"));
  module.def("get_default", []() -> py::object {
    forebay_collector* handle = core().collector_default();
    if (handle == nullptr) return py::none();
    return py::cast(new PyCollector(handle), py::return_value_policy::take_ownership);
  });
  module.def("container_memory_limit", []() -> py::object {
    const int64_t limit = core().container_memory_limit();
    return limit < 0 ? py::object(py::none()) : py::object(py::int_(limit));
  });
  module.def("decompress", &decompress, py::arg("codec"), py::arg("data"), py::arg("max_bytes"));
}

}  // namespace forebay_python
