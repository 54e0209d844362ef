#include "emit_slow.h"

#include "ambient.h"
#include "attribute_list.h"
#include "core_api.h"
#include "levels.h"
#include "site_cache.h"
#include "without_gil.h"

namespace forebay_python {
namespace {

// A function of forebay._exceptions, looked up once. Null, without an error, where it cannot be had
// (the interpreter is ending).
PyObject* exceptions_function(const char* name, PyObject*& cached) {
  if (cached == nullptr) {
    PyObject* module = running_python([] { return PyImport_ImportModule("forebay._exceptions"); });
    if (module != nullptr) {
      cached = PyObject_GetAttrString(module, name);
      Py_DECREF(module);
    }
    PyErr_Clear();
  }
  return cached;
}

forebay_string literal(std::string_view s) { return text(s); }

// stdlib's rule: one dict among the arguments is a mapping for %(name)s.
PyObject* formatted(const Call& call) {
  PyObject* arguments = PyTuple_New(call.argument_count);
  if (arguments == nullptr) return nullptr;
  for (Py_ssize_t i = 0; i < call.argument_count; ++i) {
    Py_INCREF(call.arguments[i]);
    PyTuple_SET_ITEM(arguments, i, call.arguments[i]);
  }
  PyObject* operand = arguments;
  if (call.argument_count == 1 && PyMapping_Check(call.arguments[0]) &&
      !PyUnicode_Check(call.arguments[0]) && !PyList_Check(call.arguments[0]) &&
      !PyTuple_Check(call.arguments[0]) && PyObject_IsTrue(call.arguments[0]) == 1) {
    operand = call.arguments[0];
  }
  PyObject* message = nullptr;
  if (PyUnicode_Check(call.message)) {
    message = PyUnicode_Format(call.message, operand);
  } else if (PyObject* as_str = PyObject_Str(call.message); as_str != nullptr) {
    message = PyUnicode_Format(as_str, operand);
    Py_DECREF(as_str);
  }
  Py_DECREF(arguments);
  return message;
}

bool is_name(PyObject* name, const char* text) {
  return PyUnicode_CompareWithASCIIString(name, text) == 0;
}

struct Special {
  PyObject* exc_info = nullptr;
  PyObject* stack_info = nullptr;
  PyObject* extra = nullptr;
  long stacklevel = 1;
};

void add_stack(long stacklevel, AttributeList& attributes) {
  static PyObject* cached = nullptr;
  PyObject* function = exceptions_function("stack_text", cached);
  if (function == nullptr) return;
  PyObject* stack =
      running_python([&] { return PyObject_CallFunction(function, "l", stacklevel); });
  if (stack == nullptr) {
    PyErr_Clear();
    return;
  }
  attributes.add(literal("code.stacktrace"), stack);
  Py_DECREF(stack);
}

// Takes the special keywords out and adds the others as attributes.
bool read_keywords(const Call& call, Special& special, AttributeList& attributes) {
  const Py_ssize_t count = call.names == nullptr ? 0 : PyTuple_GET_SIZE(call.names);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* name = PyTuple_GET_ITEM(call.names, i);
    PyObject* value = call.keyword_values[i];
    if (is_name(name, "exc_info")) {
      special.exc_info = value;
    } else if (is_name(name, "stack_info")) {
      special.stack_info = value;
    } else if (is_name(name, "extra")) {
      special.extra = value;
    } else if (is_name(name, "stacklevel")) {
      special.stacklevel = PyLong_AsLong(value);
      if (special.stacklevel == -1 && PyErr_Occurred() != nullptr) return false;
    }
  }
  if (special.extra != nullptr && special.extra != Py_None) {
    if (!PyDict_Check(special.extra)) {
      PyErr_Format(PyExc_TypeError, "extra must be a dict or None, not %.100s",
                   Py_TYPE(special.extra)->tp_name);
      return false;
    }
    PyObject* items = PyDict_Items(special.extra);
    if (items == nullptr) return false;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items); ++i) {
      PyObject* pair = PyList_GET_ITEM(items, i);
      attributes.add(PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
    }
    Py_DECREF(items);
  }
  return true;
}

// After `extra` and the exception, so that what the caller spelled out wins.
void add_named(const Call& call, AttributeList& attributes) {
  const Py_ssize_t count = call.names == nullptr ? 0 : PyTuple_GET_SIZE(call.names);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* name = PyTuple_GET_ITEM(call.names, i);
    if (is_name(name, "exc_info") || is_name(name, "stack_info") || is_name(name, "extra") ||
        is_name(name, "stacklevel")) {
      continue;
    }
    attributes.add(name, call.keyword_values[i]);
  }
}

}  // namespace

