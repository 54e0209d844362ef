// Reads options by path; keeps the first error, and knows in the end what nobody asked for.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "forebay/c_api.h"
#include "model/value.h"

namespace forebay::engine {

inline constexpr double kYear = 365.0 * 86400;  // seconds: the longest age

// Each reading function gives the fallback where the option is absent, null or wrong; a wrong one
// is an error whose message begins with the path and names the value and the range.
class OptionReader {
 public:
  OptionReader(const forebay_option* options, size_t count);

  [[nodiscard]] bool has(const std::string& path) const { return values_.contains(path); }
  std::string text(const std::string& path, std::string fallback);
  std::string one_of(const std::string& path, std::string fallback,
                     std::initializer_list<const char*> choices);
  bool flag(const std::string& path, bool fallback);
  uint64_t whole(const std::string& path, uint64_t fallback, uint64_t least, uint64_t most);
  int level(const std::string& path, int least, int most);
  double number(const std::string& path, double fallback, double least, double most);
  Duration seconds(const std::string& path, Duration fallback, double least, double most);
  std::optional<Duration> maybe_seconds(const std::string& path, double least, double most);
  // Everything under "<name>:", the rest of the path being a key.
  std::vector<std::pair<std::string, model::OwnedValue>> map(const std::string& name);

  void fail(const std::string& path, const std::string& what);
  void fail(const std::string& prefix, const Status& status);
  // The first error; or the first path that nobody asked for.
  Status status();

 private:
  const model::OwnedValue* take(const std::string& path);

  std::map<std::string, model::OwnedValue> values_;
  std::set<std::string> asked_;
  std::string error_;
};

}  // namespace forebay::engine
