#include "ambient.h"

#include <cstring>
#include <utility>

#include "attribute_list.h"
#include "core_api.h"
#include "without_gil.h"

namespace forebay_python {

uint32_t ambient_sources = kNoSource;

namespace {

PyObject* context_var = nullptr;  // ContextVar of a _core.Bound

// A new reference to what is bound in this context, or null.
PyObject* bound_in_context() noexcept {
  if ((ambient_sources & kContextSource) == 0) return nullptr;
  PyObject* bound = nullptr;
  if (PyContextVar_Get(context_var, nullptr, &bound) != 0) PyErr_Clear();
  return bound;
}

// How the current span is found. OpenTelemetry keeps it in a dict in a ContextVar; asking there is
// five times as fast as calling get_current_span(), which is what happens where it keeps it
// elsewhere (OTEL_PYTHON_CONTEXT).
struct SpanSource {
  PyObject* variable = nullptr;
  PyObject* key = nullptr;
  PyObject* function = nullptr;
};
SpanSource source;

// The last span that was asked for its ids, which never change. Owned, so that its address means
// nothing else.
struct LastSpan {
  PyObject* span = nullptr;
  bool is_valid = false;
  uint8_t trace_id[16] = {};
  uint8_t span_id[8] = {};
  uint32_t flags = 0;
};
LastSpan last;

// An attribute of a module that is imported already; null, without an error, where there is none. A
// new reference.
PyObject* loaded(const char* module_name, const char* name) {
  PyObject* whole_name = PyUnicode_FromString(module_name);
  PyObject* module = whole_name == nullptr ? nullptr : PyImport_GetModule(whole_name);
  PyObject* found = module == nullptr ? nullptr : PyObject_GetAttrString(module, name);
  Py_XDECREF(whole_name);
  Py_XDECREF(module);
  PyErr_Clear();
  return found;
}

bool has_source() {
  if (source.variable != nullptr || source.function != nullptr) return true;
  // The last thing that the module defines of what is needed: before it, it is being imported.
  PyObject* function = loaded("opentelemetry.trace", "get_current_span");
  if (function == nullptr) return false;
  PyObject* runtime = loaded("opentelemetry.context", "_RUNTIME_CONTEXT");
  PyObject* variable =
      runtime == nullptr ? nullptr : PyObject_GetAttrString(runtime, "_current_context");
  PyObject* key = loaded("opentelemetry.trace.propagation", "_SPAN_KEY");
  PyErr_Clear();
  if (variable != nullptr && PyContextVar_CheckExact(variable) && key != nullptr) {
    source.variable = Py_NewRef(variable);
    source.key = Py_NewRef(key);
  } else {
    source.function = Py_NewRef(function);
  }
  Py_XDECREF(function);
  Py_XDECREF(runtime);
  Py_XDECREF(variable);
  Py_XDECREF(key);
  return true;
}

// A new reference, or null.
PyObject* current_span() {
  if (!has_source()) return nullptr;
  if (source.variable == nullptr) return PyObject_CallNoArgs(source.function);
  PyObject* context = nullptr;
  if (PyContextVar_Get(source.variable, nullptr, &context) != 0 || context == nullptr) {
    return nullptr;
  }
  PyObject* span = PyDict_Check(context) ? PyDict_GetItemWithError(context, source.key) : nullptr;
  Py_XINCREF(span);
  Py_DECREF(context);
  return span;
}

// The bytes of an int, big-endian; false where it does not fit.
bool to_bytes(PyObject* number, uint8_t* to, int bytes) {
  if (number == nullptr || !PyLong_Check(number)) return false;
  PyObject* made = PyObject_CallMethod(number, "to_bytes", "is", bytes, "big");
  const bool fits = made != nullptr && PyBytes_Check(made) && PyBytes_GET_SIZE(made) == bytes;
  if (fits) std::memcpy(to, PyBytes_AS_STRING(made), static_cast<size_t>(bytes));
  Py_XDECREF(made);
  return fits;
}

// Of the span, which it does not own. Runs Python code, and so perhaps other threads, which may ask
// others meanwhile: `last` is set at once, by the caller.
LastSpan ask(PyObject* span) {
  LastSpan found;
  found.span = span;
  PyObject* context = PyObject_CallMethod(span, "get_span_context", nullptr);
  if (context != nullptr) {
    PyObject* trace = PyObject_GetAttrString(context, "trace_id");
    PyObject* id = PyObject_GetAttrString(context, "span_id");
    PyObject* flags = PyObject_GetAttrString(context, "trace_flags");
    uint8_t any = 0;
    if (to_bytes(trace, found.trace_id, 16) && to_bytes(id, found.span_id, 8)) {
      for (const uint8_t byte : found.trace_id) any |= byte;
    }
    found.is_valid = any != 0;
    if (flags != nullptr && PyLong_Check(flags)) {
      found.flags = static_cast<uint32_t>(PyLong_AsUnsignedLongMask(flags));
    }
    Py_XDECREF(trace);
    Py_XDECREF(id);
    Py_XDECREF(flags);
    Py_DECREF(context);
  }
  PyErr_Clear();
  return found;
}

bool has_name(PyObject* names, PyObject* name) noexcept {
  const Py_ssize_t count = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* own = PyTuple_GET_ITEM(names, i);
    // Keywords are interned; those out of a dict need not be.
    if (own == name) return true;
    if (!PyUnicode_CHECK_INTERNED(own) && PyUnicode_Compare(own, name) == 0) return true;
  }
  return false;
}

bool has_name(const Attributes* of, PyObject* name) noexcept {
  if (of == nullptr) return false;
  for (PyObject* own : of->names) {
    if (own == name) return true;
  }
  return false;
}

bool has_key(const AttributeList& list, uint32_t count, const forebay_attribute& cell) noexcept {
  for (uint32_t i = 0; i < count; ++i) {
    const forebay_attribute& own = list.data()[i];
    if (own.key_size == cell.key_size && std::memcmp(own.key, cell.key, cell.key_size) == 0) {
      return true;
    }
  }
  return false;
}

forebay_extra empty_extra() noexcept {
  forebay_extra extra{};
  extra.struct_size = sizeof extra;
  return extra;
}

// The one of the two that there is, if a record with those names has all of it.
inline const Attributes* the_only(const Attributes* of_logger, const Attributes* of_context,
                                  PyObject* names) noexcept {
  if (of_logger != nullptr && of_context != nullptr) return nullptr;
  const Attributes* const only = of_logger != nullptr ? of_logger : of_context;
  return only != nullptr && !only->may_share_a_name(names) ? only : nullptr;
}

// The one of the context, as a request brought it.
void add_trace_of(forebay_extra& extra, const Attributes* context) noexcept {
  if (context != nullptr) context->add_trace_to(extra);
}

}  // namespace

