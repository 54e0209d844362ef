// The methods of _core.Logger for coroutines: ainfo and its like. What they return is a coroutine
// of forebay._room, which emits when it is awaited.
#pragma once
#include <Python.h>

namespace forebay_python {

PyObject* async_call(PyObject* self, PyObject* const* args, Py_ssize_t positional, PyObject* names,
                     long level);

template <long kLevel>
PyObject* async_log_at(PyObject* self, PyObject* const* args, Py_ssize_t positional,
                       PyObject* names) {
  return async_call(self, args, positional, names, kLevel);
}
PyObject* async_log(PyObject* self, PyObject* const* args, Py_ssize_t positional, PyObject* names);
PyObject* async_exception(PyObject* self, PyObject* const* args, Py_ssize_t positional,
                          PyObject* names);

}  // namespace forebay_python