void add_exception(PyObject* exc_info, AttributeList& attributes) {
  PyObject* exception = nullptr;  // borrowed or kept
  if (PyExceptionInstance_Check(exc_info)) {
    exception = exc_info;
  } else if (PyTuple_Check(exc_info) && PyTuple_GET_SIZE(exc_info) == 3) {
    exception = PyTuple_GET_ITEM(exc_info, 1);
  } else if (running_python([&] { return PyObject_IsTrue(exc_info); }) == 1) {
    PyObject *type = nullptr, *trace = nullptr;
    PyErr_GetExcInfo(&type, &exception, &trace);
    Py_XDECREF(type);
    Py_XDECREF(trace);
    if (exception != nullptr) attributes.scratch().keep(exception);
  }
  PyErr_Clear();
  if (exception == nullptr || !PyExceptionInstance_Check(exception)) return;
  static PyObject* cached = nullptr;
  PyObject* function = exceptions_function("describe", cached);
  if (function == nullptr) return;
  PyObject* described = running_python([&] { return PyObject_CallOneArg(function, exception); });
  if (described == nullptr || !PyTuple_Check(described) || PyTuple_GET_SIZE(described) != 3) {
    PyErr_Clear();
    Py_XDECREF(described);
    return;
  }
  attributes.add(literal("exception.type"), PyTuple_GET_ITEM(described, 0));
  attributes.add(literal("exception.message"), PyTuple_GET_ITEM(described, 1));
  attributes.add(literal("exception.stacktrace"), PyTuple_GET_ITEM(described, 2));
  Py_DECREF(described);
}

void add_format_error(AttributeList& attributes) {
  PyObject *type = nullptr, *error = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &error, &trace);
  running_python([&] { PyErr_NormalizeException(&type, &error, &trace); });
  if (error != nullptr) {
    const forebay_string s = to_description(error, attributes.scratch());
    forebay_value value{};
    value.type = FOREBAY_STRING;
    value.size = static_cast<uint32_t>(s.size);
    value.as.data = s.data;
    attributes.add_cell(literal("forebay.format_error"), value);
  }
  Py_XDECREF(type);
  Py_XDECREF(error);
  Py_XDECREF(trace);
}

int32_t emit_unconverted(PyLogger* logger, uint32_t severity, uint32_t flags) noexcept {
  constexpr std::string_view kBody = "there was no memory to convert this record";
  forebay_extra extra{};
  extra.struct_size = sizeof extra;
  extra.severity = severity;
  extra.body.type = FOREBAY_STRING;
  extra.body.size = kBody.size();
  extra.body.as.data = kBody.data();
  return emit_with_gil(logger->handle, nullptr, nullptr, 0, &extra, flags);
}

int32_t emit_slowly(PyLogger* logger, const Call& call) try {
  Scratch scratch;
  AttributeList attributes(scratch);
  Special special;
  if (!running_python([&] { return read_keywords(call, special, attributes); })) return -1;
  if (special.exc_info == nullptr && call.with_exception) special.exc_info = Py_True;
  if (special.exc_info != nullptr && special.exc_info != Py_None && special.exc_info != Py_False) {
    add_exception(special.exc_info, attributes);
  }
  if (special.stack_info != nullptr &&
      running_python([&] { return PyObject_IsTrue(special.stack_info); }) == 1) {
    add_stack(special.stacklevel, attributes);
  }
  PyErr_Clear();
  add_named(call, attributes);
  forebay_extra extra{};
  extra.struct_size = sizeof extra;
  if (ambient_sources != kNoSource || logger->bound != nullptr) {
    add_ambient(logger, attributes, extra);
  }
  attributes.cut(kMostAttributes);

  forebay_value body{};
  if (call.argument_count != 0) {
    PyObject* message = running_python([&] { return formatted(call); });
    if (message != nullptr) {
      scratch.keep(message);
      body = to_value(message, scratch);
    } else {
      // The arguments do not fit the template: it goes in raw, with the error beside it.
      add_format_error(attributes);
      body = to_value(call.message, scratch);
    }
  } else {
    body = to_value(call.message, scratch);
  }

  extra.severity = call.severity;
  extra.attributes = attributes.data();
  extra.attribute_count = attributes.size();
  SiteCache& sites = site_cache();
  const forebay_site* site = code_places_wanted()
                                 ? sites.site_at(CodePlace::of_caller(special.stacklevel), nullptr,
                                                 call.severity, call.level)
                                 : sites.dynamic_site(nullptr, call.severity, call.level);
  if (site == nullptr) {
    extra.body = body;
    return emit_with_gil(logger->handle, nullptr, nullptr, 0, &extra, call.flags);
  }
  return emit_with_gil(logger->handle, site, &body, 1, &extra, call.flags);
} catch (const std::bad_alloc&) {
  return emit_unconverted(logger, call.severity, call.flags);
}

}  // namespace forebay_python
