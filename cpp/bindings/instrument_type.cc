// The instruments and their bound series: raw types, because a counter costs less than what any
// other way of binding a method does.
//
// Nothing in here raises for a measurement: what is none is counted, as in C++. What is raised is
// wrong use (arguments that are not there), and a bad name.
#include <array>
#include <new>
#include <string>
#include <vector>

#include "attribute_list.h"
#include "core_api.h"
#include "instrument_type.h"
#include "option_list.h"
#include "values.h"
#include "without_gil.h"

namespace forebay_python {
namespace {

constexpr Py_ssize_t kMostFastAttributes = 16;

struct PyInstrument {
  PyObject_HEAD forebay_instrument* handle;
};
struct PySeries {
  PyObject_HEAD forebay_series* handle;
};

struct Kind {
  const char* type_name;
  const char* bound_name;  // of its bound series'; null: what is observed has none
  const char* method;
  uint32_t kind;
};
constexpr std::array<Kind, 7> kKinds = {{
    {"forebay._core.Counter", "forebay._core.BoundCounter", "add", FOREBAY_COUNTER},
    {"forebay._core.UpDownCounter", "forebay._core.BoundUpDownCounter", "add",
     FOREBAY_UP_DOWN_COUNTER},
    {"forebay._core.Gauge", "forebay._core.BoundGauge", "set", FOREBAY_GAUGE},
    {"forebay._core.Histogram", "forebay._core.BoundHistogram", "record", FOREBAY_HISTOGRAM},
    {"forebay._core.ObservableCounter", nullptr, nullptr, FOREBAY_OBSERVABLE_COUNTER},
    {"forebay._core.ObservableUpDownCounter", nullptr, nullptr, FOREBAY_OBSERVABLE_UP_DOWN_COUNTER},
    {"forebay._core.ObservableGauge", nullptr, nullptr, FOREBAY_OBSERVABLE_GAUGE},
}};
std::array<PyTypeObject*, kKinds.size()> instrument_types{};
std::array<PyTypeObject*, kKinds.size()> series_types{};

// A number of Python as one of ours. What is no number is NaN, which the core counts as no
// measurement; an integer beyond 64 bits is a floating point number.
struct Number {
  bool is_integer;
  int64_t integer;
  double real;
};
Number to_number(PyObject* object) noexcept {
  if (PyFloat_Check(object)) return {false, 0, PyFloat_AS_DOUBLE(object)};
  if (PyLong_Check(object)) {
    int overflow = 0;
    const int64_t value = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow == 0) return {true, value, 0};
  }
  const double value = running_python([&] { return PyFloat_AsDouble(object); });
  if (value == -1.0 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    return {false, 0, Py_NAN};
  }
  return {false, 0, value};
}

int32_t record(forebay_instrument* instrument, const Number& number,
               const forebay_attribute* attributes, uint32_t count) noexcept {
  return number.is_integer ? core().record_int64(instrument, attributes, count, number.integer)
                           : core().record_double(instrument, attributes, count, number.real);
}

// Attributes that are strings of ASCII and plain numbers, as most are: false for any other.
bool fill(PyObject* dict, forebay_attribute* cells, uint32_t& count) noexcept {
  if (PyDict_GET_SIZE(dict) > kMostFastAttributes) return false;
  Py_ssize_t position = 0;
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  while (PyDict_Next(dict, &position, &key, &value) != 0) {
    if (!PyUnicode_CheckExact(key) || !PyUnicode_IS_COMPACT_ASCII(key)) return false;
    forebay_attribute& cell = cells[count];
    cell.value = {};
    if (!to_value_fast(value, cell.value)) return false;
    cell.key = reinterpret_cast<const char*>(PyUnicode_1BYTE_DATA(key));
    cell.key_size = static_cast<uint32_t>(PyUnicode_GET_LENGTH(key));
    cell.reserved = 0;
    ++count;
  }
  return true;
}

// Attributes of any kind. False with an error set for what is no mapping.
bool gather(PyObject* attributes, AttributeList& list) {
  PyObject* items = running_python([&] { return PyMapping_Items(attributes); });
  if (items == nullptr) return false;
  list.scratch().keep(items);
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items); ++i) {
    PyObject* item = PyList_GET_ITEM(items, i);
    if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 2) continue;
    list.add(PyTuple_GET_ITEM(item, 0), PyTuple_GET_ITEM(item, 1));
  }
  return true;
}

