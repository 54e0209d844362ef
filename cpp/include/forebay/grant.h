// Room that is set aside for one thread: what a producer that can make less work asks for first.
//
//   auto grant = collector.request("audit", 100, std::chrono::seconds{1});
//   if (!grant) return try_later();
//   for (uint64_t i = 0; i < grant->granted(); ++i) FOREBAY_INFO(log, "item", {"number", i});
#pragma once
#include <cstdint>
#include <utility>

#include "forebay/c_api.h"

namespace forebay {
inline namespace v1 {

// What the thread that asked emits into the lane, and finds no other room for, is taken from the
// grant before `on_full` is asked. So as many records as were granted are never lost for want of
// room, if they are no larger than was said. What is not used goes back with release(), with the
// grant, or at the end of the thread. An empty one covers nothing.
class Grant {
 public:
  Grant() noexcept = default;
  // Takes over a grant of the C ABI.
  Grant(const forebay_api* api, forebay_grant* owned, uint64_t granted) noexcept
      : api_(api), handle_(owned), granted_(granted) {}
  Grant(Grant&& other) noexcept
      : api_(other.api_),
        handle_(std::exchange(other.handle_, nullptr)),
        granted_(std::exchange(other.granted_, 0)) {}
  Grant& operator=(Grant&& other) noexcept {
    if (this != &other) {
      release();
      api_ = other.api_;
      handle_ = std::exchange(other.handle_, nullptr);
      granted_ = std::exchange(other.granted_, 0);
    }
    return *this;
  }
  ~Grant() { release(); }

  // How many records it was made for.
  [[nodiscard]] uint64_t granted() const noexcept { return granted_; }
  // How many it still covers.
  [[nodiscard]] uint64_t left() const noexcept {
    return handle_ != nullptr ? api_->grant_left(handle_) : 0;
  }
  // From any thread.
  void release() noexcept {
    if (handle_ != nullptr) api_->grant_release(std::exchange(handle_, nullptr));
  }

 private:
  const forebay_api* api_ = nullptr;
  forebay_grant* handle_ = nullptr;
  uint64_t granted_ = 0;
};

}  // namespace v1
}  // namespace forebay
