// The type _core.Logger: its methods are raw METH_FASTCALL|METH_KEYWORDS functions, because binding
// keyword arguments any other way builds a dict for each call.
#include "logger_type.h"

#include <new>
#include <vector>

#include "ambient.h"
#include "core_api.h"
#include "emit_slow.h"
#include "levels.h"
#include "logger_async.h"
#include "site_cache.h"
#include "values.h"
#include "without_gil.h"

namespace forebay_python {
namespace {

PyTypeObject* logger_type = nullptr;
constexpr Py_ssize_t kMostFastValues = 32;

// What the caller gets: True or False, an exception, or what to wait for.
PyObject* answer(const PyLogger* logger, int32_t outcome) {
  if (outcome < FOREBAY_WOULD_BLOCK && outcome >= 0) Py_RETURN_TRUE;
  if (outcome < 0) return nullptr;
  if (outcome == FOREBAY_REFUSED_QUEUE_FULL) {
    return running_python([&] { return raise_queue_full(logger); });
  }
  if (outcome == FOREBAY_WOULD_BLOCK) return what_is_full(logger);
  Py_RETURN_FALSE;
}

bool has_special_name(PyObject* names) {
  static PyObject* const specials[] = {
      PyUnicode_InternFromString("exc_info"), PyUnicode_InternFromString("stack_info"),
      PyUnicode_InternFromString("stacklevel"), PyUnicode_InternFromString("extra")};
  const Py_ssize_t count = PyTuple_GET_SIZE(names);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* name = PyTuple_GET_ITEM(names, i);
    for (PyObject* special : specials) {
      // Keywords are interned; those out of a dict need not be.
      if (name == special || PyUnicode_Compare(name, special) == 0) return true;
    }
  }
  return false;
}

// Values into cells; true if all are of the frequent types.
inline bool fill(PyObject* const* values, Py_ssize_t count, forebay_value* cells) noexcept {
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (!to_value_fast(values[i], cells[i])) return false;
  }
  return true;
}

bool has_ambient(const PyLogger* logger) noexcept {
  return ambient_sources != kNoSource || logger->bound != nullptr;
}

[[gnu::always_inline]] inline PyObject* emit_with(const PyLogger* logger, const forebay_site* site,
                                                  const forebay_value* cells, uint32_t count,
                                                  const forebay_extra* extra, uint32_t flags) {
  const int32_t outcome = core().emit(logger->handle, site, cells, count, extra,
                                      (flags & ~kReportFull) | FOREBAY_EMIT_REPORT_BLOCK);
  if (outcome == FOREBAY_ACCEPTED) [[likely]]
    Py_RETURN_TRUE;
  if (outcome != FOREBAY_WOULD_BLOCK) return answer(logger, outcome);
  return answer(logger, emit_after_would_block(logger->handle, site, cells, count, extra, flags));
}

// Where what is bound has to be put together, or there may be a trace.
[[gnu::noinline]] PyObject* emit_gathered(const PyLogger* logger, const forebay_site* site,
                                          const forebay_value* cells, uint32_t count,
                                          PyObject* context, PyObject* names, uint32_t flags) {
  const Ambient ambient(logger, context, names);
  return emit_with(logger, site, cells, count, ambient.extra(), flags);
}

// A record whose site is known and whose values are converted. `names` are its values'.
[[gnu::always_inline]] inline PyObject* emit_here(const PyLogger* logger, const forebay_site* site,
                                                  const forebay_value* cells, uint32_t count,
                                                  PyObject* names, uint32_t flags) {
  AsBound found;
  if (has_ambient(logger)) [[unlikely]] {
    found = ambient_as_bound(logger, names);
    if (found.extra == &kMustGather) {
      return emit_gathered(logger, site, cells, count, found.context, names, flags);
    }
  }
  PyObject* const answer = emit_with(logger, site, cells, count, found.extra, flags);
  Py_XDECREF(found.context);
  return answer;
}

// A record whose site is known, or is one after this call; its values need conversion, or its body
// is dynamic. `count` is at most kMostFastValues.
[[gnu::noinline]] PyObject* emit_converted(PyLogger* logger, const Call& call) {
  Scratch scratch;
  const Py_ssize_t count = call.names == nullptr ? 0 : PyTuple_GET_SIZE(call.names);
  const SiteCache::Hit hit =
      site_cache().learn(call.message, call.names, call.severity, call.level);
  if (hit.site == nullptr) return answer(logger, emit_slowly(logger, call));
  forebay_value cells[kMostFastValues + 1];
  uint32_t used = 0;
  if (hit.body_in_values) {
    cells[0] = forebay_value{};
    if (!to_value_fast(call.message, cells[0])) cells[0] = to_value(call.message, scratch);
    used = 1;
  }
  for (Py_ssize_t i = 0; i < count; ++i) {
    forebay_value& cell = cells[used++];
    if (!to_value_fast(call.keyword_values[i], cell)) {
      cell = to_value(call.keyword_values[i], scratch);
    }
  }
  return emit_here(logger, hit.site, cells, used, call.names, call.flags);
}

