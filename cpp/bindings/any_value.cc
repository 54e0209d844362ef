#include "any_value.h"

#include <cstring>
#include <new>
#include <string>

#include "values.h"
#include "without_gil.h"

namespace forebay_python {
namespace {

// AnyValue's fields.
enum : uint8_t {
  kString = 1,
  kBool = 2,
  kInt = 3,
  kDouble = 4,
  kArray = 5,
  kMap = 6,
  kBytes = 7,
};
// Depth in protobuf messages: a map takes three levels (KeyValueList, KeyValue, AnyValue), a list
// two. The usual decoders stop at 100, and the record around it takes some.
constexpr int kMaxDepth = 86;
constexpr int kMapLevels = 3;
constexpr int kArrayLevels = 2;
constexpr size_t kMaxBytes = 16u << 20;

void put_varint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void put_bytes(std::string& out, uint8_t field, std::string_view bytes) {
  put_varint(out, static_cast<uint64_t>(field) << 3 | 2);
  put_varint(out, bytes.size());
  out.append(bytes);
}

class Encoder {
 public:
  explicit Encoder(Scratch& scratch) : scratch_(scratch) {}

  std::string any(PyObject* object, int depth) {
    std::string out;
    if (is_nested(object) && !PyByteArray_Check(object) && !PyMemoryView_Check(object)) {
      if (depth >= kMaxDepth || spent_ > kMaxBytes) return out;
      // Held while it is read: what is inside may run Python code that lets go of it.
      Py_INCREF(object);
      const std::string inner = PyDict_Check(object) ? map(object, depth) : array(object, depth);
      Py_DECREF(object);
      put_bytes(out, PyDict_Check(object) ? kMap : kArray, inner);
      spent_ += 2;
      return out;
    }
    Py_buffer view;
    if ((PyByteArray_Check(object) || PyMemoryView_Check(object)) &&
        PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) == 0) {
      put_bytes(out, kBytes, {static_cast<const char*>(view.buf), static_cast<size_t>(view.len)});
      PyBuffer_Release(&view);
      return out;
    }
    PyErr_Clear();
    scalar(PyMemoryView_Check(object) ? text_of(object) : to_value(object, scratch_), out);
    spent_ += out.size();
    return out;
  }

 private:
  forebay_value text_of(PyObject* object) {
    forebay_value value{};
    const forebay_string s = to_description(object, scratch_);
    value.type = FOREBAY_STRING;
    value.size = static_cast<uint32_t>(s.size);
    value.as.data = s.data;
    return value;
  }

  static void scalar(const forebay_value& value, std::string& out) {
    switch (value.type) {
      case FOREBAY_BOOL:
        put_varint(out, kBool << 3);
        put_varint(out, value.as.i64 != 0);
        return;
      case FOREBAY_INT64:
        put_varint(out, kInt << 3);
        put_varint(out, static_cast<uint64_t>(value.as.i64));
        return;
      case FOREBAY_DOUBLE:
        put_varint(out, kDouble << 3 | 1);
        out.append(reinterpret_cast<const char*>(&value.as.f64), 8);
        return;
      case FOREBAY_STRING:
        put_bytes(out, kString, {value.as.data, value.size});
        return;
      case FOREBAY_BYTES:
        put_bytes(out, kBytes, {value.as.data, value.size});
        return;
      default:
        return;
    }
  }

  std::string array(PyObject* object, int depth) {
    std::string inner;
    // A snapshot: a __str__ in it may change the list.
    PyObject* items = PySequence_Tuple(object);
    if (items == nullptr) {
      PyErr_Clear();
      return inner;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items) && spent_ <= kMaxBytes; ++i) {
      put_bytes(inner, 1, any(PyTuple_GET_ITEM(items, i), depth + kArrayLevels));
      spent_ += 2;
    }
    Py_DECREF(items);
    return inner;
  }

  std::string map(PyObject* object, int depth) {
    std::string inner;
    // dict's own items, whatever a subclass overrides, in a list that nobody else has.
    PyObject* items = PyDict_Items(object);
    if (items == nullptr) {
      PyErr_Clear();
      return inner;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items) && spent_ <= kMaxBytes; ++i) {
      PyObject* pair = PyList_GET_ITEM(items, i);
      PyObject* key = PyTuple_GET_ITEM(pair, 0);
      const forebay_string name =
          PyUnicode_Check(key) ? to_text(key, scratch_) : to_description(key, scratch_);
      std::string entry;
      put_bytes(entry, 1, {name.data, name.size});
      put_bytes(entry, 2, any(PyTuple_GET_ITEM(pair, 1), depth + kMapLevels));
      put_bytes(inner, 1, entry);
      spent_ += name.size + 4;
    }
    Py_DECREF(items);
    return inner;
  }

  Scratch& scratch_;
  size_t spent_ = 0;
};

}  // namespace

bool is_nested(PyObject* object) noexcept {
  return PyList_Check(object) || PyTuple_Check(object) || PyDict_Check(object) ||
         PyAnySet_Check(object) || PyByteArray_Check(object) || PyMemoryView_Check(object);
}

forebay_value encode_nested(PyObject* object, Scratch& scratch) noexcept try {
  forebay_value value{};
  const std::string encoded = running_python([&] { return Encoder(scratch).any(object, 0); });
  char* to = scratch.allocate(encoded.size());
  if (to == nullptr) return value;
  std::memcpy(to, encoded.data(), encoded.size());
  value.type = FOREBAY_ANYVALUE;
  value.size = static_cast<uint32_t>(encoded.size());
  value.as.data = to;
  return value;
} catch (const std::bad_alloc&) {
  return forebay_value{};
}

}  // namespace forebay_python
