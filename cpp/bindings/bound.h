// The type _core.Bound: attributes that are bound to a context or a logger, converted once.
#pragma once
#include <Python.h>

#include <forebay/c_api.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "values.h"

namespace forebay_python {

// Immutable. Names are interned, so that a record's own names are told apart by identity.
struct Attributes {
  std::vector<PyObject*> names;  // owned
  std::vector<forebay_attribute> cells;
  Scratch scratch;  // what the cells point into

  Attributes() = default;
  ~Attributes();
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
};

struct PyBound {
  PyObject_HEAD Attributes* attributes;
};

// Null where `object` is none.
const Attributes* as_bound(PyObject* object) noexcept;
// `outer`'s (may be null) and those of the dict, which wins. A new reference, or null with an error
// set.
PyObject* new_bound(PyObject* outer, PyObject* dict);

}  // namespace forebay_python
