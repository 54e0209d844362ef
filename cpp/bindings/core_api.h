// The core, as the binding sees it: the C ABI's table, and Python's error plumbing.
#pragma once
#include <pybind11/pybind11.h>

#include <forebay/c_api.h>

#include <cstring>
#include <string>
#include <string_view>

namespace forebay_python {

inline const forebay_api& core() noexcept {
  static const forebay_api* const table = forebay_get_api(FOREBAY_ABI_VERSION);
  return *table;
}

inline forebay_string text(std::string_view s) noexcept { return {s.data(), s.size()}; }

// A visitor of texts, for which `context` is a std::string.
inline void append_text(void* context, const char* data, size_t size) {
  static_cast<std::string*>(context)->append(data, size);
}

// One file a subject.
void register_logger(pybind11::module_& module);
void register_collector(pybind11::module_& module);
void register_handler(pybind11::module_& module);
void register_bell(pybind11::module_& module);
void register_room(pybind11::module_& module);
void register_pressure(pybind11::module_& module);
void register_capsule(pybind11::module_& module);
void register_simulate(pybind11::module_& module);
void register_library(pybind11::module_& module);
void register_signals(pybind11::module_& module);
void register_bound(pybind11::module_& module);
void register_ambient(pybind11::module_& module);
void register_bridge(pybind11::module_& module);
void register_code_place(pybind11::module_& module);
void register_instruments(pybind11::module_& module);
void register_observer(pybind11::module_& module);

// The handle inside a _core.Collector; null for None. Throws TypeError for anything else.
forebay_collector* collector_handle(PyObject* object);

}  // namespace forebay_python
