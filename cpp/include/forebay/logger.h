// Loggers, and the ways to emit a record from C++.
//
//   static forebay::Logger log{"pricing.engine"};          // binds at first use, also before start
//   FOREBAY_INFO(log, "quote priced", {"symbol", symbol}, {"bid", 101.25});
//   log.info("quote priced", {{"symbol", symbol}});        // no macro: a site is not kept, so
//   slower
//
// Message and keys of a macro are literals: the core copies them once, at the first enabled use,
// and afterwards only values travel. The other arguments are not evaluated while the level is off.
// Emitting needs no GIL, and on the usual path allocates nothing and takes no lock. What does both
// is first use (of a logger, of a macro, of a lane by a thread, after a fork) and waiting. A record
// that is longer than max_record_bytes and is cut allocates, and so does, rarely, a thread that has
// more records waiting than it ever had before.
//
// Do not hold the GIL when you emit into a lane whose policy is `block`: while such an emit waits
// for room, no Python thread runs, and what would make room may be one of them. Release it around
// the emit (Py_BEGIN_ALLOW_THREADS, pybind11::gil_scoped_release), or give native loggers a lane
// that does not block. (Forebay's own Python loggers release it.)
//
// In a signal handler: a record that comes while the same thread is inside emit is refused and
// counted (`reentrant`), and never deadlocks on what that emit holds. But emit is not
// async-signal-safe as a whole: what allocates or locks, as above, may be cut into by the handler's
// own. Emit from a handler only where the thread has emitted through the same macro, logger and
// lane before, into a lane that does not block, and save and restore errno, which waking the drain
// thread may change. A handler that sets a flag for a thread to log needs none of this.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <new>
#include <span>
#include <string_view>
#include <utility>

#include "forebay/attach.h"
#include "forebay/c_api.h"
#include "forebay/outcome.h"
#include "forebay/source_location.h"
#include "forebay/value.h"

namespace forebay {
inline namespace v1 {

class Logger;

namespace detail {

// Attributes of one macro: what a site's keys and values are copied into on the slow path.
inline constexpr size_t kMaxFields = 64;

// The static part of one macro, and what the core knows it by.
struct Site {
  Severity severity;
  Literal message;
  const char* file;
  const char* function;
  uint32_t line;
  // Null before the first enabled use. Two threads that race get the same pointer from the core.
  std::atomic<const forebay_site*> interned{nullptr};
  // The core has no room for more sites: the record carries everything itself.
  std::atomic<bool> is_overflow{false};
};

// The level of loggers that are not bound yet: each number, to point to.
inline constexpr std::array<uint32_t, 26> kLevels = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25};

struct Fields {
  const forebay_string* keys;
  const forebay_value* values;
  size_t count;  // at most kMaxFields
};

}  // namespace detail

// Everything that one record can have. Borrows strings and attributes until emit returns.
struct Record {
  Severity severity = Severity::kInfo;
  Value body = nullptr;
  std::span<const Attribute> attributes = {};
  uint64_t time_unix_nano = 0;            // 0: now
  std::array<uint8_t, 16> trace_id = {};  // all zero: none
  std::array<uint8_t, 8> span_id = {};
  uint32_t trace_flags = 0;
  std::string_view event_name = {};
  std::string_view severity_text = {};  // empty: the standard name
  SourceLocation where = {};            // line 0: unknown
};

// A named source of records (OpenTelemetry's instrumentation scope). A small value: copy it, make
// it static, share it between threads. It outlives any collector, and emitting through it is always
// safe; without a running collector the answer is `refused.not_started` or `refused.shutdown`.
class Logger {
 public:
  // Of the process's default collector, whichever is started, now or later. Binds at first use, so
  // `static constinit` is fine. Of two loggers of one name the first one's level and version hold.
  constexpr explicit Logger(Literal name, Severity level = Severity::kInfo,
                            Literal version = "") noexcept
      : level_(&detail::kLevels[static_cast<uint32_t>(level)]),
        min_severity_(static_cast<uint32_t>(level)),
        name_(name.raw()),
        version_(version.raw()) {}

