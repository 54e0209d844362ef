// What native extensions fetch: the C ABI's table, by the name in forebay/c_api.h.
#include "core_api.h"

namespace forebay_python {

void register_capsule(pybind11::module_& module) {
  module.attr("_C_API") = pybind11::capsule(&core(), FOREBAY_CAPSULE_NAME);
  module.attr("version") = pybind11::str(core().library_version.data, core().library_version.size);
}

}  // namespace forebay_python
