#include "admit/redaction.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

namespace forebay::admit {
namespace {

constexpr size_t kLongestRule = 128;

constexpr char folded(char c) noexcept {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  return c == '-' ? '_' : c;
}

std::string folded(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = folded(c);
  return result;
}

// `pattern` is folded, `text` is not. Goes back to the last star only, so it is never slow.
bool matches(std::string_view pattern, std::string_view text) noexcept {
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t star_at = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_at = t;
    } else if (p < pattern.size() && pattern[p] == folded(text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_at;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

constexpr uint64_t length_bit(size_t length) noexcept {
  return uint64_t{1} << std::min<size_t>(length, 63);
}

bool hits(std::string_view pattern, std::string_view key) noexcept {
  if (matches(pattern, key)) return true;
  const size_t dot = key.rfind('.');
  return dot != std::string_view::npos && matches(pattern, key.substr(dot + 1));
}

}  // namespace

const std::vector<std::string>& Redaction::default_rules() {
  static const auto* const rules = new std::vector<std::string>{
      "password",      "passwd",      "passphrase",  "secret", "client_secret",
      "authorization", "cookie",      "set_cookie",  "token",  "access_token",
      "refresh_token", "auth_token",  "api_key",     "apikey", "x_api_key",
      "private_key",   "credit_card", "card_number", "cvv",    "proxy_authorization"};
  return *rules;
}

Status Redaction::validate(const std::vector<std::string>& rules) {
  for (size_t i = 0; i < rules.size(); ++i) {
    const std::string_view rule = rules[i];
    const std::string_view pattern = rule.substr(rule.starts_with('!') ? 1 : 0);
    const std::string at = "redact[" + std::to_string(i) + "]: ";
    if (pattern.empty()) return Status::invalid(at + "'" + rules[i] + "' names no key");
    if (pattern.size() > kLongestRule) {
      return Status::invalid(at + "longer than " + std::to_string(kLongestRule) + " bytes");
    }
  }
  return Status::ok();
}

const Redaction* Redaction::of(const std::vector<std::string>& rules) {
  if (rules.empty()) return nullptr;
  // Never destroyed, and few: programs have one list or two.
  static auto* const mutex = new std::mutex;
  static auto* const all = new std::map<std::vector<std::string>, std::unique_ptr<Redaction>>;
  const std::lock_guard lock(*mutex);
  std::unique_ptr<Redaction>& found = (*all)[rules];
  if (found == nullptr) found = std::make_unique<Redaction>(rules);
  return found.get();
}

Redaction::Redaction(const std::vector<std::string>& rules) {
  for (const std::string& rule : rules) {
    if (rule.starts_with('!')) {
      exceptions_.push_back(folded(std::string_view(rule).substr(1)));
    } else {
      rules_.push_back({folded(rule), "[redacted: " + rule + "]"});
    }
  }
  const auto others = std::stable_partition(rules_.begin(), rules_.end(), [](const Rule& rule) {
    return rule.pattern.find('*') != std::string::npos;
  });
  with_star_ = static_cast<size_t>(others - rules_.begin());
  for (auto rule = others; rule != rules_.end(); ++rule) {
    lengths_[static_cast<uint8_t>(rule->pattern[0])] |= length_bit(rule->pattern.size());
  }
  for (const Rule& rule : rules_) add_end(rule.pattern);
}

void Redaction::add_end(std::string_view pattern) {
  // A rule of three bytes hits itself, which has no end, and what ends in a dot and it.
  const std::string end = "." + std::string(pattern);
  if (end.size() < kEnd || pattern.find('*') != std::string_view::npos) {
    ends_.fill(~uint64_t{0});
    return;
  }
  // '-' stands for '_'.
  for (uint32_t dashes = 0; dashes < 1u << kEnd; ++dashes) {
    std::string variant = end.substr(end.size() - kEnd);
    for (size_t i = 0; i < kEnd; ++i) {
      if (variant[i] == '_' && (dashes >> i & 1) != 0) variant[i] = '-';
    }
    const uint32_t index = end_index(variant.data());
    ends_[index / 64] |= uint64_t{1} << (index % 64);
  }
}

const Redaction::Rule* Redaction::rule_for(std::string_view part) const noexcept {
  for (size_t i = 0; i < with_star_; ++i) {
    if (matches(rules_[i].pattern, part)) return &rules_[i];
  }
  if (part.empty() ||
      (lengths_[static_cast<uint8_t>(folded(part[0]))] & length_bit(part.size())) == 0) [[likely]] {
    return nullptr;
  }
  for (size_t i = with_star_; i < rules_.size(); ++i) {
    if (matches(rules_[i].pattern, part)) return &rules_[i];
  }
  return nullptr;
}

const std::string* Redaction::looked_up(std::string_view key) const noexcept {
  const Rule* hit = rule_for(key);
  if (hit == nullptr) {
    const void* const dot = key.empty() ? nullptr : memrchr(key.data(), '.', key.size());
    if (dot == nullptr) return nullptr;
    hit = rule_for(key.substr(static_cast<size_t>(static_cast<const char*>(dot) - key.data()) + 1));
  }
  if (hit == nullptr) return nullptr;
  const bool is_excepted = std::ranges::any_of(
      exceptions_, [&](const std::string& pattern) { return hits(pattern, key); });
  return is_excepted ? nullptr : &hit->text;
}

}  // namespace forebay::admit
