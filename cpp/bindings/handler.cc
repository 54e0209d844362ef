// handle_record: a stdlib LogRecord straight into the core. What LoggingHandler.handle is where
// nothing of its contract is set or overridden.
#include <array>

#include "ambient.h"
#include "attribute_list.h"
#include "core_api.h"
#include "emit_slow.h"
#include "levels.h"
#include "site_cache.h"
#include "without_gil.h"

namespace forebay_python {
namespace {

// What LogRecord.__init__ sets, in its order (Python 3.11; taskName since 3.12). A record's dict is
// read from front to back: names are compared by identity where the order holds, else looked up.
enum Field {
  kName,
  kMsg,
  kArgs,
  kLevelname,
  kLevelno,
  kPathname,
  kFilename,
  kModule,
  kExcInfo,
  kExcText,
  kStackInfo,
  kLineno,
  kFuncName,
  kCreated,
  kMsecs,
  kRelativeCreated,
  kThread,
  kThreadName,
  kProcessName,
  kProcess,
  kTaskName,
  kMessage,
  kAsctime,
  kFieldCount
};
constexpr std::array<const char*, kFieldCount> kFieldNames = {
    "name",        "msg",     "args",     "levelname",       "levelno",    "pathname",
    "filename",    "module",  "exc_info", "exc_text",        "stack_info", "lineno",
    "funcName",    "created", "msecs",    "relativeCreated", "thread",     "threadName",
    "processName", "process", "taskName", "message",         "asctime"};

PyObject* field_names[kFieldCount];
PyObject* field_indexes;  // dict: name → index
PyObject* site_keys;      // of the site that every record of the handler has
PyObject* placed_keys;    // of sites that know their place in the code
// uvicorn's message once more, with escape sequences for terminals.
PyObject* color_message;
PyObject* default_scope;  // the name under which a record's own logger name is the scope

// The field of a name; kFieldCount for an attribute that extra= brought. `expected` is where the
// order says we are, and moves on.
int field_of(PyObject* name, int& expected) {
  if (expected < kFieldCount && field_names[expected] == name) return expected++;
  PyObject* index = PyDict_GetItemWithError(field_indexes, name);
  if (index == nullptr) {
    PyErr_Clear();
    return kFieldCount;
  }
  const auto field = static_cast<int>(PyLong_AsLong(index));
  expected = field + 1;
  return field;
}

struct Fields {
  PyObject* values[kFieldCount] = {};
  PyObject* operator[](Field f) const { return values[f]; }
};

void read(PyObject* dict, Fields& fields, AttributeList& extras) {
  Py_ssize_t position = 0;
  PyObject* name = nullptr;
  PyObject* value = nullptr;
  int expected = 0;
  // Values are only collected in here: converting one may run Python code that changes the dict.
  std::vector<std::pair<PyObject*, PyObject*>> found;
  while (PyDict_Next(dict, &position, &name, &value) != 0) {
    const int field = PyUnicode_Check(name) ? field_of(name, expected) : kFieldCount;
    Py_INCREF(value);
    extras.scratch().keep(value);
    if (field < kFieldCount) {
      fields.values[field] = value;
    } else if (name != color_message) {
      found.emplace_back(name, value);
    }
  }
  for (const auto& [key, attribute] : found) extras.add(key, attribute);
}

// Whether its class is the stdlib's own.
bool is_plain(PyObject* record) {
  // Not by the initializer, where another thread would wait for this one with the GIL.
  static PyObject* plain = nullptr;
  if (plain == nullptr) {
    PyObject* name = PyUnicode_FromString("logging");
    PyObject* logging = name == nullptr ? nullptr : PyImport_GetModule(name);
    Py_XDECREF(name);
    PyObject* type = logging == nullptr ? nullptr : PyObject_GetAttrString(logging, "LogRecord");
    Py_XDECREF(logging);
    PyErr_Clear();
    if (type == nullptr) return false;
    Py_XSETREF(plain, type);
  }
  return reinterpret_cast<PyObject*>(Py_TYPE(record)) == plain;
}

// getMessage() without the call where the class is the stdlib's own and there are no arguments.
PyObject* message_of(PyObject* record, const Fields& fields, Scratch& scratch) {
  PyObject* args = fields[kArgs];
  PyObject* msg = fields[kMsg];
  const bool has_args =
      args != nullptr && args != Py_None && !(PyTuple_Check(args) && PyTuple_GET_SIZE(args) == 0);
  if (!has_args && msg != nullptr && is_plain(record)) return msg;
  PyObject* message =
      running_python([&] { return PyObject_CallMethod(record, "getMessage", nullptr); });
  if (message == nullptr) return nullptr;
  scratch.keep(message);
  return message;
}

forebay_value field_value(PyObject* field, Scratch& scratch) {
  return field == nullptr ? forebay_value{} : to_value(field, scratch);
}

// The site of the record's place in the code: a built message has no other name for its call site.
const forebay_site* placed_site(const Fields& fields, uint32_t severity, long level) {
  const long line = fields[kLineno] == nullptr ? 0 : PyLong_AsLong(fields[kLineno]);
  PyErr_Clear();
  const CodePlace place(fields[kPathname], fields[kFuncName], line);
  return site_cache().site_at(place, placed_keys, severity, level);
}

// Takes over the error that is set, which says why a template did not take its arguments. An
// interrupt is not the template's: it comes again once this call is over.
void take_format_error(Scratch& scratch, AttributeList& extras, PyObject** error) {
  if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) != 0) PyErr_SetInterrupt();
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  running_python([&] { PyErr_NormalizeException(&type, &value, &trace); });
  if (trace != nullptr && value != nullptr) PyException_SetTraceback(value, trace);
  if (value != nullptr) {
    Py_INCREF(value);
    scratch.keep(value);
    *error = value;
  }
  PyErr_Restore(type, value, trace);
  add_format_error(extras);
}

