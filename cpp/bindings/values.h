// Python values as the core's cells.
//
// A cell points into the object where that is possible (ASCII strings, bytes) and into scratch
// memory where it is not. Exact types come first; what OTLP has no type for goes in as its str().
// Nothing here leaves a Python error set, and nothing keeps an object longer than the call.
#pragma once
#include <Python.h>

#include <forebay/c_api.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace forebay_python {

// Memory for one call. On the stack, so that a user's __str__ that logs has its own.
class Scratch {
 public:
  Scratch() = default;
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // Null where memory ran out.
  char* allocate(size_t bytes) noexcept;
  // Holds a reference until the call is over.
  void keep(PyObject* object) noexcept;  // steals it

 private:
  char first_[512];
  size_t used_ = 0;
  std::vector<std::unique_ptr<char[]>> more_;
  std::vector<PyObject*> kept_;
};

// The value of any object. Runs Python code only where the type is none that OTLP knows.
forebay_value to_value(PyObject* object, Scratch& scratch) noexcept;
// The same for the frequent types, without a call; false: ask to_value().
inline bool to_value_fast(PyObject* object, forebay_value& value) noexcept;

// UTF-8 of a str (or a subclass: its characters, no method of it is called). Lone surrogates become
// U+FFFD.
forebay_string to_text(PyObject* str, Scratch& scratch) noexcept;

// str(object), or words that say why there is none.
forebay_string to_description(PyObject* object, Scratch& scratch) noexcept;

inline bool to_value_fast(PyObject* object, forebay_value& value) noexcept {
  PyTypeObject* const type = Py_TYPE(object);
  if (type == &PyUnicode_Type) {
    if (!PyUnicode_IS_COMPACT_ASCII(object)) return false;
    value.type = FOREBAY_STRING;
    value.size = static_cast<uint32_t>(PyUnicode_GET_LENGTH(object));
    value.as.data = static_cast<const char*>(PyUnicode_DATA(object));
    return PyUnicode_GET_LENGTH(object) < (Py_ssize_t{1} << 31);
  }
  if (type == &PyLong_Type) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow != 0) return false;
    value.type = FOREBAY_INT64;
    value.size = 0;
    value.as.i64 = number;
    return true;
  }
  if (type == &PyFloat_Type) {
    value.type = FOREBAY_DOUBLE;
    value.size = 0;
    value.as.f64 = PyFloat_AS_DOUBLE(object);
    return true;
  }
  if (type == &PyBool_Type) {
    value.type = FOREBAY_BOOL;
    value.size = 0;
    value.as.i64 = object == Py_True;
    return true;
  }
  return false;
}

}  // namespace forebay_python
