// Call sites and scopes, interned once a process and never freed, so that a record can point to
// them after the code that made them was unloaded.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "forebay/c_api.h"
#include "model/value.h"

namespace forebay::model {

// The static part of a record. Immutable once interned, but for `is_watched`.
struct Site {
  uint32_t id = 0;              // dense, from 0: an index for a cache
  uint32_t severity = 0;        // 0..24
  bool body_in_values = false;  // the first value is the body
  // A rule of some collector is about one of its keys: each record of it must be looked at.
  std::atomic<bool> is_watched{false};
  std::string severity_text;  // never empty where severity is 1..24
  std::string body;           // UTF-8 as given, not checked
  std::vector<std::string> keys;
  std::string file;
  std::string function;
  uint32_t line = 0;
};

inline constexpr uint32_t kMaxSites = 65'536;
inline constexpr uint32_t kMaxScopes = 16'384;
inline constexpr uint32_t kMaxKeys = 1'024;

class SiteRegistry {
 public:
  static SiteRegistry& process();

  // The one site with this content; null when kMaxSites are there, the spec is not one, or memory
  // ran out. Takes a lock: for a site's first use.
  const Site* intern(const forebay_site_spec& spec) noexcept;
  // Never null for an id that a site carries.
  [[nodiscard]] const Site* at(uint32_t id) const noexcept;
  [[nodiscard]] uint32_t size() const noexcept;

  // The one scope with this content. Beyond kMaxScopes: scope 0, whose name is "forebay.overflow".
  const Scope& intern_scope(std::string_view name, std::string_view version,
                            const std::vector<OwnedAttribute>& attributes);
  // Null for an id that was never given out.
  [[nodiscard]] const Scope* scope(uint32_t id) const noexcept;

  // From now on sites with a key that `matches` are watched, those that are there already included.
  // `context` must live for ever. A second call with the same context does nothing. May throw
  // std::bad_alloc.
  using KeyMatch = bool (*)(const void* context, std::string_view key);
  void watch(KeyMatch matches, const void* context);

  // Around fork: no other thread may be inside when the address space is copied.
  void lock() noexcept { mutex_.lock(); }
  void unlock() noexcept { mutex_.unlock(); }

 private:
  SiteRegistry();
  mutable std::mutex mutex_;
  std::unordered_map<std::string, uint32_t> site_ids_;   // by content
  std::unordered_map<std::string, uint32_t> scope_ids_;  // by content
  std::deque<Site> sites_;                               // deque: addresses stay
  std::deque<Scope> scopes_;
  struct Watch {
    KeyMatch matches = nullptr;
    const void* context = nullptr;
  };
  std::vector<Watch> watches_;
};

}  // namespace forebay::model