// Told once, and never raised: what is measured stays measured.
void tell_no_mapping(PyObject* attributes) {
  PyObject* module = PyImport_ImportModule("forebay._warnings");
  PyObject* words = PyUnicode_FromFormat(
      "attributes: a '%s' is no mapping of names to values; the measurement counts without it",
      Py_TYPE(attributes)->tp_name);
  if (module != nullptr && words != nullptr) {
    Py_XDECREF(PyObject_CallMethod(module, "say_once", "O", words));
  }
  Py_XDECREF(module);
  Py_XDECREF(words);
  PyErr_Clear();
}

[[gnu::noinline]] void record_slowly(forebay_instrument* instrument, const Number& number,
                                     PyObject* attributes) try {
  Scratch scratch;
  AttributeList list(scratch);
  if (!gather(attributes, list)) {
    PyErr_Clear();
    running_python([&] { tell_no_mapping(attributes); });
  }
  (void)record(instrument, number, list.data(), list.size());
} catch (const std::bad_alloc&) {
  (void)record(instrument, {false, 0, Py_NAN}, nullptr, 0);
}

// record(amount, attributes=None, context=None), as OpenTelemetry has it; the context is not used.
PyObject* record_method(PyObject* self, PyObject* const* args, Py_ssize_t count,
                        PyObject* names) noexcept {
  PyObject* amount = count > 0 ? args[0] : nullptr;
  PyObject* attributes = count > 1 ? args[1] : Py_None;
  const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  for (Py_ssize_t i = 0; i < named; ++i) {
    PyObject* name = PyTuple_GET_ITEM(names, i);
    if (PyUnicode_CompareWithASCIIString(name, "attributes") == 0) {
      attributes = args[count + i];
    } else if (PyUnicode_CompareWithASCIIString(name, "amount") == 0) {
      amount = args[count + i];
    } else if (PyUnicode_CompareWithASCIIString(name, "context") != 0) {
      PyErr_Format(PyExc_TypeError, "there is no argument '%U'; there are amount, attributes",
                   name);
      return nullptr;
    }
  }
  if (amount == nullptr || count > 3) {
    PyErr_SetString(PyExc_TypeError, "an amount is wanted, and attributes if there are any");
    return nullptr;
  }
  forebay_instrument* const handle = reinterpret_cast<PyInstrument*>(self)->handle;
  const Number number = to_number(amount);
  if (attributes == Py_None) {
    (void)record(handle, number, nullptr, 0);
    Py_RETURN_NONE;
  }
  std::array<forebay_attribute, kMostFastAttributes> cells;
  uint32_t used = 0;
  if (PyDict_CheckExact(attributes) && fill(attributes, cells.data(), used)) [[likely]] {
    (void)record(handle, number, cells.data(), used);
  } else {
    record_slowly(handle, number, attributes);
  }
  Py_RETURN_NONE;
}

PyObject* record_bound(PyObject* self, PyObject* amount) noexcept {
  forebay_series* const handle = reinterpret_cast<PySeries*>(self)->handle;
  if (handle == nullptr) [[unlikely]] {
    PyErr_SetString(PyExc_TypeError, "it was not made by bind()");
    return nullptr;
  }
  const Number number = to_number(amount);
  (void)(number.is_integer ? core().series_record_int64(handle, number.integer)
                           : core().series_record_double(handle, number.real));
  Py_RETURN_NONE;
}

