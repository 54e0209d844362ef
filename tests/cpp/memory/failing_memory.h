// Memory that runs out on order: in this test program every allocation goes through it.
//
// Without sanitizers it stands in for malloc and its kin, so that it also fails what C libraries
// (zstd, libcurl, moodycamel's queue) ask for; a sanitizer has a malloc of its own, and there it
// stands in for operator new alone.
#pragma once
#include <cstdint>

namespace forebay::scarce {

// Whose allocations are counted and fail.
enum class Who : uint8_t {
  kNobody,
  kCaller,   // the thread that armed it
  kWorkers,  // the collector's own threads
};

// From now on `count` allocations of `who`, beginning with the `first`-th (from 1), fail.
void arm(Who who, uint64_t first, uint64_t count) noexcept;
// Ends that. How many have failed.
uint64_t disarm() noexcept;

// While one of these lives in a thread, that thread's allocations are neither counted nor fail: for
// a test's own code in the middle.
class Exempt {
 public:
  Exempt() noexcept;
  ~Exempt();
  Exempt(const Exempt&) = delete;
  Exempt& operator=(const Exempt&) = delete;
};

}  // namespace forebay::scarce
