#include "fork_page.h"

#include <sys/mman.h>
#include <unistd.h>

#include <new>

namespace forebay::engine {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr uint32_t kWords = kPageBytes / sizeof(std::atomic<uint32_t>);

}  // namespace

std::atomic<uint32_t>* ForkPages::allocate() noexcept {
  if (page_ == nullptr || used_ == kWords) {
    void* memory =
        mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    if (madvise(memory, kPageBytes, MADV_WIPEONFORK) != 0) are_wiped_ = false;
    page_ = static_cast<std::atomic<uint32_t>*>(memory);
    for (uint32_t i = 0; i < kWords; ++i) new (page_ + i) std::atomic<uint32_t>(0);
    used_ = 0;
  }
  return page_ + used_++;
}

}  // namespace forebay::engine
