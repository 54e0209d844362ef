#include "logger_async.h"

#include <algorithm>
#include <vector>

namespace forebay_python {
namespace {

// A function of forebay._room_async, which is loaded with asyncio, at the first use.
PyObject* room_function(const char* name, PyObject*& cached) {
  if (cached == nullptr) {
    PyObject* module = PyImport_ImportModule("forebay._room_async");
    if (module == nullptr) return nullptr;
    cached = PyObject_GetAttrString(module, name);
    Py_DECREF(module);
  }
  return cached;
}

// function(*first, *args, **keywords)
PyObject* call_with(PyObject* function, PyObject* const* first, Py_ssize_t first_count,
                    PyObject* const* args, Py_ssize_t positional, PyObject* names) {
  const Py_ssize_t keywords = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  std::vector<PyObject*> all(first, first + first_count);
  all.insert(all.end(), args, args + positional + keywords);
  return PyObject_Vectorcall(function, all.data(), static_cast<size_t>(first_count + positional),
                             names);
}

bool has_message(Py_ssize_t positional) {
  if (positional >= 1) return true;
  PyErr_SetString(PyExc_TypeError, "a message is missing");
  return false;
}

}  // namespace

PyObject* async_call(PyObject* self, PyObject* const* args, Py_ssize_t positional, PyObject* names,
                     long level) {
  static PyObject* cached = nullptr;
  PyObject* function = room_function("emit_when_room", cached);
  if (function == nullptr || !has_message(positional)) return nullptr;
  PyObject* number = PyLong_FromLong(level);
  if (number == nullptr) return nullptr;
  PyObject* const first[] = {self, number};
  PyObject* coroutine = call_with(function, first, 2, args, positional, names);
  Py_DECREF(number);
  return coroutine;
}

PyObject* async_log(PyObject* self, PyObject* const* args, Py_ssize_t positional, PyObject* names) {
  if (positional < 1 || !PyLong_Check(args[0])) {
    PyErr_SetString(PyExc_TypeError, "level must be an int, as logging's levels are");
    return nullptr;
  }
  const long level = PyLong_AsLong(args[0]);
  if (level == -1 && PyErr_Occurred() != nullptr) return nullptr;
  return async_call(self, args + 1, positional - 1, names, level);
}

PyObject* async_exception(PyObject* self, PyObject* const* args, Py_ssize_t positional,
                          PyObject* names) {
  static PyObject* cached = nullptr;
  PyObject* function = room_function("emit_exception_when_room", cached);
  if (function == nullptr || !has_message(positional)) return nullptr;
  PyObject* const first[] = {self};
  return call_with(function, first, 1, args, positional, names);
}

}  // namespace forebay_python
