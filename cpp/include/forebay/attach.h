// How this module comes to the collector of its process: by the table of the C ABI.
//
//   a program that links the library (CMake: Forebay::forebay,    nothing to do
//   which defines FOREBAY_LINKED: a linker may leave out a
//   library that is referred to only weakly)
//   a Python extension module (Forebay::headers)                  FOREBAY_ATTACH_PYTHON() in its
//   init any other library in a process that has Forebay               forebay::attach(), or
//   nothing: the
//                                                                 first records look for it
//
// Forebay may come later, or never, or be too old: then loggers refuse (`not_started`), the records
// are counted here by severity, and the count is handed over when the table is found.
#pragma once
#include <dlfcn.h>
#include <pthread.h>
#include <time.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "forebay/c_api.h"
#include "forebay/outcome.h"

#if !defined(FOREBAY_LINKED)
// Bound by the loader where the library is linked or otherwise in the global scope, else null.
extern "C" __attribute__((weak)) const forebay_api* forebay_get_api(uint32_t abi_version);
#endif

namespace forebay {
inline namespace v1 {
namespace detail {

inline constexpr const char* kSoname = "libforebay.so.1";
// Members that these headers call. What is appended to the table later is asked for one by one.
inline constexpr size_t kTableSize = offsetof(forebay_api, decompress) + sizeof(void (*)());
inline constexpr uint32_t kSeverities = 25;  // 0 (unspecified) .. 24
inline constexpr int64_t kRetryIntervalNs = 100'000'000;

// Where a table came from: it is there, or why not.
struct Found {
  const forebay_api* table = nullptr;
  Status::Code code = Status::Code::kNotLoaded;
  const char* reason = "";  // static
};

inline Found checked(const forebay_api* table) noexcept {
  if (table == nullptr || table->abi_version != FOREBAY_ABI_VERSION) {
    return {nullptr, Status::Code::kIncompatible,
            "the loaded Forebay speaks another ABI than the headers that this was compiled with"};
  }
  if (table->struct_size < kTableSize) {
    return {nullptr, Status::Code::kIncompatible,
            "the loaded Forebay is older than the headers that this was compiled with"};
  }
  return {table, Status::Code::kOk, ""};
}

// An older library has no instruments.
inline bool knows_metrics(const forebay_api& table) noexcept {
  return table.struct_size >=
         offsetof(forebay_api, count_lost_measurements) + sizeof(table.count_lost_measurements);
}

// Looks for a library that is loaded already, and loads none.
inline Found find_loaded(const char* soname = kSoname) noexcept {
  void* library = dlopen(soname, RTLD_NOLOAD | RTLD_NOW);
  if (library == nullptr) {
    (void)dlerror();
    return {nullptr, Status::Code::kNotLoaded, "Forebay is not loaded in this process"};
  }
  using GetApi = const forebay_api* (*)(uint32_t);
  auto* get_api = reinterpret_cast<GetApi>(dlsym(library, "forebay_get_api"));
  Found found{nullptr, Status::Code::kIncompatible, "the loaded library has no forebay_get_api"};
  if (get_api != nullptr) found = checked(get_api(FOREBAY_ABI_VERSION));
  // A table that is used keeps its library for good.
  if (found.table == nullptr) dlclose(library);
  return found;
}

inline Found find_table() noexcept {
#if defined(FOREBAY_LINKED)
  return checked(forebay_get_api(FOREBAY_ABI_VERSION));
#else
  if (forebay_get_api != nullptr) return checked(forebay_get_api(FOREBAY_ABI_VERSION));
  return find_loaded();
#endif
}

inline int64_t coarse_now_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// The table, once there is one, and the records that came before.
//
// `add` counts and then looks at the table; `publish` stores the table and then takes the counts.
// Both are sequentially consistent, so one of the two sees the other: no record stays behind.
class FOREBAY_LOCAL Attachment {
 public:
  // Null until a table was published. acquire: what the table points to was written before.
  [[nodiscard]] const forebay_api* table() const noexcept {
    return table_.load(std::memory_order_acquire);
  }

  // The table, looking for it where `finder` knows: at most once in kRetryIntervalNs.
  const forebay_api* table_or_retry(Found (*finder)() noexcept, int64_t now_ns) noexcept {
    if (const forebay_api* known = table(); known != nullptr) return known;
    int64_t due = next_attempt_ns_.load(std::memory_order_relaxed);
    if (now_ns < due || !next_attempt_ns_.compare_exchange_strong(due, now_ns + kRetryIntervalNs,
                                                                  std::memory_order_relaxed)) {
      return nullptr;
    }
    publish(finder());
    return table();
  }

  // Takes a table into use and hands over what was counted. The first one stays.
  void publish(const Found& found) noexcept {
    if (found.table == nullptr) return;
    const forebay_api* none = nullptr;
    table_.compare_exchange_strong(none, found.table);
    hand_over();
  }

  // Counts records that found no table.
  void add(Severity severity, uint64_t records = 1) noexcept {
    const auto number = static_cast<uint32_t>(severity);
    waiting_[number < kSeverities ? number : 0].fetch_add(records);
    if (table_.load() != nullptr) hand_over();
  }

  // Counts measurements that found no table, or one that knows no metrics.
  void add_measurements(uint64_t measurements = 1) noexcept {
    waiting_measurements_.fetch_add(measurements);
    if (table_.load() != nullptr) hand_over();
  }

  // Measurements that wait for a table that knows them.
  [[nodiscard]] uint64_t waiting_measurements() const noexcept {
    return waiting_measurements_.load(std::memory_order_relaxed);
  }

  // Records that wait for a table.
  [[nodiscard]] uint64_t waiting() const noexcept {
    uint64_t sum = 0;
    for (const auto& count : waiting_) sum += count.load(std::memory_order_relaxed);
    return sum;
  }

  // In a forked child: what was counted is its parent's to hand over.
  void forget() noexcept {
    for (auto& count : waiting_) count.store(0, std::memory_order_relaxed);
    waiting_measurements_.store(0, std::memory_order_relaxed);
  }

 private:
  void hand_over() noexcept {
    const forebay_api* table = table_.load();
    for (uint32_t severity = 0; severity < kSeverities; ++severity) {
      const uint64_t records = waiting_[severity].exchange(0);
      if (records != 0) table->count_not_started(severity, records);
    }
    if (!knows_metrics(*table)) return;
    const uint64_t measurements = waiting_measurements_.exchange(0);
    if (measurements != 0)
      table->count_lost_measurements(FOREBAY_REFUSED_NOT_STARTED, measurements);
  }

  std::atomic<const forebay_api*> table_{nullptr};
  std::atomic<int64_t> next_attempt_ns_{0};
  std::array<std::atomic<uint64_t>, kSeverities> waiting_{};
  std::atomic<uint64_t> waiting_measurements_{0};
};

// This module's own.
FOREBAY_LOCAL inline constinit Attachment attachment;
FOREBAY_LOCAL inline constinit std::atomic<bool> is_fork_watched{false};

inline void watch_forks() noexcept {
  if (is_fork_watched.exchange(true)) return;
  pthread_atfork(
      nullptr, nullptr, +[] { attachment.forget(); });
}

// Counts a record that found no table.
[[gnu::noinline]] FOREBAY_LOCAL inline Outcome count_unattached(Severity severity) noexcept {
  watch_forks();
  attachment.add(severity);
  return Outcome(FOREBAY_REFUSED_NOT_STARTED);
}

// Counts a measurement that found no table, or one that knows no metrics.
[[gnu::noinline]] FOREBAY_LOCAL inline Outcome count_unattached_measurement() noexcept {
  watch_forks();
  attachment.add_measurements();
  return Outcome(FOREBAY_REFUSED_NOT_STARTED);
}

[[gnu::noinline]] FOREBAY_LOCAL inline const forebay_api* table_or_retry() noexcept {
  if (const forebay_api* known = attachment.table(); known != nullptr) return known;
  return attachment.table_or_retry(
      +[]() noexcept { return find_table(); }, coarse_now_ns());
}

FOREBAY_LOCAL inline Status attach_to(const Found& found) noexcept {
  attachment.publish(found);
  if (attachment.table() != nullptr) return {};
  return {found.code, found.reason};
}

FOREBAY_LOCAL inline Status attach_python(const void* capsule_pointer) noexcept {
  if (attachment.table() != nullptr) return {};
  if (capsule_pointer == nullptr) {
    return attach_to(
        {nullptr, Status::Code::kNotLoaded, "forebay._core._C_API cannot be imported"});
  }
  return attach_to(checked(static_cast<const forebay_api*>(capsule_pointer)));
}

}  // namespace detail

// Looks for the library in this process now. Cheap when it was found before; safe from any thread.
// Where it fails, later records look again, ten times a second at most.
FOREBAY_LOCAL inline Status attach() noexcept {
  if (detail::attachment.table() != nullptr) return {};
  return detail::attach_to(detail::find_table());
}

[[nodiscard]] FOREBAY_LOCAL inline bool is_attached() noexcept {
  return detail::attachment.table() != nullptr;
}

// Records of this module that are counted here until Forebay is found.
[[nodiscard]] FOREBAY_LOCAL inline uint64_t records_before_attach() noexcept {
  return detail::attachment.waiting();
}
// The same of measurements. They also stay here where the Forebay that is found is too old to know
// metrics.
[[nodiscard]] FOREBAY_LOCAL inline uint64_t measurements_before_attach() noexcept {
  return detail::attachment.waiting_measurements();
}

}  // namespace v1
}  // namespace forebay

// Imports forebay and attaches to it; a forebay::Status. For a module's init function, with the
// GIL held; include Python.h first. Never leaves a Python exception behind: a module that can do
// without Forebay ignores the answer.
#define FOREBAY_ATTACH_PYTHON()                                            \
  (::forebay::detail::attach_python([]() noexcept -> const void* {         \
    const void* forebay_table = PyCapsule_Import(FOREBAY_CAPSULE_NAME, 0); \
    if (forebay_table == nullptr) PyErr_Clear();                           \
    return forebay_table;                                                  \
  }()))
