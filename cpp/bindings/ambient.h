// What a record has from where it is emitted: attributes bound to the context or to the logger, and
// the trace of the current span.
#pragma once
#include <Python.h>

#include <forebay/c_api.h>

#include <array>
#include <utility>
#include <vector>

#include "bound.h"
#include "logger_type.h"

namespace forebay_python {

class AttributeList;

// Which of them there can be in this process at all: zero costs an emit one load. Under the GIL.
enum AmbientSource : uint32_t { kNoSource = 0, kContextSource = 1, kTraceSource = 2 };
extern uint32_t ambient_sources;

// The trace of the current span into `extra`, or where there is none that of the context.
void add_trace(forebay_extra& extra, const Attributes* of_context) noexcept;
// Both into a record whose attributes are gathered in a list; those that are there already win.
void add_ambient(const PyLogger* logger, AttributeList& attributes, forebay_extra& extra);

// What is bound in the context that this is made in. Under the GIL.
class BoundContext {
 public:
  BoundContext() noexcept;
  BoundContext(const BoundContext&) = delete;
  BoundContext& operator=(const BoundContext&) = delete;
  ~BoundContext() { Py_XDECREF(object_); }
  // Null where there is nothing.
  [[nodiscard]] const Attributes* attributes() const noexcept { return as_bound(object_); }
  // The reference that it has, null perhaps; it has none then.
  [[nodiscard]] PyObject* release() noexcept { return std::exchange(object_, nullptr); }

 private:
  PyObject* object_ = nullptr;  // a _core.Bound, kept
};

// Both for a record whose attributes are its site's, `names` (a tuple or null), where they are as
// they were bound, or there is nothing (`extra` stays null), which is most often so. False: see
// Ambient. What it finds lives as long as what is bound.
[[nodiscard]] bool ambient_as_bound(const PyLogger* logger, const Attributes* of_context,
                                    PyObject* names, const forebay_extra*& extra) noexcept;

// The same, whatever they are. Lives as long as the emit.
class Ambient {
 public:
  Ambient(const PyLogger* logger, const Attributes* of_context, PyObject* names);
  Ambient(const Ambient&) = delete;
  Ambient& operator=(const Ambient&) = delete;
  // Null where there is nothing.
  [[nodiscard]] const forebay_extra* extra() const noexcept { return has_any_ ? &extra_ : nullptr; }

 private:
  void add_all(const Attributes* from, const Attributes* winner, PyObject* names);

  forebay_extra extra_;
  std::array<forebay_attribute, 16> few_;
  std::vector<forebay_attribute> many_;
  uint32_t count_ = 0;
  bool has_any_ = false;
};

}  // namespace forebay_python
