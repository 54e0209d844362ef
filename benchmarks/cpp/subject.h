// What is measured: something that takes the record "request finished" with route, status and
// elapsed_ms (a string, an int, a double) from any thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace forebay::bench {

// The string argument of every record, on both sides.
inline constexpr char kRoute[] = "/items/search";

class Subject {
 public:
  virtual ~Subject() = default;
  // Emits `count` records as fast as it can; returns how many were accepted.
  virtual size_t emit(size_t count) = 0;
  // Emits one record for each element and writes the ticks that it took.
  virtual void emit_timed(std::span<uint64_t> ticks_taken) = 0;
  // Waits until the consumer has taken everything. False where that did not happen in 10 s.
  virtual bool settle() = 0;
  // Records that were accepted or offered and are gone for want of room.
  [[nodiscard]] virtual uint64_t lost() const = 0;
};

}  // namespace forebay::bench