// kFlags as in Call.
template <uint32_t kFlags = 0>
PyObject* log_call(PyObject* self, PyObject* const* args, Py_ssize_t positional, PyObject* names,
                   uint32_t severity, long level, bool with_exception) {
  auto* logger = reinterpret_cast<PyLogger*>(self);
  // 0 means "not bound": emit finds out. Relaxed: a level that changes now may be seen a little
  // later.
  const uint32_t threshold = __atomic_load_n(logger->handle->level, __ATOMIC_RELAXED);
  if (severity < threshold && severity != 0) Py_RETURN_TRUE;
  if (positional < 1) [[unlikely]] {
    PyErr_SetString(PyExc_TypeError, "a message is missing");
    return nullptr;
  }
  PyObject* message = args[0];
  const Py_ssize_t count = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  if (positional == 1 && !with_exception && count <= kMostFastValues) [[likely]] {
    if (const forebay_site* site = site_cache().find(message, names, severity); site != nullptr)
        [[likely]] {
      forebay_value cells[kMostFastValues];
      if (fill(args + 1, count, cells)) [[likely]] {
        return emit_here(logger, site, cells, static_cast<uint32_t>(count), names,
                         kFlags | FOREBAY_EMIT_FLAT);
      }
    }
    if (Py_TYPE(message) == &PyUnicode_Type && (names == nullptr || !has_special_name(names))) {
      return emit_converted(logger,
                            {message, nullptr, 0, args + 1, names, severity, level, false, kFlags});
    }
  }
  return answer(logger, emit_slowly(logger, {message, args + 1, positional - 1, args + positional,
                                             names, severity, level, with_exception, kFlags}));
}

template <long kLevel, bool kWithException = false>
PyObject* log_at(PyObject* self, PyObject* const* args, Py_ssize_t positional, PyObject* names) {
  return log_call(self, args, positional, names, severity_of_level(kLevel), kLevel, kWithException);
}

PyObject* log_any(PyObject* self, PyObject* const* args, Py_ssize_t positional, PyObject* names) {
  if (positional < 1 || !PyLong_Check(args[0])) {
    PyErr_SetString(PyExc_TypeError, "level must be an int, as logging's levels are");
    return nullptr;
  }
  const long level = PyLong_AsLong(args[0]);
  if (level == -1 && PyErr_Occurred() != nullptr) return nullptr;
  return log_call(self, args + 1, positional - 1, names, severity_of_level(level), level, false);
}

// emit_or_full(logger, waited, level, message, …): as log(), but a lane whose policy is to wait is
// told of instead, as what_is_full() does. `waited`: the caller has, so on to what comes next.
PyObject* emit_or_full(PyObject*, PyObject* const* args, Py_ssize_t positional, PyObject* names) {
  PyLogger* logger = positional < 4 ? nullptr : as_logger(args[0]);
  const long level = logger == nullptr ? -1 : PyLong_AsLong(args[2]);
  if (logger == nullptr || (level == -1 && PyErr_Occurred() != nullptr)) {
    PyErr_SetString(PyExc_TypeError, "emit_or_full(logger, waited, level, message, ...)");
    return nullptr;
  }
  const auto log = args[1] == Py_True ? log_call<FOREBAY_EMIT_WAITED> : log_call<kReportFull>;
  return log(args[0], args + 3, positional - 3, names, severity_of_level(level), level, false);
}

// bind(**attributes)
PyObject* bind(PyObject* self, PyObject* const* args, Py_ssize_t positional, PyObject* names) {
  if (positional != 0) {
    PyErr_SetString(PyExc_TypeError, "bind() takes attributes as keywords");
    return nullptr;
  }
  PyObject* attributes = PyDict_New();
  const Py_ssize_t count = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  for (Py_ssize_t i = 0; attributes != nullptr && i < count; ++i) {
    if (PyDict_SetItem(attributes, PyTuple_GET_ITEM(names, i), args[i]) != 0) {
      Py_CLEAR(attributes);
    }
  }
  if (attributes == nullptr) return nullptr;
  PyObject* made = bind_logger(reinterpret_cast<PyLogger*>(self), attributes);
  Py_DECREF(attributes);
  return made;
}