PyTypeObject* bound_type_of(PyObject* self) noexcept {
  for (size_t k = 0; k < kKinds.size(); ++k) {
    if (PyType_IsSubtype(Py_TYPE(self), instrument_types[k]) != 0) return series_types[k];
  }
  return nullptr;
}

PyObject* make_series(PyInstrument* instrument, PyTypeObject* type, PyObject* attributes) {
  Scratch scratch;
  AttributeList list(scratch);
  if (attributes != Py_None && !gather(attributes, list)) {
    PyErr_Clear();
    throw_option_error("attributes: " + std::string(pybind11::repr(attributes)) +
                       " is not a mapping");
  }
  PyObject* made = type->tp_alloc(type, 0);
  if (made == nullptr) return nullptr;
  forebay_series*& handle = reinterpret_cast<PySeries*>(made)->handle;
  handle = core().series(instrument->handle, list.data(), list.size());
  if (handle != nullptr) return made;
  Py_DECREF(made);
  return PyErr_NoMemory();
}

// bind(attributes=None, *, type=None): `type` is a Python class on top of the bound series'.
PyObject* bind(PyObject* self, PyObject* args, PyObject* keywords) try {
  static const char* names[] = {"attributes", "type", nullptr};
  PyObject* attributes = Py_None;
  PyObject* type = Py_None;
  if (PyArg_ParseTupleAndKeywords(args, keywords, "|OO", const_cast<char**>(names), &attributes,
                                  &type) == 0) {
    return nullptr;
  }
  PyTypeObject* const own = bound_type_of(self);
  PyTypeObject* const wanted = type == Py_None ? own : reinterpret_cast<PyTypeObject*>(type);
  if (own == nullptr || !PyType_Check(reinterpret_cast<PyObject*>(wanted)) ||
      PyType_IsSubtype(wanted, own) == 0) {
    PyErr_SetString(PyExc_TypeError, "type: it is not one of this instrument's bound series");
    return nullptr;
  }
  return make_series(reinterpret_cast<PyInstrument*>(self), wanted, attributes);
} catch (pybind11::error_already_set& error) {
  error.restore();
  return nullptr;
} catch (const std::bad_alloc&) {
  return PyErr_NoMemory();
}

// (collector, name, unit, description, meter, meter_version, bounds, is_real)
PyObject* new_instrument(PyTypeObject* type, PyObject* args, PyObject*) try {
  PyObject *collector = nullptr, *bounds = nullptr;
  const char *name = nullptr, *unit = nullptr, *description = nullptr, *meter = nullptr,
             *version = nullptr;
  Py_ssize_t sizes[5] = {};
  int is_real = 0;
  if (PyArg_ParseTuple(args, "Os#s#s#s#s#Op", &collector, &name, &sizes[0], &unit, &sizes[1],
                       &description, &sizes[2], &meter, &sizes[3], &version, &sizes[4], &bounds,
                       &is_real) == 0) {
    return nullptr;
  }
  forebay_instrument_spec spec{};
  spec.struct_size = sizeof spec;
  for (size_t k = 0; k < kKinds.size(); ++k) {
    if (PyType_IsSubtype(type, instrument_types[k]) != 0) spec.kind = kKinds[k].kind;
  }
  const auto text_of = [&](const char* data, int at) {
    return forebay_string{data, static_cast<size_t>(sizes[at])};
  };
  spec.name = text_of(name, 0);
  spec.unit = text_of(unit, 1);
  spec.description = text_of(description, 2);
  spec.meter = text_of(meter, 3);
  spec.meter_version = text_of(version, 4);
  if (is_real != 0) spec.flags = FOREBAY_INSTRUMENT_REAL;
  std::vector<double> upper;
  if (bounds != Py_None) {
    for (const pybind11::handle bound : pybind11::reinterpret_borrow<pybind11::object>(bounds)) {
      upper.push_back(bound.cast<double>());
    }
    static const double none = 0;
    spec.bounds = upper.empty() ? &none : upper.data();
    spec.bound_count = static_cast<uint32_t>(upper.size());
  }
  std::string error;
  forebay_instrument* handle = nullptr;
  const int32_t status =
      core().instrument(collector_handle(collector), &spec, &handle, append_text, &error);
  if (status == FOREBAY_INVALID_ARGUMENT) throw_option_error(error);
  if (status != FOREBAY_OK) throw std::bad_alloc();
  PyObject* made = type->tp_alloc(type, 0);
  if (made != nullptr) reinterpret_cast<PyInstrument*>(made)->handle = handle;
  return made;
} catch (pybind11::error_already_set& error) {
  error.restore();
  return nullptr;
} catch (const pybind11::cast_error&) {
  PyErr_SetString(PyExc_TypeError, "buckets: it is not a list of numbers");
  return nullptr;
} catch (const std::bad_alloc&) {
  return PyErr_NoMemory();
}

