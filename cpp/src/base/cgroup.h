// How much memory the container may have that this process is in.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace forebay {

// The lowest limit of the process's memory cgroup and of those around it, v2 or v1. Unit: bytes.
// Nothing: there is none, or it cannot be read. `root` is where proc and sys are.
[[nodiscard]] std::optional<uint64_t> container_memory_limit(const std::string& root = "/");

}  // namespace forebay
