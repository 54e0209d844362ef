// The type _core.Logger.
#pragma once
#include <Python.h>

#include <forebay/c_api.h>

namespace forebay_python {

struct PyLogger {
  PyObject_HEAD forebay_logger* handle;
  PyObject* name;      // str
  PyObject* children;  // dict: name of a stdlib logger → _core.Logger; null until one is asked for
  PyObject* owner;     // the _core.Collector whose logger it is; null: the process default's
  PyObject* bound;     // _core.Bound: attributes that every record of it has; null: none
  long level;          // stdlib's number
};

// Null where `object` is none.
PyLogger* as_logger(PyObject* object) noexcept;
// A new reference, or null with an error set.
PyObject* new_logger(PyObject* owner, forebay_collector* collector, PyObject* name,
                     PyObject* version, long level, PyObject* attributes, bool is_bridge = false);
// The same logger with attributes bound to it besides (a dict). A new reference, or null with an
// error set.
PyObject* bind_logger(PyLogger* logger, PyObject* attributes);
// The bridge's logger of that name beside `logger`: same collector, same level. Borrowed; null with
// an error set.
PyLogger* sibling(PyLogger* logger, PyObject* name);

// Of emit_with_gil and its rest alone: where the lane's policy is to wait, do not, and say so.
constexpr uint32_t kReportFull = 1u << 31;
// Emits with the GIL held, and lets go of it only where the lane's policy is to wait. The main
// thread looks after signals meanwhile; -1 with an error set where a handler raised.
int32_t emit_with_gil(forebay_logger* logger, const forebay_site* site, const forebay_value* values,
                      uint32_t count, const forebay_extra* extra, uint32_t flags) noexcept;
// The rest of that, where the caller has tried it (FOREBAY_EMIT_REPORT_BLOCK).
int32_t emit_after_would_block(forebay_logger* logger, const forebay_site* site,
                               const forebay_value* values, uint32_t count,
                               const forebay_extra* extra, uint32_t flags) noexcept;

// About the emit that this thread just made. Sets QueueFull; null.
PyObject* raise_queue_full(const PyLogger* logger);
// (collector or None, lane, records, timeout in seconds or None): what room to wait for, and how
// long. A new reference.
PyObject* what_is_full(const PyLogger* logger);

}  // namespace forebay_python
