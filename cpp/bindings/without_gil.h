// Letting go of the GIL, and coming back for it.
//
// A daemon thread that wants the GIL while the interpreter ends does not get it: Python 3.11 to
// 3.13 end it by pthread_exit, which unwinds its stack. That must not come to our functions: one
// that throws nothing would abort the process, and destructors would use Python objects without the
// GIL. So the thread stands still, as Python 3.14 has it do.
#pragma once
#include <Python.h>
#include <cxxabi.h>
#include <unistd.h>

namespace forebay_python {

// For ever: pthread_exit aborts the process where what it throws is caught and that `catch` ends.
[[noreturn]] inline void stand_still() noexcept {
  for (;;) pause();
}

// What `call` returns. For what may run Python code, which lets go of the GIL now and then: where
// somebody between here and the interpreter throws nothing, or has objects of Python's to let go.
template <typename Call>
inline auto running_python(Call call) {
  try {
    return call();
  } catch (const abi::__forced_unwind&) {
    stand_still();
  }
}

// The thread is without the GIL as long as this lives. No lock may be held at its end: a thread
// that stands still would keep it.
class WithoutGil {
 public:
  WithoutGil() noexcept : state_(PyEval_SaveThread()) {}
  ~WithoutGil() {
    running_python([this] { PyEval_RestoreThread(state_); });
  }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* const state_;
};

}  // namespace forebay_python
