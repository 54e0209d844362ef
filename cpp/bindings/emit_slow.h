// The calls that the fast path does not take: %-arguments, exceptions, extra=, names without a
// site.
#pragma once
#include <Python.h>

#include <cstdint>

#include "logger_type.h"

namespace forebay_python {

struct Call {
  PyObject* message = nullptr;           // borrowed, like everything here
  PyObject* const* arguments = nullptr;  // %-arguments
  Py_ssize_t argument_count = 0;
  PyObject* const* keyword_values = nullptr;
  PyObject* names = nullptr;  // tuple of str; null: no keywords
  uint32_t severity = 0;
  long level = 0;
  bool with_exception = false;  // Logger.exception: exc_info is True unless given
  // For emit: 0, kReportFull (do not wait, answer FOREBAY_WOULD_BLOCK), or FOREBAY_EMIT_WAITED.
  uint32_t flags = 0;
};

// The answer of emit, or -1 with an error set (a bad keyword argument: TypeError).
int32_t emit_slowly(PyLogger* logger, const Call& call);

// There was no memory to convert a record: one goes in that says so, and is counted as any other.
int32_t emit_unconverted(PyLogger* logger, uint32_t severity, uint32_t flags) noexcept;

// Attributes of an exception: exc_info as stdlib takes it. Used by the handler too.
class AttributeList;
void add_exception(PyObject* exc_info, AttributeList& attributes);
// Takes the Python error that is set and adds it as forebay.format_error.
void add_format_error(AttributeList& attributes);

}  // namespace forebay_python
