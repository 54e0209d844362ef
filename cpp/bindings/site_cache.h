// Which site a call is from, told by the identity of its message and of its keyword names.
//
// Both are constants of the caller's code, so they are the same objects at every call. The cache
// owns a reference to each, so that their addresses mean nothing else while they are in it. A
// message that is made for one call (an f-string) must not fill the cache: it goes the dynamic way,
// where the keys are the site and the message is copied. What tells them apart:
//
//   - a temporary has one reference, the call's own: dynamic at once;
//   - else the pair must be seen twice, with the same address and the same hash of the content;
//     where call sites are to be told apart it must be a constant of the caller's code instead, and
//     a record with a built message gets the site of the place in that code;
//   - sites are known by content too: a site is put into the table at most kEntriesPerSite times,
//   so
//     that fresh tuples of `**built_dict` with the same keys do not push out what is used.
//
// Bounded: kEntries entries, kMaxContents sites. All of it under the GIL.
#pragma once
#include <Python.h>

#include <forebay/c_api.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "code_place.h"

namespace forebay_python {

class SiteCache {
 public:
  struct Hit {
    const forebay_site* site = nullptr;
    bool body_in_values = false;
  };

  // The usual case: this very message and names have been here.
  [[nodiscard]] const forebay_site* find(PyObject* message, PyObject* names,
                                         uint32_t severity) const noexcept {
    const Entry& entry = entries_[index(message, names, severity)];
    const bool is_it =
        entry.message == message && entry.names == names && entry.severity == severity;
    return is_it ? entry.site : nullptr;
  }

  // The other case. `message` is an exact str; `names` a tuple of str or null. No site: body and
  // attributes must travel in the record.
  Hit learn(PyObject* message, PyObject* names, uint32_t severity, long level);
  // The site of a record whose body is among its values, with these keys.
  const forebay_site* dynamic_site(PyObject* names, uint32_t severity, long level);
  // The same for one place in the caller's code. An unknown place: that of all.
  const forebay_site* site_at(const CodePlace& place, PyObject* names, uint32_t severity,
                              long level);

 private:
  static constexpr size_t kEntries = 4096;     // a power of two
  static constexpr size_t kCandidates = 1024;  // a power of two
  static constexpr size_t kMaxContents = 8192;
  static constexpr uint32_t kEntriesPerSite = 8;

  struct Entry {
    PyObject* message = nullptr;  // owned; null: any, it is among the values
    PyObject* names = nullptr;    // owned; null: no keywords
    const forebay_site* site = nullptr;
    uint32_t severity = 0;
  };
  struct PlacedEntry {
    PyObject* owner = nullptr;  // owned
    PyObject* names = nullptr;  // owned; null: no keywords
    long offset = 0;
    const forebay_site* site = nullptr;
    uint32_t severity = 0;
  };
  using PlacedEntries = std::array<PlacedEntry, kEntries>;
  struct Candidate {
    const PyObject* message = nullptr;  // addresses only: compared, never followed
    const PyObject* names = nullptr;
    Py_hash_t message_hash = 0;
    Py_hash_t names_hash = 0;
  };
  struct Content {
    const forebay_site* site = nullptr;
    uint32_t entries = 0;
  };

  static size_t mix(const void* a, const void* b, uint32_t severity) noexcept {
    const auto x = reinterpret_cast<uintptr_t>(a) >> 4;
    const auto y = reinterpret_cast<uintptr_t>(b) >> 4;
    return static_cast<size_t>((x + y * 31 + severity * 7919) * 0x9e3779b97f4a7c15ULL >> 40);
  }
  static size_t index(const void* message, const void* names, uint32_t severity) noexcept {
    return mix(message, names, severity) & (kEntries - 1);
  }
  void remember(PyObject* message, PyObject* names, uint32_t severity, Content& content);
  Content* by_content(PyObject* message, PyObject* names, uint32_t severity, long level,
                      const CodePlace* place = nullptr);

  std::array<Entry, kEntries> entries_{};
  std::array<Candidate, kCandidates> candidates_{};
  std::unique_ptr<PlacedEntries> placed_;  // made at first use
  std::unordered_map<std::string, Content> contents_;
};

SiteCache& site_cache() noexcept;

}  // namespace forebay_python