  // The same with a name that is made at run time. Before Forebay is found its copy is kept for the
  // life of the process: for names of which there are few.
  [[nodiscard]] FOREBAY_LOCAL static Logger named(std::string_view name,
                                                  Severity level = Severity::kInfo) noexcept;

  // A handle of the C ABI.
  explicit Logger(forebay_logger* handle) noexcept : handle_(handle), level_(handle->level) {}

  Logger(const Logger& other) noexcept
      : handle_(other.handle_.load(std::memory_order_acquire)),
        level_(other.level_.load(std::memory_order_acquire)),
        min_severity_(other.min_severity_),
        name_(other.name_),
        version_(other.version_) {}
  Logger& operator=(const Logger& other) noexcept {
    handle_.store(other.handle_.load(std::memory_order_acquire), std::memory_order_release);
    level_.store(other.level_.load(std::memory_order_acquire), std::memory_order_release);
    min_severity_ = other.min_severity_;
    name_ = other.name_;
    version_ = other.version_;
    return *this;
  }

  // Whether a record of that severity would be taken. True while it is not bound to a running
  // collector: emit finds out. The word is read relaxed: a change of level may be seen a moment
  // later; the pointer to it is acquired, since the word may be new.
  [[nodiscard, gnu::always_inline]] bool is_enabled(Severity severity) const noexcept {
    const uint32_t* level = level_.load(std::memory_order_acquire);
    return static_cast<uint32_t>(severity) >= __atomic_load_n(level, __ATOMIC_RELAXED);
  }

  // One record, with all that it can have.
  FOREBAY_LOCAL Outcome emit(const Record& record) const noexcept;

  // One record. The place of the call goes with it as code.file.path, code.line.number and
  // code.function.name.
  FOREBAY_LOCAL Outcome emit(Severity severity, std::string_view text,
                             std::initializer_list<Attribute> attributes = {},
                             SourceLocation where = SourceLocation::current()) const noexcept {
    return emit(severity, text, std::span<const Attribute>(attributes.begin(), attributes.size()),
                where);
  }
  FOREBAY_LOCAL Outcome emit(Severity severity, std::string_view text,
                             std::span<const Attribute> attributes,
                             SourceLocation where = SourceLocation::current()) const noexcept {
    if (!is_enabled(severity)) return Outcome(FOREBAY_DISABLED);
    Record record;
    record.severity = severity;
    record.body = text;
    record.attributes = attributes;
    record.where = where;
    return emit(record);
  }

  // emit with that severity.
  Outcome trace(std::string_view text, std::initializer_list<Attribute> attributes = {},
                SourceLocation where = SourceLocation::current()) const noexcept {
    return emit(Severity::kTrace, text, attributes, where);
  }
  Outcome debug(std::string_view text, std::initializer_list<Attribute> attributes = {},
                SourceLocation where = SourceLocation::current()) const noexcept {
    return emit(Severity::kDebug, text, attributes, where);
  }
  Outcome info(std::string_view text, std::initializer_list<Attribute> attributes = {},
               SourceLocation where = SourceLocation::current()) const noexcept {
    return emit(Severity::kInfo, text, attributes, where);
  }
  Outcome warn(std::string_view text, std::initializer_list<Attribute> attributes = {},
               SourceLocation where = SourceLocation::current()) const noexcept {
    return emit(Severity::kWarn, text, attributes, where);
  }
  Outcome error(std::string_view text, std::initializer_list<Attribute> attributes = {},
                SourceLocation where = SourceLocation::current()) const noexcept {
    return emit(Severity::kError, text, attributes, where);
  }
  Outcome fatal(std::string_view text, std::initializer_list<Attribute> attributes = {},
                SourceLocation where = SourceLocation::current()) const noexcept {
    return emit(Severity::kFatal, text, attributes, where);
  }

  // The C ABI's handle, null before the first use.
  [[nodiscard, gnu::always_inline]] forebay_logger* handle() const noexcept {
    return handle_.load(std::memory_order_acquire);
  }
  // The handle, fetched if need be.
  FOREBAY_LOCAL forebay_logger* bind(const forebay_api& api) const noexcept;

