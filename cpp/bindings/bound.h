// The type _core.Bound: attributes that are bound to a context or a logger, converted once.
#pragma once
#include <Python.h>

#include <forebay/c_api.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "values.h"

namespace forebay_python {

// Immutable, but for what is made of it at need. Names are interned, so that a record's own names
// are told apart by identity.
struct Attributes {
  // The trace that a context belongs to, as a request brought it (W3C traceparent).
  struct Trace {
    bool is_set = false;
    uint8_t trace_id[16] = {};
    uint8_t span_id[8] = {};
    uint32_t flags = 0;
  };

  std::vector<PyObject*> names;  // owned
  std::vector<forebay_attribute> cells;
  Scratch scratch;  // what the cells point into
  Trace trace;

  Attributes() = default;
  ~Attributes();
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  // Whether a record's names (a tuple or null), or some of them, may be among these. Under the GIL.
  [[nodiscard]] bool may_share_a_name(PyObject* of_record) const noexcept {
    return of_record != nullptr && of_record != others_ && compare(of_record);
  }
  // What a record has that has all of them, and their trace, and nothing else. To be asked once for
  // a record: null at the first, and where there is no memory. Never changes then. Under the GIL.
  [[nodiscard]] const forebay_extra* whole() const noexcept {
    return whole_ != nullptr ? whole_ : make_whole();
  }
  // The cells, for a record that has all of them, after whole(). Under the GIL.
  void add_to(forebay_extra& extra) const noexcept;
  void add_trace_to(forebay_extra& extra) const noexcept;

 private:
  bool compare(PyObject* names_of_record) const noexcept;
  const forebay_extra* make_whole() const noexcept;

  // A record's names of which none is among these: a call site has always the same. Owned.
  mutable PyObject* others_ = nullptr;
  // From the second record on: many are bound for one alone.
  mutable const forebay_bound* encoded_ = nullptr;
  mutable const forebay_extra* whole_ = nullptr;  // of encoded_, or with_trace_
  mutable forebay_extra with_trace_{};
  mutable bool was_used_ = false;
};

struct PyBound {
  PyObject_HEAD Attributes* attributes;
};

// Null where `object` is none.
const Attributes* as_bound(PyObject* object) noexcept;
// `outer`'s (may be null) and those of the dict, which wins. `trace`: 16 bytes of trace id, 8 of
// span id, one of flags; null: outer's. A new reference, or null with an error set.
PyObject* new_bound(PyObject* outer, PyObject* dict, PyObject* trace = nullptr);

}  // namespace forebay_python
