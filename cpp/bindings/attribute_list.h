// Attributes with keys of their own, gathered for one record.
#pragma once
#include <Python.h>

#include <forebay/c_api.h>

#include <new>
#include <string_view>
#include <vector>

#include "values.h"

namespace forebay_python {

// What a record can hold.
inline constexpr size_t kMostAttributes = 65'535;

class AttributeList {
 public:
  explicit AttributeList(Scratch& scratch) : scratch_(scratch) { list_.reserve(16); }

  // Converts and keeps a reference to what it points into.
  void add(forebay_string key, PyObject* value) {
    Py_INCREF(value);
    scratch_.keep(value);
    add_cell(key, to_value(value, scratch_));
  }
  void add(PyObject* key, PyObject* value) {
    if (PyUnicode_Check(key)) {
      Py_INCREF(key);
      scratch_.keep(key);
      add(to_text(key, scratch_), value);
    } else {
      add(to_description(key, scratch_), value);
    }
  }
  void add_cell(forebay_string key, const forebay_value& value) {
    forebay_attribute attribute{};
    attribute.key = key.data;
    attribute.key_size = static_cast<uint32_t>(key.size);
    attribute.value = value;
    list_.push_back(attribute);
  }
  [[nodiscard]] Scratch& scratch() noexcept { return scratch_; }
  [[nodiscard]] const forebay_attribute* data() const noexcept { return list_.data(); }
  [[nodiscard]] uint32_t size() const noexcept { return static_cast<uint32_t>(list_.size()); }
  void cut(size_t most) {
    if (list_.size() > most) list_.resize(most);
  }

 private:
  Scratch& scratch_;
  std::vector<forebay_attribute> list_;
};

}  // namespace forebay_python
