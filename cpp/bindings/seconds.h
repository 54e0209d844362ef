// Durations as Python has them.
#pragma once
#include <pybind11/pybind11.h>

#include <cstdint>

namespace forebay_python {

// What the C ABI waits: nanoseconds, and negative for None, "as long as it takes". Raises
// OptionError for what is neither None nor 0 or more seconds.
int64_t nanoseconds(const pybind11::object& timeout);

}  // namespace forebay_python