PyObject* is_enabled_for(PyObject* self, PyObject* argument) {
  const long level = PyLong_AsLong(argument);
  if (level == -1 && PyErr_Occurred() != nullptr) return nullptr;
  auto* logger = reinterpret_cast<PyLogger*>(self);
  const uint32_t threshold = __atomic_load_n(logger->handle->level, __ATOMIC_RELAXED);
  const uint32_t lowest = threshold == 0 ? severity_of_level(logger->level) : threshold;
  return PyBool_FromLong(severity_of_level(level) >= lowest);
}

PyObject* get_name(PyObject* self, void*) {
  PyObject* name = reinterpret_cast<PyLogger*>(self)->name;
  Py_INCREF(name);
  return name;
}
PyObject* get_level(PyObject* self, void*) {
  return PyLong_FromLong(reinterpret_cast<PyLogger*>(self)->level);
}

// The _core.Collector; None: the process default's.
PyObject* get_owner(PyObject* self, void*) {
  PyObject* owner = reinterpret_cast<PyLogger*>(self)->owner;
  return Py_NewRef(owner == nullptr ? Py_None : owner);
}

PyObject* describe_logger(PyObject* self) {
  return PyUnicode_FromFormat("<forebay.Logger %R>", reinterpret_cast<PyLogger*>(self)->name);
}

void deallocate_logger(PyObject* self) {
  auto* logger = reinterpret_cast<PyLogger*>(self);
  PyTypeObject* type = Py_TYPE(self);
  Py_XDECREF(logger->name);
  Py_XDECREF(logger->children);
  Py_XDECREF(logger->owner);
  Py_XDECREF(logger->bound);
  type->tp_free(self);
  Py_DECREF(type);
}

PyCFunction fast(PyObject* (*function)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*)) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

}  // namespace

PyLogger* as_logger(PyObject* object) noexcept {
  return Py_TYPE(object) == logger_type ? reinterpret_cast<PyLogger*>(object) : nullptr;
}

PyObject* new_logger(PyObject* owner, forebay_collector* collector, PyObject* name,
                     PyObject* version, long level, PyObject* attributes, bool is_bridge) {
  Scratch scratch;
  std::vector<forebay_attribute> cells;
  const Py_ssize_t count = attributes == Py_None ? 0 : PyList_GET_SIZE(attributes);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* pair = PyList_GET_ITEM(attributes, i);
    if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2 ||
        !PyUnicode_Check(PyTuple_GET_ITEM(pair, 0))) {
      PyErr_SetString(PyExc_TypeError, "attributes must be pairs of a name and a value");
      return nullptr;
    }
    const forebay_string key = to_text(PyTuple_GET_ITEM(pair, 0), scratch);
    cells.push_back({key.data, static_cast<uint32_t>(key.size), 0,
                     to_value(PyTuple_GET_ITEM(pair, 1), scratch)});
  }
  forebay_logger_spec spec{};
  spec.struct_size = sizeof spec;
  spec.min_severity = level <= 0 ? 1 : severity_of_level(level);
  if (level > 59) spec.min_severity = 25;
  if (is_bridge) spec.flags = FOREBAY_LOGGER_BRIDGE;
  spec.name = to_text(name, scratch);
  if (version != Py_None) spec.version = to_text(version, scratch);
  spec.attributes = cells.data();
  spec.attribute_count = static_cast<uint32_t>(cells.size());

  auto* logger = PyObject_New(PyLogger, logger_type);
  if (logger == nullptr) return nullptr;
  logger->handle = core().logger(collector, &spec);
  Py_INCREF(name);
  logger->name = name;
  logger->children = nullptr;
  logger->level = level;
  Py_XINCREF(owner);
  logger->owner = owner;
  logger->bound = nullptr;
  return reinterpret_cast<PyObject*>(logger);
}

PyObject* bind_logger(PyLogger* logger, PyObject* attributes) {
  PyObject* bound = new_bound(logger->bound, attributes);
  if (bound == nullptr) return nullptr;
  auto* made = PyObject_New(PyLogger, logger_type);
  if (made == nullptr) {
    Py_DECREF(bound);
    return nullptr;
  }
  made->handle = logger->handle;
  made->name = Py_NewRef(logger->name);
  made->children = nullptr;
  made->owner = Py_XNewRef(logger->owner);
  made->bound = bound;
  made->level = logger->level;
  return reinterpret_cast<PyObject*>(made);
}

