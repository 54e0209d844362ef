// The types of instruments, and what observations need of them.
#pragma once
#include <Python.h>

#include <forebay/c_api.h>

namespace forebay_python {

// Null where `object` is none.
forebay_instrument* as_instrument(PyObject* object) noexcept;
// Tells one value of an observation. False with an error set for attributes that are no mapping.
// May throw std::bad_alloc.
bool observe_number(forebay_observation* observation, PyObject* amount, PyObject* attributes);

}  // namespace forebay_python