void add_trace(forebay_extra& extra, const Attributes* of_context) noexcept {
  if ((ambient_sources & kTraceSource) == 0) {
    add_trace_of(extra, of_context);
    return;
  }
  PyObject* span = running_python([] { return current_span(); });
  PyObject* to_release = span;
  if (span == nullptr) {
    PyErr_Clear();
  } else if (span != last.span) {
    const LastSpan asked = running_python([span] { return ask(span); });
    to_release = std::exchange(last, asked).span;
  }
  if (span != nullptr && last.is_valid) {
    std::memcpy(extra.trace_id, last.trace_id, sizeof extra.trace_id);
    std::memcpy(extra.span_id, last.span_id, sizeof extra.span_id);
    extra.trace_flags = last.flags;
  } else {
    add_trace_of(extra, of_context);
  }
  // At the end: the last reference to a span may run Python code, too.
  running_python([to_release] { Py_XDECREF(to_release); });
}

void add_ambient(const PyLogger* logger, AttributeList& attributes, forebay_extra& extra) {
  const uint32_t own = attributes.size();
  const Attributes* of_logger = as_bound(logger->bound);
  PyObject* context = bound_in_context();
  for (const Attributes* from : {of_logger, as_bound(context)}) {
    if (from == nullptr) continue;
    for (size_t i = 0; i < from->cells.size(); ++i) {
      if (has_key(attributes, own, from->cells[i])) continue;
      if (from != of_logger && has_name(of_logger, from->names[i])) continue;
      attributes.add_cell({from->cells[i].key, from->cells[i].key_size}, from->cells[i].value);
    }
  }
  add_trace(extra, as_bound(context));
  if (context != nullptr) attributes.scratch().keep(context);
}

constexpr forebay_extra kMustGather{};

AsBound ambient_as_bound(const PyLogger* logger, PyObject* names) noexcept {
  AsBound found{bound_in_context(), &kMustGather};
  const bool may_have_trace = (ambient_sources & kTraceSource) != 0;
  const Attributes* const of_logger = as_bound(logger->bound);
  const Attributes* const of_context = as_bound(found.context);
  if (of_logger == nullptr && of_context == nullptr) {
    if (!may_have_trace) found.extra = nullptr;
  } else if (const Attributes* const only = the_only(of_logger, of_context, names);
             only != nullptr) {
    const forebay_extra* const whole = only->whole();
    if (whole != nullptr && !may_have_trace) found.extra = whole;
  }
  return found;
}

Ambient::Ambient(const PyLogger* logger, PyObject* context, PyObject* names)
    : extra_(empty_extra()), context_(context) {
  const Attributes* const of_logger = as_bound(logger->bound);
  const Attributes* const of_context = as_bound(context);
  if (const Attributes* const only = the_only(of_logger, of_context, names); only != nullptr) {
    only->add_to(extra_);
  } else {
    if (of_logger != nullptr) add_all(of_logger, nullptr, names);
    if (of_context != nullptr) add_all(of_context, of_logger, names);
    extra_.attributes = many_.empty() ? few_.data() : many_.data();
    extra_.attribute_count = count_;
  }
  add_trace(extra_, of_context);
  uint8_t any = 0;
  for (const uint8_t byte : extra_.trace_id) any |= byte;
  has_any_ = extra_.attribute_count != 0 || any != 0;
}

void Ambient::add_all(const Attributes* from, const Attributes* winner, PyObject* names) {
  for (size_t i = 0; i < from->cells.size(); ++i) {
    if (has_name(names, from->names[i]) || has_name(winner, from->names[i])) continue;
    if (count_ < few_.size()) {
      few_[count_] = from->cells[i];
    } else {
      if (many_.empty()) many_.assign(few_.begin(), few_.end());
      many_.push_back(from->cells[i]);
    }
    ++count_;
  }
}

void register_ambient(pybind11::module_& module) {
  context_var = PyContextVar_New("forebay", nullptr);
  if (context_var == nullptr) throw pybind11::error_already_set();
  module.attr("context_variable") = pybind11::reinterpret_borrow<pybind11::object>(context_var);
  module.def("use_context", [] { ambient_sources |= kContextSource; });
  module.def("use_trace", [] { ambient_sources |= kTraceSource; });
}

}  // namespace forebay_python
