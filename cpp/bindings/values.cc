#include "values.h"

#include <cstring>
#include <new>
#include <string>

#include "any_value.h"
#include "without_gil.h"

namespace forebay_python {
namespace {

constexpr size_t kChunk = 4096;

size_t put_utf8(uint32_t c, char* to) noexcept {
  if (c < 0x80) {
    to[0] = static_cast<char>(c);
    return 1;
  }
  if (c < 0x800) {
    to[0] = static_cast<char>(0xc0 | (c >> 6));
    to[1] = static_cast<char>(0x80 | (c & 0x3f));
    return 2;
  }
  if (c >= 0xd800 && c < 0xe000) c = 0xfffd;
  if (c < 0x10000) {
    to[0] = static_cast<char>(0xe0 | (c >> 12));
    to[1] = static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    to[2] = static_cast<char>(0x80 | (c & 0x3f));
    return 3;
  }
  to[0] = static_cast<char>(0xf0 | (c >> 18));
  to[1] = static_cast<char>(0x80 | ((c >> 12) & 0x3f));
  to[2] = static_cast<char>(0x80 | ((c >> 6) & 0x3f));
  to[3] = static_cast<char>(0x80 | (c & 0x3f));
  return 4;
}

forebay_value text_value(forebay_string s) noexcept {
  forebay_value value{};
  value.type = FOREBAY_STRING;
  value.size = static_cast<uint32_t>(s.size);
  value.as.data = s.data;
  return value;
}

}  // namespace

Scratch::~Scratch() {
  if (kept_.empty()) return;
  running_python([this] {
    for (PyObject* object : kept_) Py_DECREF(object);
  });
}

char* Scratch::allocate(size_t bytes) noexcept try {
  bytes = (bytes + 7) & ~size_t{7};
  if (more_.empty() && sizeof first_ - used_ >= bytes) {
    char* memory = first_ + used_;
    used_ += bytes;
    return memory;
  }
  if (more_.empty() || used_ + bytes > kChunk || bytes > kChunk) {
    more_.push_back(std::make_unique_for_overwrite<char[]>(bytes > kChunk ? bytes : kChunk));
    used_ = bytes > kChunk ? kChunk : bytes;
    return more_.back().get();
  }
  char* memory = more_.back().get() + used_;
  used_ += bytes;
  return memory;
} catch (const std::bad_alloc&) {
  return nullptr;
}

void Scratch::keep(PyObject* object) noexcept {
  try {
    kept_.push_back(object);
  } catch (const std::bad_alloc&) {
    // Leaked rather than used after it is freed.
  }
}

forebay_string to_text(PyObject* str, Scratch& scratch) noexcept {
  if (PyUnicode_IS_COMPACT_ASCII(str)) {
    return {static_cast<const char*>(PyUnicode_DATA(str)),
            static_cast<size_t>(PyUnicode_GET_LENGTH(str))};
  }
  const Py_ssize_t length = PyUnicode_GET_LENGTH(str);
  const int kind = PyUnicode_KIND(str);
  const void* data = PyUnicode_DATA(str);
  // Not PyUnicode_AsUTF8: it leaves a copy at the string for the string's whole life.
  const size_t widest = kind == PyUnicode_1BYTE_KIND ? 2 : kind == PyUnicode_2BYTE_KIND ? 3 : 4;
  char* to = scratch.allocate(static_cast<size_t>(length) * widest);
  if (to == nullptr) return {nullptr, 0};
  char* p = to;
  for (Py_ssize_t i = 0; i < length; ++i) p += put_utf8(PyUnicode_READ(kind, data, i), p);
  return {to, static_cast<size_t>(p - to)};
}

forebay_string to_description(PyObject* object, Scratch& scratch) noexcept {
  PyObject* described = running_python([&] { return PyObject_Str(object); });
  if (described != nullptr) {
    const forebay_string s = to_text(described, scratch);
    scratch.keep(described);
    return s;
  }
  PyObject *type = nullptr, *error = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &error, &trace);
  std::string words = "<";
  words += Py_TYPE(object)->tp_name;
  words += ": ";
  words += type != nullptr ? reinterpret_cast<PyTypeObject*>(type)->tp_name : "error";
  words += " in __str__>";
  Py_XDECREF(type);
  Py_XDECREF(error);
  Py_XDECREF(trace);
  char* to = scratch.allocate(words.size());
  if (to == nullptr) return {nullptr, 0};
  std::memcpy(to, words.data(), words.size());
  return {to, words.size()};
}

forebay_value to_value(PyObject* object, Scratch& scratch) noexcept {
  forebay_value value{};
  if (to_value_fast(object, value)) return value;
  value = {};
  if (object == Py_None) return value;
  if (PyUnicode_Check(object)) return text_value(to_text(object, scratch));
  if (PyLong_Check(object)) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow == 0 && !(number == -1 && PyErr_Occurred() != nullptr)) {
      value.type = FOREBAY_INT64;
      value.as.i64 = number;
      return value;
    }
    PyErr_Clear();
    // OTLP has no wider integer; int.__repr__, not a subclass's.
    PyObject* digits = PyLong_Type.tp_repr(object);
    if (digits == nullptr) {
      // Python refuses to write out very long integers.
      PyErr_Clear();
      return text_value({"<int too long to print>", 23});
    }
    const forebay_value as_text = text_value(to_text(digits, scratch));
    scratch.keep(digits);
    return as_text;
  }
  if (PyFloat_Check(object)) {
    value.type = FOREBAY_DOUBLE;
    value.as.f64 = PyFloat_AS_DOUBLE(object);
    return value;
  }
  if (PyBytes_Check(object)) {
    value.type = FOREBAY_BYTES;
    value.size = static_cast<uint32_t>(PyBytes_GET_SIZE(object));
    value.as.data = PyBytes_AS_STRING(object);
    return value;
  }
  if (is_nested(object)) return encode_nested(object, scratch);
  return text_value(to_description(object, scratch));
}

}  // namespace forebay_python
