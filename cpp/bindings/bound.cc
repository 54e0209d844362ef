#include "bound.h"

#include <cstring>
#include <new>

#include "core_api.h"

namespace forebay_python {
namespace {

PyTypeObject* bound_type = nullptr;

// Every record carries them, so there is a limit.
constexpr size_t kMostBound = 128;

void add(Attributes& to, PyObject* name, const forebay_value& value) {
  forebay_attribute cell{};
  const forebay_string key = to_text(name, to.scratch);
  cell.key = key.data;
  cell.key_size = static_cast<uint32_t>(key.size);
  cell.value = value;
  to.names.reserve(to.names.size() + 1);
  to.cells.push_back(cell);
  Py_INCREF(name);
  to.names.push_back(name);
}

// Of another one, which keeps what they point into alive as long as it lives itself.
bool add_outer(Attributes& to, PyObject* outer, PyObject* dict) {
  const Attributes* from = as_bound(outer);
  if (from == nullptr) return true;
  Py_INCREF(outer);
  to.scratch.keep(outer);
  for (size_t i = 0; i < from->names.size(); ++i) {
    const int is_overridden = PyDict_Contains(dict, from->names[i]);
    if (is_overridden < 0) return false;
    if (is_overridden == 0) add(to, from->names[i], from->cells[i].value);
  }
  return true;
}

bool add_own(Attributes& to, PyObject* dict) {
  PyObject* items = PyDict_Items(dict);
  if (items == nullptr) return false;
  to.scratch.keep(items);
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items); ++i) {
    PyObject* name = PyTuple_GET_ITEM(PyList_GET_ITEM(items, i), 0);
    PyObject* value = PyTuple_GET_ITEM(PyList_GET_ITEM(items, i), 1);
    if (!PyUnicode_CheckExact(name)) {
      PyErr_Format(PyExc_TypeError, "the name of an attribute must be a str, not %.100s",
                   Py_TYPE(name)->tp_name);
      return false;
    }
    Py_INCREF(name);
    PyUnicode_InternInPlace(&name);
    to.scratch.keep(name);
    add(to, name, to_value(value, to.scratch));
  }
  return true;
}

bool set_trace(Attributes& to, PyObject* outer, PyObject* trace) {
  if (trace == nullptr) {
    if (const Attributes* from = as_bound(outer); from != nullptr) to.trace = from->trace;
    return true;
  }
  constexpr Py_ssize_t kBytes = sizeof to.trace.trace_id + sizeof to.trace.span_id + 1;
  if (!PyBytes_Check(trace) || PyBytes_GET_SIZE(trace) != kBytes) {
    PyErr_SetString(PyExc_TypeError, "a trace is 25 bytes");
    return false;
  }
  const char* from = PyBytes_AS_STRING(trace);
  to.trace.is_set = true;
  std::memcpy(to.trace.trace_id, from, sizeof to.trace.trace_id);
  std::memcpy(to.trace.span_id, from + sizeof to.trace.trace_id, sizeof to.trace.span_id);
  to.trace.flags = static_cast<uint8_t>(from[kBytes - 1]);
  return true;
}

PyObject* make(PyTypeObject*, PyObject* args, PyObject* keywords) {
  PyObject* outer = nullptr;
  PyObject* dict = nullptr;
  PyObject* trace = Py_None;
  static char* names[] = {const_cast<char*>("outer"), const_cast<char*>("attributes"),
                          const_cast<char*>("trace"), nullptr};
  if (PyArg_ParseTupleAndKeywords(args, keywords, "OO!|O", names, &outer, &PyDict_Type, &dict,
                                  &trace) == 0) {
    return nullptr;
  }
  return new_bound(outer == Py_None ? nullptr : outer, dict, trace == Py_None ? nullptr : trace);
}

void deallocate(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  delete reinterpret_cast<PyBound*>(self)->attributes;
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* describe(PyObject* self) {
  const Attributes& bound = *reinterpret_cast<PyBound*>(self)->attributes;
  return PyUnicode_FromFormat("<forebay: %zu bound attributes>", bound.names.size());
}

}  // namespace

Attributes::~Attributes() {
  core().bound_release(encoded_);
  Py_XDECREF(others_);
  for (PyObject* name : names) Py_DECREF(name);
}

// Bound names are interned, and keywords nearly always.
bool Attributes::compare(PyObject* names_of_record) const noexcept {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names_of_record); ++i) {
    PyObject* const own = PyTuple_GET_ITEM(names_of_record, i);
    if (!PyUnicode_CHECK_INTERNED(own)) return true;
    for (PyObject* const name : names) {
      if (name == own) return true;
    }
  }
  Py_XSETREF(others_, Py_NewRef(names_of_record));
  return false;
}

const forebay_extra* Attributes::make_whole() const noexcept {
  if (was_used_ && !cells.empty()) {
    encoded_ = core().bind(cells.data(), static_cast<uint32_t>(cells.size()));
  }
  was_used_ = true;
  if (encoded_ == nullptr) return nullptr;
  whole_ = encoded_->extra;
  if (trace.is_set) {
    with_trace_ = *encoded_->extra;
    add_trace_to(with_trace_);
    whole_ = &with_trace_;
  }
  return whole_;
}

void Attributes::add_to(forebay_extra& extra) const noexcept {
  extra.bound = encoded_;
  extra.attributes = encoded_ != nullptr ? encoded_->attributes : cells.data();
  extra.attribute_count = static_cast<uint32_t>(cells.size());
}

void Attributes::add_trace_to(forebay_extra& extra) const noexcept {
  if (!trace.is_set) return;
  std::memcpy(extra.trace_id, trace.trace_id, sizeof extra.trace_id);
  std::memcpy(extra.span_id, trace.span_id, sizeof extra.span_id);
  extra.trace_flags = trace.flags;
}

const Attributes* as_bound(PyObject* object) noexcept {
  return object != nullptr && Py_TYPE(object) == bound_type
             ? reinterpret_cast<const PyBound*>(object)->attributes
             : nullptr;
}

PyObject* new_bound(PyObject* outer, PyObject* dict, PyObject* trace) try {
  auto made = std::make_unique<Attributes>();
  if (!set_trace(*made, outer, trace)) return nullptr;
  if (!add_outer(*made, outer, dict) || !add_own(*made, dict)) return nullptr;
  if (made->names.size() > kMostBound) {
    PyErr_Format(PyExc_ValueError, "%zu attributes are bound; at most %zu can be",
                 made->names.size(), kMostBound);
    return nullptr;
  }
  auto* bound = PyObject_New(PyBound, bound_type);
  if (bound == nullptr) return nullptr;
  bound->attributes = made.release();
  return reinterpret_cast<PyObject*>(bound);
} catch (const std::bad_alloc&) {
  return PyErr_NoMemory();
}

void register_bound(pybind11::module_& module) {
  static PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(make)},
                                {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
                                {Py_tp_repr, reinterpret_cast<void*>(describe)},
                                {Py_tp_doc, const_cast<char*>("Attributes, converted once.")},
                                {0, nullptr}};
  static PyType_Spec spec = {"forebay._core.Bound", sizeof(PyBound), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, slots};
  bound_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (bound_type == nullptr) throw pybind11::error_already_set();
  module.add_object("Bound", reinterpret_cast<PyObject*>(bound_type));
}

}  // namespace forebay_python
