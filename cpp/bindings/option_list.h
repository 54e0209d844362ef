// Options as the package hands them over: a list of (path, value), and the error for a bad one.
#pragma once
#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "core_api.h"
#include "values.h"

namespace forebay_python {

// The cells point into `scratch`, which also holds the objects.
std::vector<forebay_option> to_options(const pybind11::list& options, Scratch& scratch);

// forebay.OptionError.
[[noreturn]] void throw_option_error(const std::string& message);

}  // namespace forebay_python
