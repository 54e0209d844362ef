// What happens in Python where a lane is full: waiting without the GIL, and telling the caller.
#include <unistd.h>

#include "core_api.h"
#include "logger_type.h"
#include "without_gil.h"

namespace forebay_python {
namespace {

bool runs_an_event_loop() {
  static PyObject* const module_name = PyUnicode_InternFromString("asyncio.events");
  PyObject* asyncio = PyImport_GetModule(module_name);
  if (asyncio == nullptr) return false;
  PyObject* loop = PyObject_CallMethod(asyncio, "_get_running_loop", nullptr);
  const bool runs = loop != nullptr && loop != Py_None;
  Py_XDECREF(loop);
  Py_DECREF(asyncio);
  PyErr_Clear();
  return runs;
}

// A new reference to the class; null with an error set (the interpreter is ending).
PyObject* queue_full_class() {
  static PyObject* cached = nullptr;
  if (cached == nullptr) {
    PyObject* module = PyImport_ImportModule("forebay._queue_full");
    if (module == nullptr) return nullptr;
    cached = PyObject_GetAttrString(module, "QueueFull");
    Py_DECREF(module);
  }
  Py_XINCREF(cached);
  return cached;
}

PyObject* owner_of(const PyLogger* logger) {
  return logger->owner == nullptr ? Py_None : logger->owner;
}

forebay_full last_full() {
  forebay_full full{};
  full.struct_size = sizeof full;
  (void)core().last_full(&full);
  return full;
}

// Where Python runs the handlers of signals.
bool is_main_thread() { return gettid() == getpid(); }

}  // namespace

int32_t emit_with_gil(forebay_logger* logger, const forebay_site* site, const forebay_value* values,
                      uint32_t count, const forebay_extra* extra, uint32_t flags) noexcept {
  const int32_t outcome = core().emit(logger, site, values, count, extra,
                                      (flags & ~kReportFull) | FOREBAY_EMIT_REPORT_BLOCK);
  if (outcome != FOREBAY_WOULD_BLOCK) return outcome;
  return emit_after_would_block(logger, site, values, count, extra, flags);
}

int32_t emit_after_would_block(forebay_logger* logger, const forebay_site* site,
                               const forebay_value* values, uint32_t count,
                               const forebay_extra* extra, uint32_t flags) noexcept {
  int32_t outcome = FOREBAY_WOULD_BLOCK;
  if ((flags & kReportFull) != 0) return outcome;
  // On a thread that runs an event loop nobody else would run meanwhile: go on to what comes next.
  if (running_python(runs_an_event_loop)) flags |= FOREBAY_EMIT_SKIP_BLOCK;
  // The main thread looks after signals now and then, at the price of its place in the line.
  if (is_main_thread()) flags |= FOREBAY_EMIT_SLICE;
  for (;;) {
    {
      const WithoutGil released;
      outcome = core().emit(logger, site, values, count, extra, flags);
    }
    if (outcome != FOREBAY_WOULD_BLOCK) return outcome;
    if (PyErr_CheckSignals() != 0) return -1;
    flags |= FOREBAY_EMIT_CONTINUE;
  }
}

PyObject* raise_queue_full(const PyLogger* logger) {
  PyObject* type = queue_full_class();
  if (type == nullptr) return nullptr;
  const forebay_full full = last_full();
  PyObject* lane = PyUnicode_FromStringAndSize(full.lane, full.lane_size);
  if (lane != nullptr) {
    PyObject* error = PyObject_CallFunctionObjArgs(type, lane, owner_of(logger), nullptr);
    if (error != nullptr) PyErr_SetObject(type, error);
    Py_XDECREF(error);
  }
  Py_XDECREF(lane);
  Py_DECREF(type);
  return nullptr;
}

PyObject* what_is_full(const PyLogger* logger) {
  const forebay_full full = last_full();
  PyObject* lane = PyUnicode_FromStringAndSize(full.lane, full.lane_size);
  if (lane == nullptr) return nullptr;
  PyObject* timeout = full.timeout_ns < 0
                          ? Py_NewRef(Py_None)
                          : PyFloat_FromDouble(static_cast<double>(full.timeout_ns) / 1e9);
  return Py_BuildValue("ONIN", owner_of(logger), lane, full.records, timeout);
}

}  // namespace forebay_python
