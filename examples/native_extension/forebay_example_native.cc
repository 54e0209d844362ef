// A Python extension module whose own C++ threads report to the collector that Python started.
//
// The threads never take the GIL, and the module is not linked to Forebay: it takes the headers,
// and fetches the table of functions when it is imported. Where forebay is not installed it works
// too; its records are counted, and go nowhere.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <forebay/forebay.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

// Never destroyed: threads may run while the process ends. Vector and strings: with the GIL only.
struct Workers {
  std::vector<std::thread> threads;
  std::atomic<uint64_t> emitted{0};
  std::string attach_error;
};

Workers& workers() {
  static auto* made = new Workers;
  return *made;
}

void work(forebay::Logger log, uint32_t thread, uint64_t records) noexcept {
  uint64_t emitted = 0;
  for (uint64_t i = 0; i < records; ++i) {
    const bool is_hit = (i * 7 + thread) % 10 != 0;
    const forebay::Outcome outcome =
        i % 100 == 99 ? FOREBAY_WARN(log, "shard is slow", {"thread", thread}, {"shard", i % 16})
                      : FOREBAY_INFO(log, "cache lookup", {"thread", thread}, {"number", i},
                                     {"hit", is_hit}, {"elapsed_us", 1.5});
    if (!outcome.is_disabled()) ++emitted;
  }
  workers().emitted.fetch_add(emitted);
}

PyObject* start(PyObject*, PyObject* arguments, PyObject* keywords) {
  static char threads_name[] = "threads", records_name[] = "records_per_thread",
              logger_name[] = "logger";
  static char* names[] = {threads_name, records_name, logger_name, nullptr};
  unsigned int threads = 0;
  unsigned long long records = 0;
  const char* logger = "native.worker";
  if (PyArg_ParseTupleAndKeywords(arguments, keywords, "IK|s", names, &threads, &records,
                                  &logger) == 0) {
    return nullptr;
  }
  const forebay::Logger log = forebay::Logger::named(logger);
  for (unsigned int thread = 0; thread < threads; ++thread) {
    workers().threads.emplace_back(work, log, thread, records);
  }
  Py_RETURN_NONE;
}

PyObject* join(PyObject*, PyObject*) {
  std::vector<std::thread> ending = std::exchange(workers().threads, {});
  Py_BEGIN_ALLOW_THREADS for (std::thread& thread : ending) thread.join();
  Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

PyObject* emitted(PyObject*, PyObject*) {
  return PyLong_FromUnsignedLongLong(workers().emitted.load());
}

PyObject* attach_error(PyObject*, PyObject*) {
  if (forebay::is_attached()) Py_RETURN_NONE;
  return PyUnicode_FromString(workers().attach_error.c_str());
}

PyMethodDef methods[] = {
    {"start", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(start)),
     METH_VARARGS | METH_KEYWORDS,
     "start(threads, records_per_thread, logger='native.worker')\n\n"
     "Start threads that emit so many records each, as fast as they can."},
    {"join", join, METH_NOARGS, "Wait until every thread has ended, with the GIL released."},
    {"emitted", emitted, METH_NOARGS,
     "Records that threads which have ended emitted, whatever became of them."},
    {"attach_error", attach_error, METH_NOARGS, "None, or why Forebay is out of reach."},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    "forebay_example_native",
    "Threads of C++ that report to Forebay.",
    -1,
    methods,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
};

}  // namespace

PyMODINIT_FUNC PyInit_forebay_example_native() {
  // Without Forebay the module is as good as before; its loggers look for it again later.
  const forebay::Status attached = FOREBAY_ATTACH_PYTHON();
  workers().attach_error = attached.message();
  return PyModule_Create(&definition);
}
