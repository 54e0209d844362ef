#include "model/site.h"

#include <cstring>
#include <new>

#include "model/severity.h"
#include "model/value.h"

namespace forebay::model {
namespace {

void put(std::string& key, std::string_view text) {
  const auto size = static_cast<uint32_t>(text.size());
  key.append(reinterpret_cast<const char*>(&size), sizeof size);
  key.append(text);
}

void put(std::string& key, uint32_t number) {
  key.append(reinterpret_cast<const char*>(&number), sizeof number);
}

std::string content_of(const forebay_site_spec& spec) {
  std::string key;
  put(key, spec.severity);
  put(key, spec.flags);
  put(key, spec.line);
  put(key, view(spec.severity_text));
  put(key, view(spec.body));
  put(key, view(spec.file));
  put(key, view(spec.function));
  for (uint32_t i = 0; i < spec.key_count; ++i) put(key, view(spec.keys[i]));
  return key;
}

// relaxed: a logger is bound to the collector whose rule it is after that was made.
void look_at(Site& site, SiteRegistry::KeyMatch matches, const void* context) {
  for (const std::string& key : site.keys) {
    if (matches(context, key)) site.is_watched.store(true, std::memory_order_relaxed);
  }
}

}  // namespace

SiteRegistry& SiteRegistry::process() {
  // Never destroyed: a record in a queue may outlive every static object.
  static auto* registry = new SiteRegistry;
  return *registry;
}

SiteRegistry::SiteRegistry() {
  scopes_.push_back(Scope{.id = 0, .name = "forebay.overflow", .version = {}, .attributes = {}});
}

const Site* SiteRegistry::intern(const forebay_site_spec& spec) noexcept try {
  if (spec.key_count > kMaxKeys || spec.severity > 24) return nullptr;
  std::string content = content_of(spec);
  const std::lock_guard lock(mutex_);
  if (const auto found = site_ids_.find(content); found != site_ids_.end()) {
    return &sites_[found->second];
  }
  if (sites_.size() >= kMaxSites) return nullptr;
  // In its place at once: it is not to be moved. Until its id is known it is nobody's.
  Site& site = sites_.emplace_back();
  struct TakeBack {
    std::deque<Site>* from;
    ~TakeBack() {
      if (from != nullptr) from->pop_back();
    }
  } unless_done{&sites_};
  site.id = static_cast<uint32_t>(sites_.size() - 1);
  site.severity = spec.severity;
  site.body_in_values = (spec.flags & FOREBAY_SITE_BODY_IN_VALUES) != 0;
  site.severity_text = view(spec.severity_text);
  if (site.severity_text.empty()) site.severity_text = severity_name(spec.severity);
  site.body = view(spec.body);
  site.file = view(spec.file);
  site.function = view(spec.function);
  site.line = spec.line;
  site.keys.reserve(spec.key_count);
  for (uint32_t i = 0; i < spec.key_count; ++i) site.keys.emplace_back(view(spec.keys[i]));
  for (const Watch& watch : watches_) look_at(site, watch.matches, watch.context);
  site_ids_.emplace(std::move(content), site.id);
  unless_done.from = nullptr;
  return &site;
} catch (const std::bad_alloc&) {
  return nullptr;
}

void SiteRegistry::watch(KeyMatch matches, const void* context) {
  const std::lock_guard lock(mutex_);
  for (const Watch& watch : watches_) {
    if (watch.context == context) return;
  }
  watches_.push_back({matches, context});
  for (Site& site : sites_) look_at(site, matches, context);
}

const Site* SiteRegistry::at(uint32_t id) const noexcept {
  const std::lock_guard lock(mutex_);
  return id < sites_.size() ? &sites_[id] : nullptr;
}

uint32_t SiteRegistry::size() const noexcept {
  const std::lock_guard lock(mutex_);
  return static_cast<uint32_t>(sites_.size());
}

const Scope& SiteRegistry::intern_scope(std::string_view name, std::string_view version,
                                        const std::vector<OwnedAttribute>& attributes) {
  std::string content;
  put(content, name);
  put(content, version);
  for (const OwnedAttribute& a : attributes) {
    put(content, a.key);
    put(content, a.value.type);
    put(content, std::string_view{reinterpret_cast<const char*>(&a.value.i64), 8});
    put(content, std::string_view{reinterpret_cast<const char*>(&a.value.f64), 8});
    put(content, a.value.bytes);
  }
  const std::lock_guard lock(mutex_);
  if (const auto found = scope_ids_.find(content); found != scope_ids_.end()) {
    return scopes_[found->second];
  }
  if (scopes_.size() >= kMaxScopes) return scopes_[0];
  Scope scope;
  scope.id = static_cast<uint32_t>(scopes_.size());
  scope.name = name;
  scope.version = version;
  scope.attributes = attributes;
  scopes_.push_back(std::move(scope));
  scope_ids_.emplace(std::move(content), scopes_.back().id);
  return scopes_.back();
}

const Scope* SiteRegistry::scope(uint32_t id) const noexcept {
  const std::lock_guard lock(mutex_);
  return id < scopes_.size() ? &scopes_[id] : nullptr;
}

}  // namespace forebay::model
