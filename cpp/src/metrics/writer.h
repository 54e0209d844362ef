// A thread that records, as the store knows it.
//
// Between enter() and leave() a thread may write into the half of a cell that the phase named when
// it asked, and hold pointers to series, cells and tables that it found. A collection turns the
// phase, or takes things out of their tables, and then waits for each thread that is inside to come
// out once (Writers::are_past): after that nobody writes to the old half, nor knows what was taken
// out.
//
// enter() stores the odd turn and then loads the phase; a collection stores the phase, calls
// heavy_fence(), and then loads the turns: one of the two sees the other's store
// (asymmetric_fence.h). leave() is a release, so that who sees the even turn sees all that was
// written. Recording itself waits for nobody.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/asymmetric_fence.h"
#include "metrics/cell.h"

namespace forebay::metrics {

struct alignas(64) Writer {
  explicit Writer(uint32_t number_, bool light_) noexcept : number(number_), light(light_) {}

  std::atomic<uint64_t> turn{0};  // odd: inside
  const uint32_t number;          // 1 and up; no two living threads have the same
  const bool light;
  // Measurements that were left out: single writer, read by anyone.
  std::atomic<uint64_t> invalid{0};
  std::atomic<uint64_t> out_of_memory{0};

  // Where this thread's cell of a series is, for those that it does not own the first one of.
  struct Recent {
    uint64_t series = 0;
    Cell* cell = nullptr;    // its own
    Cell* shared = nullptr;  // or one that others add to as well
  };
  static constexpr size_t kRecent = 64;
  std::array<Recent, kRecent> recent{};

  // The turn that it is then.
  uint64_t enter() noexcept {
    const uint64_t inside = turn.load(std::memory_order_relaxed) + 1;
    store_then_fence(turn, inside, light);
    return inside;
  }
  void leave() noexcept { leave(turn.load(std::memory_order_relaxed)); }
  // Of who still knows what enter() said: one load less to wait for.
  void leave(uint64_t inside) noexcept { turn.store(inside + 1, std::memory_order_release); }
  static void count(std::atomic<uint64_t>& counter) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
};

// All that ever recorded. A writer that is given back is the next thread's, with its number, and so
// with the cells that it owns.
class Writers {
 public:
  Writers() noexcept : light_(enable_asymmetric_fence()) {}

  // Null where memory ran out.
  Writer* lease() noexcept;
  void give_back(Writer* writer) noexcept;

  // Who was inside at begin_wait() and has not come out yet.
  struct Wait {
    std::vector<std::pair<const Writer*, uint64_t>> inside;
  };
  // After what they must not see any more was stored. Throws std::bad_alloc, and may be repeated.
  void begin_wait(Wait& wait);
  // Whether all of them have come out since.
  static bool are_past(Wait& wait) noexcept;

  struct Numbers {
    uint64_t invalid = 0;
    uint64_t out_of_memory = 0;
  };
  [[nodiscard]] Numbers numbers() const;
  [[nodiscard]] uint64_t memory_bytes() const;

 private:
  const bool light_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Writer>> writers_;
  std::vector<Writer*> given_back_;
};

}  // namespace forebay::metrics