// `format_error` gets the error where the arguments did not fit the template; borrowed from
// `scratch`.
int32_t emit_record(PyLogger* logger, PyObject* record, PyObject* dict, Scratch& scratch,
                    PyObject** format_error) {
  AttributeList extras(scratch);
  Fields fields;
  read(dict, fields, extras);
  const PyLogger* const handlers_own = logger;

  const long level = fields[kLevelno] == nullptr ? 0 : PyLong_AsLong(fields[kLevelno]);
  PyErr_Clear();
  const uint32_t severity = severity_of_level(level);
  PyObject* name = fields[kName];
  if (name != nullptr && PyUnicode_Check(name) &&
      (logger->name == default_scope || PyUnicode_Compare(logger->name, default_scope) == 0)) {
    if (PyLogger* own = sibling(logger, name); own != nullptr) logger = own;
  }
  PyErr_Clear();

  PyObject* message = message_of(record, fields, scratch);
  if (message == nullptr) {
    // The arguments do not fit the template. It goes in raw, with the error beside it: a typo in a
    // log call is the application's to find, not to stumble over.
    take_format_error(scratch, extras, format_error);
    message = fields[kMsg] != nullptr ? fields[kMsg] : Py_None;
  }
  if (fields[kExcInfo] != nullptr && fields[kExcInfo] != Py_None && fields[kExcInfo] != Py_False) {
    add_exception(fields[kExcInfo], extras);
  }
  if (fields[kStackInfo] != nullptr && fields[kStackInfo] != Py_None) {
    extras.add(text("code.stacktrace"), fields[kStackInfo]);
  }

  const bool has_place = code_places_wanted() && fields[kPathname] != nullptr &&
                         PyUnicode_CheckExact(fields[kPathname]);
  forebay_value cells[6];
  uint32_t used = 1;
  cells[0] = PyUnicode_Check(message) ? to_value(message, scratch) : forebay_value{};
  if (cells[0].type == FOREBAY_NULL) {
    const forebay_string s = to_description(message, scratch);
    cells[0] = forebay_value{};
    cells[0].type = FOREBAY_STRING;
    cells[0].size = static_cast<uint32_t>(s.size);
    cells[0].as.data = s.data;
  }
  if (!has_place) {
    for (const Field field : {kPathname, kFuncName, kLineno}) {
      cells[used++] = field_value(fields[field], scratch);
    }
  }
  cells[used++] = field_value(fields[kThread], scratch);
  cells[used++] = field_value(fields[kThreadName], scratch);

  forebay_extra extra{};
  extra.struct_size = sizeof extra;
  extra.severity = severity;
  const double created = fields[kCreated] == nullptr ? 0 : PyFloat_AsDouble(fields[kCreated]);
  PyErr_Clear();
  if (created > 0 && created < 1e10) extra.time_unix_nano = static_cast<uint64_t>(created * 1e9);
  if (fields[kLevelname] != nullptr && PyUnicode_Check(fields[kLevelname]) &&
      name_of_level(level).empty()) {
    extra.severity_text = to_text(fields[kLevelname], scratch);
  }
  if (ambient_sources != kNoSource || handlers_own->bound != nullptr) {
    add_ambient(handlers_own, extras, extra);
  }
  extra.attributes = extras.data();
  extra.attribute_count = extras.size();
  const forebay_site* site = has_place ? placed_site(fields, severity, level)
                                       : site_cache().dynamic_site(site_keys, severity, level);
  if (site == nullptr) {
    extra.body = cells[0];
    return emit_with_gil(logger->handle, nullptr, nullptr, 0, &extra, FOREBAY_EMIT_BRIDGE);
  }
  return emit_with_gil(logger->handle, site, cells, used, &extra, FOREBAY_EMIT_BRIDGE);
}

