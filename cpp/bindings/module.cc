// The module forebay._core.
#include "core_api.h"

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
}
