// The module forebay._core.
#include "core_api.h"

// pybind11's own beginning of the module has another name, so that ours can come first.
#define PyInit__core begin_module
PYBIND11_MODULE(_core, module) {
  module.doc() = "Forebay's native module; see the package's stubs.";
  forebay_python::register_bound(module);
  forebay_python::register_ambient(module);
  forebay_python::register_code_place(module);
  forebay_python::register_logger(module);
  forebay_python::register_collector(module);
  forebay_python::register_handler(module);
  forebay_python::register_bridge(module);
  forebay_python::register_bell(module);
  forebay_python::register_room(module);
  forebay_python::register_pressure(module);
  forebay_python::register_instruments(module);
  forebay_python::register_observer(module);
  forebay_python::register_capsule(module);
  forebay_python::register_simulate(module);
  forebay_python::register_library(module);
  forebay_python::register_signals(module);
}
#undef PyInit__core

// pybind11 waits for ever in an interpreter that is not the process's first.
extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
    PyErr_SetString(PyExc_ImportError, "forebay cannot be imported in a subinterpreter");
    return nullptr;
  }
  return begin_module();
}