void free_object(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

void free_series(PyObject* self) {
  if (forebay_series* handle = reinterpret_cast<PySeries*>(self)->handle) {
    core().series_release(handle);
  }
  free_object(self);
}

PyTypeObject* make_type(PyType_Spec* spec) {
  PyObject* type = PyType_FromSpec(spec);
  if (type == nullptr) throw pybind11::error_already_set();
  return reinterpret_cast<PyTypeObject*>(type);
}

}  // namespace

forebay_instrument* as_instrument(PyObject* object) noexcept {
  for (PyTypeObject* type : instrument_types) {
    if (type != nullptr && PyObject_TypeCheck(object, type)) {
      return reinterpret_cast<PyInstrument*>(object)->handle;
    }
  }
  return nullptr;
}

bool observe_number(forebay_observation* observation, PyObject* amount, PyObject* attributes) {
  Scratch scratch;
  AttributeList list(scratch);
  if (attributes != Py_None && !gather(attributes, list)) return false;
  const Number number = to_number(amount);
  (void)(number.is_integer
             ? core().observation_int64(observation, list.data(), list.size(), number.integer)
             : core().observation_double(observation, list.data(), list.size(), number.real));
  return true;
}

void register_instruments(pybind11::module_& module) {
  // Method tables must live as long as the types.
  static std::array<std::array<PyMethodDef, 3>, kKinds.size()> methods{};
  static std::array<std::array<PyMethodDef, 2>, kKinds.size()> bound_methods{};
  for (size_t k = 0; k < kKinds.size(); ++k) {
    const Kind& kind = kKinds[k];
    if (kind.method != nullptr) {
      methods[k][0] = {kind.method,
                       reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(record_method)),
                       METH_FASTCALL | METH_KEYWORDS, nullptr};
      methods[k][1] = {"bind", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(bind)),
                       METH_VARARGS | METH_KEYWORDS, nullptr};
      bound_methods[k][0] = {kind.method, record_bound, METH_O, nullptr};
      PyType_Slot bound_slots[] = {{Py_tp_methods, bound_methods[k].data()},
                                   {Py_tp_dealloc, reinterpret_cast<void*>(free_series)},
                                   {0, nullptr}};
      PyType_Spec bound{kind.bound_name, sizeof(PySeries), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, bound_slots};
      series_types[k] = make_type(&bound);
      module.add_object(std::strrchr(kind.bound_name, '.') + 1,
                        reinterpret_cast<PyObject*>(series_types[k]));
    }
    PyType_Slot slots[] = {{Py_tp_methods, methods[k].data()},
                           {Py_tp_new, reinterpret_cast<void*>(new_instrument)},
                           {Py_tp_dealloc, reinterpret_cast<void*>(free_object)},
                           {0, nullptr}};
    PyType_Spec spec{kind.type_name, sizeof(PyInstrument), 0,
                     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
    instrument_types[k] = make_type(&spec);
    module.add_object(std::strrchr(kind.type_name, '.') + 1,
                      reinterpret_cast<PyObject*>(instrument_types[k]));
  }
}

}  // namespace forebay_python
