// How a thread of the core tells Python that something has happened, without the GIL: a file
// descriptor that becomes readable, for a poll or an event loop, and the numbers of those who rang.
#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

namespace forebay_python {

class Bell {
 public:
  Bell();  // throws std::system_error where the system has no descriptor left
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  [[nodiscard]] int fileno() const noexcept { return descriptor_; }
  // From any thread. One system call, and only where nobody has rung since the last take().
  void ring(uint64_t number) noexcept;
  // Only wakes; takes no lock, so that it may be called in a forked child whatever its parent did.
  void wake() noexcept;
  // Who rang since the last call.
  std::vector<uint64_t> take();

 private:
  const int descriptor_;
  std::mutex mutex_;
  std::vector<uint64_t> rang_;
};

}  // namespace forebay_python
