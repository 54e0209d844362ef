#include "code_place.h"

#include <frameobject.h>

#include <utility>
#include <vector>

#include "core_api.h"
#include "values.h"

namespace forebay_python {
namespace {

// Never destroyed: they are Python objects.
std::vector<PyObject*>& directories() {
  static auto* all = new std::vector<PyObject*>;
  return *all;
}

bool is_own(const PyCodeObject* code) noexcept {
  if (!PyUnicode_Check(code->co_filename)) return false;
  for (PyObject* directory : directories()) {
    if (PyUnicode_Tailmatch(code->co_filename, directory, 0, PY_SSIZE_T_MAX, -1) == 1) return true;
  }
  return false;
}

std::string string_of(PyObject* text) {
  if (text == nullptr || !PyUnicode_Check(text)) return {};
  Scratch scratch;
  const forebay_string s = to_text(text, scratch);
  return s.data == nullptr ? std::string() : std::string(s.data, s.size);
}

PyObject* pass_over(PyObject*, PyObject* directory) {
  if (!PyUnicode_Check(directory)) {
    PyErr_SetString(PyExc_TypeError, "a directory must be a str");
    return nullptr;
  }
  for (PyObject* known : directories()) {
    if (PyUnicode_Compare(known, directory) == 0) Py_RETURN_NONE;
  }
  directories().push_back(Py_NewRef(directory));
  Py_RETURN_NONE;
}

}  // namespace

bool code_places_wanted() noexcept {
  return __atomic_load_n(core().code_places_wanted, __ATOMIC_RELAXED) != 0;
}

CodePlace CodePlace::of_caller(long stacklevel) noexcept {
  CodePlace place;
  PyFrameObject* frame = PyEval_GetFrame();
  Py_XINCREF(frame);
  while (frame != nullptr) {
    PyCodeObject* code = PyFrame_GetCode(frame);
    if (!is_own(code) && stacklevel-- <= 1) {
      place.owner_ = reinterpret_cast<PyObject*>(code);
      place.offset_ = PyFrame_GetLasti(frame);
      Py_DECREF(frame);
      return place;
    }
    Py_DECREF(code);
    PyFrameObject* back = PyFrame_GetBack(frame);
    Py_DECREF(frame);
    frame = back;
  }
  return place;
}

CodePlace::CodePlace(PyObject* file, PyObject* function, long line) noexcept
    : owner_(file != nullptr && PyUnicode_CheckExact(file) ? Py_NewRef(file) : nullptr),
      function_(Py_XNewRef(function)),
      offset_(line) {}

CodePlace::CodePlace(CodePlace&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)),
      function_(std::exchange(other.function_, nullptr)),
      offset_(other.offset_) {}

CodePlace::~CodePlace() {
  Py_XDECREF(owner_);
  Py_XDECREF(function_);
}

bool CodePlace::has_constant(PyObject* object) const noexcept {
  if (owner_ == nullptr || !PyCode_Check(owner_)) return false;
  PyObject* const constants = reinterpret_cast<PyCodeObject*>(owner_)->co_consts;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); ++i) {
    if (PyTuple_GET_ITEM(constants, i) == object) return true;
  }
  return false;
}

CodePlace::Text CodePlace::text() const {
  if (owner_ == nullptr) return {};
  if (!PyCode_Check(owner_)) {
    return {string_of(owner_), string_of(function_), offset_ > 0 ? offset_ : 0};
  }
  auto* code = reinterpret_cast<PyCodeObject*>(owner_);
  const int line = PyCode_Addr2Line(code, static_cast<int>(offset_));
  return {string_of(code->co_filename), string_of(code->co_qualname), line > 0 ? line : 0};
}

void register_code_place(pybind11::module_& module) {
  static PyMethodDef method = {"pass_over_frames_of", pass_over, METH_O,
                               "Take no call site from code in files below this directory."};
  PyObject* function = PyCFunction_NewEx(&method, nullptr, nullptr);
  if (function == nullptr) throw pybind11::error_already_set();
  module.add_object("pass_over_frames_of", function);
}

}  // namespace forebay_python
