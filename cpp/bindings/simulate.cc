// _core.simulate: a scenario in, samples of a collector under virtual time out.
#include <string>
#include <unordered_map>
#include <vector>

#include "core_api.h"
#include "option_list.h"
#include "without_gil.h"

namespace py = pybind11;

namespace forebay_python {
namespace {

// A run has thousands of samples of the same few hundred names: each name is kept once.
class Samples {
 public:
  static void number(void* context, const char* name, size_t size, int64_t value) {
    static_cast<Samples*>(context)->add({name, size}, value);
  }
  static void error(void* context, const char* data, size_t size) {
    static_cast<Samples*>(context)->error_.append(data, size);
  }
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

  // With the GIL.
  [[nodiscard]] py::list as_list() const {
    std::vector<py::str> names;
    names.reserve(names_.size());
    for (const std::string* name : names_) names.emplace_back(*name);
    py::list list;
    py::dict sample;
    for (const auto& [index, value] : numbers_) {
      if (index == 0) {
        sample = py::dict();
        list.append(sample);
      }
      sample[names[index]] = value;
    }
    return list;
  }

 private:
  void add(std::string_view name, int64_t value) {
    const auto [found, is_new] = indexes_.try_emplace(std::string(name), names_.size());
    if (is_new) names_.push_back(&found->first);
    numbers_.emplace_back(found->second, value);
  }

  std::unordered_map<std::string, size_t> indexes_;
  std::vector<const std::string*> names_;  // the first is "time_ns", with which a sample begins
  std::vector<std::pair<size_t, int64_t>> numbers_;
  std::string error_;
};

py::list simulate(const py::list& options, const py::list& scenario) {
  Scratch scratch;
  const std::vector<forebay_option> given = to_options(options, scratch);
  const std::vector<forebay_option> asked = to_options(scenario, scratch);
  Samples samples;
  int32_t status = FOREBAY_OK;
  {
    const WithoutGil released;
    status = core().simulate(given.data(), given.size(), asked.data(), asked.size(),
                             Samples::number, Samples::error, &samples);
  }
  if (status == FOREBAY_INVALID_ARGUMENT) throw_option_error(samples.error());
  if (status != FOREBAY_OK) throw std::bad_alloc();
  return samples.as_list();
}

}  // namespace

void register_simulate(py::module_& module) {
  module.def("simulate", &simulate, py::arg("options"), py::arg("scenario"));
}

}  // namespace forebay_python