 private:
  // handle_ before level_: who sees the core's level finds the handle, or fetches the same one.
  mutable std::atomic<forebay_logger*> handle_{nullptr};
  mutable std::atomic<const uint32_t*> level_;
  uint32_t min_severity_ = 0;
  forebay_string name_{nullptr, 0};
  forebay_string version_{nullptr, 0};
};

inline forebay_logger* Logger::bind(const forebay_api& api) const noexcept {
  if (forebay_logger* known = handle(); known != nullptr) return known;
  forebay_logger_spec spec{};
  spec.struct_size = sizeof spec;
  spec.min_severity = min_severity_;
  spec.name = name_;
  spec.version = version_;
  forebay_logger* made = api.logger(nullptr, &spec);
  handle_.store(made, std::memory_order_release);
  level_.store(made->level, std::memory_order_release);
  return made;
}

inline Logger Logger::named(std::string_view name, Severity level) noexcept {
  Logger made("", level);
  made.name_ = {name.data(), name.size()};
  if (const forebay_api* api = detail::table_or_retry(); api != nullptr) {
    made.bind(*api);
    made.name_ = {nullptr, 0};
    return made;
  }
  char* kept = new (std::nothrow) char[name.size() + 1];
  if (kept == nullptr) return Logger("forebay.no_memory_for_the_name", level);
  std::memcpy(kept, name.data(), name.size());
  made.name_.data = kept;  // never freed: copies of the logger may be anywhere
  return made;
}

namespace detail {

// The site's handle; null when the core has no room for it.
FOREBAY_LOCAL inline const forebay_site* intern(const forebay_api& api, Site& site,
                                                const Fields& fields) noexcept {
  if (const auto* known = site.interned.load(std::memory_order_acquire); known != nullptr) {
    return known;
  }
  if (site.is_overflow.load(std::memory_order_relaxed)) return nullptr;
  forebay_site_spec spec{};
  spec.struct_size = sizeof spec;
  spec.severity = static_cast<uint32_t>(site.severity);
  spec.body = site.message.raw();
  spec.keys = fields.keys;
  spec.key_count = static_cast<uint32_t>(fields.count);
  spec.file = {site.file, std::string_view(site.file).size()};
  spec.function = {site.function, std::string_view(site.function).size()};
  spec.line = site.line;
  const forebay_site* interned = api.site(&spec);
  if (interned == nullptr) {
    site.is_overflow.store(true, std::memory_order_relaxed);
  } else {
    site.interned.store(interned, std::memory_order_release);
  }
  return interned;
}

// Everything but a bound logger, a known site and values that cross the ABI as they are.
[[gnu::noinline]] FOREBAY_LOCAL inline Outcome emit_slow(const Logger& logger, Site& site,
                                                         const Fields& fields) noexcept {
  const forebay_api* api = table_or_retry();
  if (api == nullptr) return count_unattached(site.severity);
  forebay_logger* handle = logger.bind(*api);
  const forebay_site* interned = intern(*api, site, fields);
  const auto count = static_cast<uint32_t>(fields.count);
  std::array<std::array<char, kMaxDigits>, kMaxFields> digits;
  if (interned != nullptr) {
    std::array<forebay_value, kMaxFields> values;
    for (size_t i = 0; i < count; ++i) values[i] = spelled(fields.values[i], digits[i]);
    return Outcome(api->emit(handle, interned, values.data(), count, nullptr, FOREBAY_EMIT_FLAT));
  }
  std::array<forebay_attribute, kMaxFields> attributes;
  for (size_t i = 0; i < count; ++i) {
    attributes[i] = {fields.keys[i].data, clamped(fields.keys[i].size), 0,
                     spelled(fields.values[i], digits[i])};
  }
  forebay_extra extra{};
  extra.struct_size = sizeof extra;
  extra.severity = static_cast<uint32_t>(site.severity);
  extra.body = Value(std::string_view(site.message.raw().data, site.message.raw().size)).raw();
  extra.attributes = attributes.data();
  extra.attribute_count = count;
  return Outcome(api->emit(handle, nullptr, nullptr, 0, &extra, 0));
}

template <size_t N, size_t... I>
[[gnu::always_inline]] inline Outcome emit_fields(const Logger& logger, Site& site,
                                                  const Field (&fields)[N],
                                                  std::index_sequence<I...>) noexcept {
  static_assert(N <= kMaxFields, "a record of a macro has at most 64 attributes");
  const forebay_value values[] = {fields[I].value.raw()...};
  forebay_logger* handle = logger.handle();
  const forebay_site* interned = site.interned.load(std::memory_order_acquire);
  const bool is_plain = (... && (values[I].type != kLargeUnsigned));
  if (handle == nullptr || interned == nullptr || !is_plain) [[unlikely]] {
    const forebay_string keys[] = {fields[I].key.raw()...};
    return emit_slow(logger, site, Fields{keys, values, N});
  }
  return Outcome(attachment.table()->emit(handle, interned, values, N, nullptr, FOREBAY_EMIT_FLAT));
}

template <size_t N>
[[gnu::always_inline]] inline Outcome emit_site(const Logger& logger, Site& site,
                                                const Field (&fields)[N]) noexcept {
  return emit_fields(logger, site, fields, std::make_index_sequence<N>());
}

[[gnu::always_inline]] inline Outcome emit_site(const Logger& logger, Site& site) noexcept {
  forebay_logger* handle = logger.handle();
  const forebay_site* interned = site.interned.load(std::memory_order_acquire);
  if (handle == nullptr || interned == nullptr) [[unlikely]] {
    return emit_slow(logger, site, Fields{nullptr, nullptr, 0});
  }
  return Outcome(
      attachment.table()->emit(handle, interned, nullptr, 0, nullptr, FOREBAY_EMIT_FLAT));
}

}  // namespace detail
}  // namespace v1
}  // namespace forebay

