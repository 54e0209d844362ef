// What the native library is made with, and whom it trusts.
#include <string>
#include <vector>

#include "core_api.h"
#include "option_list.h"

namespace py = pybind11;

namespace forebay_python {
namespace {

void add_text(void* context, const char* data, size_t size) {
  static_cast<std::vector<std::string>*>(context)->emplace_back(data, size);
}

std::string library_parts() {
  std::vector<std::string> texts;
  core().library_parts(add_text, &texts);
  return texts.empty() ? std::string() : texts.front();
}

py::tuple trusted_authorities(const py::list& options) {
  Scratch scratch;
  const std::vector<forebay_option> given = to_options(options, scratch);
  std::vector<std::string> texts;
  const int32_t status = core().trusted_authorities(given.data(), given.size(), add_text, &texts);
  if (status == FOREBAY_INVALID_ARGUMENT) throw_option_error(texts.at(0));
  if (status == FOREBAY_OK) return py::make_tuple(texts.at(0), texts.at(1), texts.at(2));
  if (texts.empty()) throw std::bad_alloc();
  return py::make_tuple("", "", texts.at(0));
}

}  // namespace

void register_library(py::module_& module) {
  module.def("library_parts", &library_parts);
  module.def("trusted_authorities", &trusted_authorities, py::arg("options"));
}

}  // namespace forebay_python
