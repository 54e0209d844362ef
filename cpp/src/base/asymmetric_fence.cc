#include "base/asymmetric_fence.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace forebay {
namespace {

bool supported() noexcept {
#if defined(__SANITIZE_THREAD__)
  return false;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
  return false;
#endif
#endif
  return true;
}

std::atomic<bool> light_enabled{false};

}  // namespace

bool enable_asymmetric_fence() noexcept {
  const bool light =
      supported() && syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
  light_enabled.store(light, std::memory_order_release);
  return light;
}

void heavy_fence() noexcept {
  if (light_enabled.load(std::memory_order_acquire)) {
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    return;
  }
  static std::atomic<uint64_t> word{0};
  word.fetch_add(1, std::memory_order_seq_cst);
}

}  // namespace forebay
