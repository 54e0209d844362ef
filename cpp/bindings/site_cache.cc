#include "site_cache.h"

#include <new>
#include <utility>
#include <vector>

#include "core_api.h"
#include "levels.h"
#include "values.h"

namespace forebay_python {

SiteCache& site_cache() noexcept {
  // Never destroyed: it owns Python objects, which must not be touched after the interpreter's end.
  static auto* cache = new SiteCache;
  return *cache;
}

SiteCache::Content* SiteCache::by_content(PyObject* message, PyObject* names, uint32_t severity,
                                          long level, const CodePlace* place) try {
  Scratch scratch;
  std::string key(reinterpret_cast<const char*>(&level), sizeof level);
  const auto add = [&](forebay_string s) {
    key.append(reinterpret_cast<const char*>(&s.size), sizeof s.size);
    key.append(s.data == nullptr ? "" : s.data, s.size);
  };
  forebay_string body{};
  if (message != nullptr) {
    body = to_text(message, scratch);
    add(body);
  } else {
    key.push_back('\0');
  }
  std::vector<forebay_string> keys;
  const Py_ssize_t count = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  for (Py_ssize_t i = 0; i < count; ++i) {
    keys.push_back(to_text(PyTuple_GET_ITEM(names, i), scratch));
    add(keys.back());
  }
  CodePlace::Text where;
  if (place != nullptr) {
    where = place->text();
    add(text(where.file));
    add(text(where.function));
    key.append(reinterpret_cast<const char*>(&where.line), sizeof where.line);
  }
  if (const auto found = contents_.find(key); found != contents_.end()) return &found->second;
  if (contents_.size() >= kMaxContents) return nullptr;
  forebay_site_spec spec{};
  spec.struct_size = sizeof spec;
  spec.severity = severity;
  const std::string_view level_name = name_of_level(level);
  spec.severity_text = text(level_name);
  spec.body = body;
  spec.keys = keys.data();
  spec.key_count = static_cast<uint32_t>(keys.size());
  if (message == nullptr) spec.flags = FOREBAY_SITE_BODY_IN_VALUES;
  spec.file = text(where.file);
  spec.function = text(where.function);
  spec.line = static_cast<uint32_t>(where.line);
  const forebay_site* site = core().site(&spec);
  if (site == nullptr) return nullptr;
  return &contents_.emplace(std::move(key), Content{site, 0}).first->second;
} catch (const std::bad_alloc&) {
  return nullptr;
}

void SiteCache::remember(PyObject* message, PyObject* names, uint32_t severity, Content& content) {
  if (content.entries >= kEntriesPerSite) return;
  ++content.entries;
  Entry& entry = entries_[index(message, names, severity)];
  const Entry before = entry;
  Py_XINCREF(message);
  Py_XINCREF(names);
  entry = {message, names, content.site, severity};
  Py_XDECREF(before.message);
  Py_XDECREF(before.names);
}

const forebay_site* SiteCache::dynamic_site(PyObject* names, uint32_t severity, long level) {
  if (const forebay_site* site = find(nullptr, names, severity); site != nullptr) return site;
  Content* content = by_content(nullptr, names, severity, level);
  if (content == nullptr) return nullptr;
  // Levels that share a severity (19 and 13) have sites of their own, and the table knows but
  // severities.
  if (!name_of_level(level).empty()) remember(nullptr, names, severity, *content);
  return content->site;
}

const forebay_site* SiteCache::site_at(const CodePlace& place, PyObject* names, uint32_t severity,
                                       long level) {
  if (!place.is_known()) return dynamic_site(names, severity, level);
  if (placed_ == nullptr) placed_.reset(new (std::nothrow) PlacedEntries);
  if (placed_ == nullptr) return dynamic_site(names, severity, level);
  const auto hash = severity + static_cast<uint32_t>(place.offset()) * 2654435761u;
  PlacedEntry& entry = (*placed_)[mix(place.owner(), names, hash) & (kEntries - 1)];
  if (entry.owner == place.owner() && entry.names == names && entry.offset == place.offset() &&
      entry.severity == severity) {
    return entry.site;
  }
  Content* content = by_content(nullptr, names, severity, level, &place);
  if (content == nullptr) return dynamic_site(names, severity, level);
  if (name_of_level(level).empty() || content->entries >= kEntriesPerSite) return content->site;
  ++content->entries;
  const PlacedEntry before = std::exchange(entry, {Py_NewRef(place.owner()), Py_XNewRef(names),
                                                   place.offset(), content->site, severity});
  const forebay_site* const site = content->site;  // what goes now may run code that comes here
  Py_XDECREF(before.owner);
  Py_XDECREF(before.names);
  return site;
}

SiteCache::Hit SiteCache::learn(PyObject* message, PyObject* names, uint32_t severity, long level) {
  // A temporary message: the call holds the only reference. An empty one is a body too, which a
  // site's empty text is not.
  const bool may_be_constant = Py_REFCNT(message) > 1 && PyUnicode_GET_LENGTH(message) != 0;
  if (code_places_wanted()) {
    const CodePlace place = CodePlace::of_caller();
    if (!may_be_constant || !place.has_constant(message)) {
      return {site_at(place, names, severity, level), true};
    }
    Content* content = by_content(message, names, severity, level);
    if (content == nullptr) return {};
    if (!name_of_level(level).empty()) remember(message, names, severity, *content);
    return {content->site, false};
  }
  if (may_be_constant) {
    const Py_hash_t message_hash = PyObject_Hash(message);
    const Py_hash_t names_hash = names == nullptr ? 0 : PyObject_Hash(names);
    PyErr_Clear();
    Candidate& candidate = candidates_[mix(message, names, severity) & (kCandidates - 1)];
    const bool is_second = candidate.message == message && candidate.names == names &&
                           candidate.message_hash == message_hash &&
                           candidate.names_hash == names_hash;
    candidate = {message, names, message_hash, names_hash};
    if (is_second) {
      Content* content = by_content(message, names, severity, level);
      if (content == nullptr) return {};
      if (!name_of_level(level).empty()) remember(message, names, severity, *content);
      return {content->site, false};
    }
  }
  return {dynamic_site(names, severity, level), true};
}

}  // namespace forebay_python
