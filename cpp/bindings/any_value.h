// Nested values (lists, tuples, sets, mappings, bytearrays) as an OTLP AnyValue in protobuf form.
#pragma once
#include <Python.h>

#include <forebay/c_api.h>

namespace forebay_python {

class Scratch;

// list, tuple, set, frozenset, dict and their subclasses, bytearray, memoryview.
bool is_nested(PyObject* object) noexcept;

// Deeper than 64 levels an array or map becomes the empty value, so a list that contains itself
// ends. Keys that are no str go in as their str(). At most 16 MiB; what is beyond is left out.
forebay_value encode_nested(PyObject* object, Scratch& scratch) noexcept;

}  // namespace forebay_python
