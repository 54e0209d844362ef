// Words that read zero in a forked child.
//
// The word that emit reads first, a logger's level, lies in a page of its own kind: MADV_WIPEONFORK
// makes it zero in a child, whoever forked and however, so that the child's first emit takes the
// slow path before it touches anything that is shared with the parent.
#pragma once
#include <atomic>
#include <cstdint>

namespace forebay::engine {

class ForkPages {
 public:
  // A word, zero at first, never given back. Null where the system gives no memory.
  std::atomic<uint32_t>* allocate() noexcept;
  // False where the kernel does not know MADV_WIPEONFORK (before 4.14): then a child has to be told
  // by pthread_atfork alone.
  [[nodiscard]] bool are_wiped() const noexcept { return are_wiped_; }

 private:
  std::atomic<uint32_t>* page_ = nullptr;
  uint32_t used_ = 0;
  bool are_wiped_ = true;
};

}  // namespace forebay::engine