// Where nothing was overridden, what logging does with an error in a log call: it tells it on
// standard error, unless logging.raiseExceptions is off. Nothing that goes wrong in here may reach
// the application.
void tell_format_error(PyObject* record, PyObject* error) {
  PyObject* module = PyImport_ImportModule("forebay._logging");
  PyObject* told = module == nullptr
                       ? nullptr
                       : PyObject_CallMethod(module, "tell_format_error", "OO", record, error);
  Py_XDECREF(module);
  Py_XDECREF(told);
  PyErr_Clear();
}

PyObject* handle_record(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyLogger* logger = count == 2 || count == 3 ? as_logger(args[0]) : nullptr;
  if (logger == nullptr) {
    PyErr_SetString(PyExc_TypeError, "handle_record(logger, record, tells_errors=False)");
    return nullptr;
  }
  const bool caller_tells = count == 3 && PyObject_IsTrue(args[2]) == 1;
  PyObject* dict = PyObject_GenericGetDict(args[1], nullptr);
  if (dict == nullptr) return nullptr;
  Scratch scratch;
  PyObject* format_error = nullptr;
  const int32_t outcome = [&] {
    try {
      return emit_record(logger, args[1], dict, scratch, &format_error);
    } catch (const std::bad_alloc&) {
      return emit_unconverted(logger, 0, FOREBAY_EMIT_BRIDGE);
    }
  }();
  Py_DECREF(dict);
  if (outcome < 0) return nullptr;
  if (format_error != nullptr && !caller_tells) [[unlikely]]
    running_python([&] { tell_format_error(args[1], format_error); });
  // Through a bridge nobody asked for an exception, and stdlib wants a true value.
  return PyBool_FromLong(outcome < FOREBAY_WOULD_BLOCK);
}

}  // namespace

void register_handler(pybind11::module_& module) {
  field_indexes = PyDict_New();
  for (int i = 0; i < kFieldCount; ++i) {
    field_names[i] = PyUnicode_InternFromString(kFieldNames[i]);
    PyObject* index = PyLong_FromLong(i);
    PyDict_SetItem(field_indexes, field_names[i], index);
    Py_DECREF(index);
  }
  site_keys = Py_BuildValue("(sssss)", "code.file.path", "code.function.name", "code.line.number",
                            "thread.id", "thread.name");
  placed_keys = Py_BuildValue("(ss)", "thread.id", "thread.name");
  color_message = PyUnicode_InternFromString("color_message");
  default_scope = PyUnicode_InternFromString("logging");
  static PyMethodDef method = {
      "handle_record", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(handle_record)),
      METH_FASTCALL, "Hands a record of logging over to a logger's collector."};
  PyObject* function = PyCFunction_NewEx(&method, nullptr, nullptr);
  if (function == nullptr) throw pybind11::error_already_set();
  module.add_object("handle_record", function);
}

}  // namespace forebay_python
