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
  // The trace that a context belongs to, as a request brought it (W3C traceparent).
  struct Trace {
    bool is_set = false;
    uint8_t trace_id[16] = {};
    uint8_t span_id[8] = {};
    uint32_t flags = 0;
  };

  std::vector<PyObject*> names;  // owned
  std::vector<forebay_attribute> cells;
  Scratch scratch;  // what the cells point into
  Trace trace;

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
// `outer`'s (may be null) and those of the dict, which wins. `trace`: 16 bytes of trace id, 8 of
// span id, one of flags; null: outer's. A new reference, or null with an error set.
PyObject* new_bound(PyObject* outer, PyObject* dict, PyObject* trace = nullptr);

}  // namespace forebay_python
