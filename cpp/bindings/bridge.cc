// emit_bridged: a record of another logging library, straight into the core. What libraries and
// exception hooks log through never raises, and policies that nobody there asked for do not wait.
#include "ambient.h"
#include "attribute_list.h"
#include "core_api.h"
#include "emit_slow.h"
#include "levels.h"
#include "site_cache.h"

namespace forebay_python {
namespace {

constexpr Py_ssize_t kArguments = 9;

struct Bridged {
  PyLogger* logger = nullptr;
  PyObject* name = nullptr;  // of the logger beside it; None: itself
  long level = 0;
  PyObject* level_name = nullptr;  // None: the standard one
  PyObject* message = nullptr;
  PyObject* attributes = nullptr;  // dict or None
  PyObject* exc_info = nullptr;
  uint64_t time_unix_nano = 0;  // 0: now
  PyObject* place = nullptr;    // (file, function, line) or None
};

const forebay_site* site_of(const Bridged& record, uint32_t severity) {
  SiteCache& sites = site_cache();
  if (!code_places_wanted()) return sites.dynamic_site(nullptr, severity, record.level);
  if (PyTuple_Check(record.place) && PyTuple_GET_SIZE(record.place) == 3) {
    const long line = PyLong_AsLong(PyTuple_GET_ITEM(record.place, 2));
    PyErr_Clear();
    const CodePlace place(PyTuple_GET_ITEM(record.place, 0), PyTuple_GET_ITEM(record.place, 1),
                          line);
    return sites.site_at(place, nullptr, severity, record.level);
  }
  return sites.site_at(CodePlace::of_caller(), nullptr, severity, record.level);
}

// Into the record, where its site does not say it already.
void add_place(const Bridged& record, AttributeList& attributes) {
  if (!PyTuple_Check(record.place) || PyTuple_GET_SIZE(record.place) != 3) return;
  if (code_places_wanted()) return;
  attributes.add(text("code.file.path"), PyTuple_GET_ITEM(record.place, 0));
  attributes.add(text("code.function.name"), PyTuple_GET_ITEM(record.place, 1));
  attributes.add(text("code.line.number"), PyTuple_GET_ITEM(record.place, 2));
}

int32_t emit_one(const Bridged& record) {
  PyLogger* logger = record.logger;
  if (PyUnicode_Check(record.name)) {
    if (PyLogger* own = sibling(logger, record.name); own != nullptr) logger = own;
    PyErr_Clear();
  }
  Scratch scratch;
  AttributeList attributes(scratch);
  if (record.exc_info != Py_None && record.exc_info != Py_False) {
    add_exception(record.exc_info, attributes);
  }
  add_place(record, attributes);
  if (PyDict_Check(record.attributes)) {
    PyObject* items = PyDict_Items(record.attributes);
    if (items != nullptr) {
      scratch.keep(items);
      for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items); ++i) {
        PyObject* pair = PyList_GET_ITEM(items, i);
        attributes.add(PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
      }
    }
  }
  PyErr_Clear();
  const uint32_t severity = severity_of_level(record.level);
  forebay_extra extra{};
  extra.struct_size = sizeof extra;
  extra.severity = severity;
  extra.time_unix_nano = record.time_unix_nano;
  if (PyUnicode_Check(record.level_name) && name_of_level(record.level).empty()) {
    extra.severity_text = to_text(record.level_name, scratch);
  }
  if (ambient_sources != kNoSource || record.logger->bound != nullptr) {
    add_ambient(record.logger, attributes, extra);
  }
  attributes.cut(kMostAttributes);
  extra.attributes = attributes.data();
  extra.attribute_count = attributes.size();
  const forebay_value body = to_value(record.message, scratch);
  const forebay_site* site = site_of(record, severity);
  if (site == nullptr) {
    extra.body = body;
    return emit_with_gil(logger->handle, nullptr, nullptr, 0, &extra, FOREBAY_EMIT_BRIDGE);
  }
  return emit_with_gil(logger->handle, site, &body, 1, &extra, FOREBAY_EMIT_BRIDGE);
}

PyObject* emit_bridged(PyObject*, PyObject* const* args, Py_ssize_t count) {
  Bridged record;
  if (count == kArguments) {
    record = {as_logger(args[0]),
              args[1],
              PyLong_AsLong(args[2]),
              args[3],
              args[4],
              args[5],
              args[6],
              PyLong_AsUnsignedLongLongMask(args[7]),
              args[8]};
  }
  if (record.logger == nullptr || PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    PyErr_SetString(PyExc_TypeError,
                    "emit_bridged(logger, name, level, level_name, message, attributes, exc_info, "
                    "time_unix_nano, place)");
    return nullptr;
  }
  int32_t outcome = 0;
  try {
    outcome = emit_one(record);
  } catch (const std::bad_alloc&) {
    outcome = emit_unconverted(record.logger, severity_of_level(record.level), FOREBAY_EMIT_BRIDGE);
  }
  if (outcome < 0) return nullptr;
  return PyBool_FromLong(outcome < FOREBAY_WOULD_BLOCK);
}

}  // namespace

void register_bridge(pybind11::module_& module) {
  static PyMethodDef method = {
      "emit_bridged", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(emit_bridged)),
      METH_FASTCALL, "Hands a record of another library over to a logger's collector."};
  PyObject* function = PyCFunction_NewEx(&method, nullptr, nullptr);
  if (function == nullptr) throw pybind11::error_already_set();
  module.add_object("emit_bridged", function);
}

}  // namespace forebay_python
