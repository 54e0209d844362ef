// Where in the caller's code a record is from: what tells call sites apart whose messages are built
// for each call. Finding it out takes a frame object, so it is asked for only where some
// collector's rules need it.
#pragma once
#include <Python.h>

#include <string>

namespace forebay_python {

// Whether a rule of a collector of this process tells call sites apart.
[[nodiscard]] bool code_places_wanted() noexcept;

class CodePlace {
 public:
  // The innermost frame that is not passed over (pass_over_frames_of() of the module: Forebay's own
  // and a logging library's), or what `stacklevel` > 1 says is further out.
  static CodePlace of_caller(long stacklevel = 1) noexcept;
  // Of a LogRecord; borrowed. None where `file` is no str.
  CodePlace(PyObject* file, PyObject* function, long line) noexcept;
  CodePlace(CodePlace&& other) noexcept;
  CodePlace(const CodePlace&) = delete;
  CodePlace& operator=(const CodePlace&) = delete;
  ~CodePlace();

  [[nodiscard]] bool is_known() const noexcept { return owner_ != nullptr; }
  // Both together are the place: a code object or a file's name, and an offset or a line in it.
  [[nodiscard]] PyObject* owner() const noexcept { return owner_; }
  [[nodiscard]] long offset() const noexcept { return offset_; }
  // Whether that very object is a constant of the code: a literal, not something built.
  [[nodiscard]] bool has_constant(PyObject* object) const noexcept;

  struct Text {
    std::string file;
    std::string function;
    long line = 0;  // 0: unknown
  };
  [[nodiscard]] Text text() const;

 private:
  CodePlace() noexcept = default;

  PyObject* owner_ = nullptr;     // owned
  PyObject* function_ = nullptr;  // owned; of a LogRecord
  long offset_ = 0;
};

}  // namespace forebay_python
