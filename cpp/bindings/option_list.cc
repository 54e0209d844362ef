#include "option_list.h"

namespace py = pybind11;

namespace forebay_python {

std::vector<forebay_option> to_options(const py::list& options, Scratch& scratch) {
  std::vector<forebay_option> cells;
  cells.reserve(options.size());
  for (const py::handle& item : options) {
    const auto pair = py::cast<py::tuple>(item);
    const py::str path = pair[0];
    const py::object value = pair[1];
    scratch.keep(path.inc_ref().ptr());
    scratch.keep(value.inc_ref().ptr());
    const forebay_string key = to_text(path.ptr(), scratch);
    cells.push_back({key.data, static_cast<uint32_t>(key.size), 0, to_value(value.ptr(), scratch)});
  }
  return cells;
}

void throw_option_error(const std::string& message) {
  const py::object type = py::module_::import("forebay._errors").attr("OptionError");
  PyErr_SetObject(type.ptr(), py::str(message).ptr());
  throw py::error_already_set();
}

}  // namespace forebay_python