PyLogger* sibling(PyLogger* logger, PyObject* name) {
  if (logger->children == nullptr) {
    logger->children = PyDict_New();
    if (logger->children == nullptr) return nullptr;
  }
  PyObject* found = PyDict_GetItemWithError(logger->children, name);
  if (found == nullptr) {
    if (PyErr_Occurred() != nullptr) return nullptr;
    // A program that makes logger names out of data must not grow without bound.
    if (PyDict_GET_SIZE(logger->children) >= 4096) return logger;
    forebay_collector* collector =
        logger->owner == nullptr ? nullptr : collector_handle(logger->owner);
    PyObject* made =
        new_logger(logger->owner, collector, name, Py_None, logger->level, Py_None, true);
    if (made == nullptr) return nullptr;
    if (PyDict_SetItem(logger->children, name, made) != 0) {
      Py_DECREF(made);
      return nullptr;
    }
    Py_DECREF(made);
    found = made;
  }
  return reinterpret_cast<PyLogger*>(found);
}

void register_logger(pybind11::module_& module) {
  constexpr int kFast = METH_FASTCALL | METH_KEYWORDS;
  static PyMethodDef methods[] = {
      {"debug", fast(log_at<10>), kFast, "Emit a record at DEBUG."},
      {"info", fast(log_at<20>), kFast, "Emit a record at INFO."},
      {"warning", fast(log_at<30>), kFast, "Emit a record at WARNING."},
      {"error", fast(log_at<40>), kFast, "Emit a record at ERROR."},
      {"critical", fast(log_at<50>), kFast, "Emit a record at CRITICAL."},
      {"exception", fast(log_at<40, true>), kFast,
       "Emit a record at ERROR with the exception being handled."},
      {"log", fast(log_any), kFast, "Emit a record at a level of logging."},
      {"adebug", fast(async_log_at<10>), kFast, "debug() for a coroutine."},
      {"ainfo", fast(async_log_at<20>), kFast, "info() for a coroutine."},
      {"awarning", fast(async_log_at<30>), kFast, "warning() for a coroutine."},
      {"aerror", fast(async_log_at<40>), kFast, "error() for a coroutine."},
      {"acritical", fast(async_log_at<50>), kFast, "critical() for a coroutine."},
      {"aexception", fast(async_exception), kFast, "exception() for a coroutine."},
      {"alog", fast(async_log), kFast, "log() for a coroutine."},
      {"bind", fast(bind), kFast, "The same logger with attributes bound to it."},
      {"is_enabled_for", is_enabled_for, METH_O, "Whether a record at a level would be emitted."},
      {nullptr, nullptr, 0, nullptr}};
  static PyGetSetDef members[] = {{"name", get_name, nullptr, nullptr, nullptr},
                                  {"level", get_level, nullptr, nullptr, nullptr},
                                  {"_owner", get_owner, nullptr, nullptr, nullptr},
                                  {nullptr, nullptr, nullptr, nullptr, nullptr}};
  static PyType_Slot slots[] = {{Py_tp_methods, methods},
                                {Py_tp_getset, members},
                                {Py_tp_dealloc, reinterpret_cast<void*>(deallocate_logger)},
                                {Py_tp_repr, reinterpret_cast<void*>(describe_logger)},
                                {Py_tp_doc, const_cast<char*>("Emits records into a collector.")},
                                {0, nullptr}};
  static PyType_Spec spec = {
      "forebay._core.Logger", sizeof(PyLogger), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots};
  logger_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (logger_type == nullptr) throw pybind11::error_already_set();
  module.add_object("Logger", reinterpret_cast<PyObject*>(logger_type));
  static PyMethodDef method = {
      "emit_or_full", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(emit_or_full)),
      kFast, "Emits, or says what is full."};
  PyObject* function = PyCFunction_NewEx(&method, nullptr, nullptr);
  if (function == nullptr) throw pybind11::error_already_set();
  module.add_object("emit_or_full", function);

  module.def(
      "get_logger",
      [](const pybind11::object& collector, const pybind11::str& name,
         const pybind11::object& version, long level, const pybind11::object& attributes) {
        if (!attributes.is_none() && !PyList_Check(attributes.ptr())) {
          throw pybind11::type_error("attributes must be a list or None");
        }
        if (!version.is_none() && !PyUnicode_Check(version.ptr())) {
          throw pybind11::type_error("version must be a str or None");
        }
        PyObject* owner = collector.is_none() ? nullptr : collector.ptr();
        PyObject* logger = new_logger(owner, collector_handle(collector.ptr()), name.ptr(),
                                      version.ptr(), level, attributes.ptr());
        if (logger == nullptr) throw pybind11::error_already_set();
        return pybind11::reinterpret_steal<pybind11::object>(logger);
      },
      pybind11::arg("collector"), pybind11::arg("name"), pybind11::arg("version"),
      pybind11::arg("level"), pybind11::arg("attributes"));
}

}  // namespace forebay_python
