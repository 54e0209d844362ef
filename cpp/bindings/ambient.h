// What a record has from where it is emitted: attributes bound to the context or to the logger, and
// the trace of the current span.
#pragma once
#include <Python.h>

#include <forebay/c_api.h>

#include <array>
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

// Both for a record whose attributes are its site's, where they are as they were bound, which is
// most often so. Fits two registers.
struct AsBound {
  // To be released after the emit: what is bound in the context, or null.
  PyObject* context = nullptr;
  // Null where there is nothing; `kMustGather`: see Ambient.
  const forebay_extra* extra = nullptr;
};
extern const forebay_extra kMustGather;
// `names`: the site's, a tuple or null.
[[nodiscard, gnu::noinline]] AsBound ambient_as_bound(const PyLogger* logger,
                                                      PyObject* names) noexcept;

// The same, whatever they are. Lives as long as the emit.
class Ambient {
 public:
  // `context` as ambient_as_bound() gave it; takes it over.
  Ambient(const PyLogger* logger, PyObject* context, PyObject* names);
  Ambient(const Ambient&) = delete;
  Ambient& operator=(const Ambient&) = delete;
  ~Ambient() { Py_XDECREF(context_); }
  // Null where there is nothing.
  [[nodiscard]] const forebay_extra* extra() const noexcept { return has_any_ ? &extra_ : nullptr; }

 private:
  void add_all(const Attributes* from, const Attributes* winner, PyObject* names);

  forebay_extra extra_;
  PyObject* context_;  // a _core.Bound, kept
  std::array<forebay_attribute, 16> few_;
  std::vector<forebay_attribute> many_;
  uint32_t count_ = 0;
  bool has_any_ = false;
};

}  // namespace forebay_python
