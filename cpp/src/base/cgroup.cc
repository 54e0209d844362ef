#include "base/cgroup.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string_view>

namespace forebay {
namespace {

// v1 writes a number near 2^63 where there is no limit.
constexpr uint64_t kNoLimit = uint64_t{1} << 60;

std::optional<uint64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number >= kNoLimit) {
    return std::nullopt;  // "max"
  }
  return number;
}

bool has_controller(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (list.substr(0, comma) == wanted) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

}  // namespace

std::optional<uint64_t> container_memory_limit(const std::string& root) {
  std::ifstream groups(root + "/proc/self/cgroup");
  std::optional<uint64_t> lowest;
  // hierarchy:controllers:path
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view controllers =
        std::string_view(line).substr(first + 1, second - first - 1);
    const bool is_v2 = first == 1 && line[0] == '0' && controllers.empty();
    if (!is_v2 && !has_controller(controllers, "memory")) continue;
    const std::string base = root + (is_v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory");
    const char* const file = is_v2 ? "/memory.max" : "/memory.limit_in_bytes";
    // A container may see its own group mounted at the top, whatever its path says.
    for (std::string path = line.substr(second + 1);;) {
      while (!path.empty() && path.back() == '/') path.pop_back();
      if (const auto limit = number_in(base + path + file)) {
        lowest = std::min(lowest.value_or(*limit), *limit);
      }
      if (path.empty()) break;
      path.resize(std::min(path.rfind('/'), path.size() - 1));
    }
  }
  return lowest;
}

}  // namespace forebay