#include "forebay/record_emit.h"

// One record of `severity`, a constant, from this place: FOREBAY_LOG(log, severity, "message",
// {"key", value}...). An expression; its value is a forebay::Outcome. The counter gives names of
// their own to a record that is emitted inside the arguments of another.
#define FOREBAY_LOG(logger, severity, message, ...)                             \
  FOREBAY_LOG_NAMED(FOREBAY_JOIN(forebay_logger_, __COUNTER__),                 \
                    FOREBAY_JOIN(forebay_site_, __COUNTER__), logger, severity, \
                    message __VA_OPT__(, ) __VA_ARGS__)
#define FOREBAY_JOIN(name, number) FOREBAY_JOIN_NOW(name, number)
#define FOREBAY_JOIN_NOW(name, number) name##number
#define FOREBAY_LOG_NAMED(log_name, site_name, logger, severity_, message, ...)                    \
  (__extension__({                                                                                 \
    const ::forebay::Logger& log_name = (logger);                                                  \
    static constinit ::forebay::detail::Site site_name{(severity_), (message), __FILE__, __func__, \
                                                       __LINE__};                                  \
    log_name.is_enabled(severity_)                                                                 \
        ? ::forebay::detail::emit_site(log_name, site_name __VA_OPT__(, {__VA_ARGS__}))            \
        : ::forebay::Outcome(FOREBAY_DISABLED);                                                    \
  }))

#define FOREBAY_TRACE(logger, ...) FOREBAY_LOG(logger, ::forebay::Severity::kTrace, __VA_ARGS__)
#define FOREBAY_DEBUG(logger, ...) FOREBAY_LOG(logger, ::forebay::Severity::kDebug, __VA_ARGS__)
#define FOREBAY_INFO(logger, ...) FOREBAY_LOG(logger, ::forebay::Severity::kInfo, __VA_ARGS__)
#define FOREBAY_WARN(logger, ...) FOREBAY_LOG(logger, ::forebay::Severity::kWarn, __VA_ARGS__)
#define FOREBAY_ERROR(logger, ...) FOREBAY_LOG(logger, ::forebay::Severity::kError, __VA_ARGS__)
#define FOREBAY_FATAL(logger, ...) FOREBAY_LOG(logger, ::forebay::Severity::kFatal, __VA_ARGS__)
