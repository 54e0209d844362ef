// What Python cannot tell of the handlers of signals.
#include <csignal>

#include "core_api.h"

namespace forebay_python {
namespace {

// Whether a function is called at that signal, of Python or of native code.
bool calls_a_function_at(int number) {
  struct sigaction action {};
  return sigaction(number, nullptr, &action) == 0 && action.sa_handler != SIG_DFL &&
         action.sa_handler != SIG_IGN;
}

}  // namespace

void register_signals(pybind11::module_& module) {
  module.def("calls_a_function_at", &calls_a_function_at, pybind11::arg("signal"));
}

}  // namespace forebay_python
