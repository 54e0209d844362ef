// The calling side of a counter's add(): a file of its own, for a compiler of its own.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "forebay/forebay.h"

namespace forebay::bench {

// Adds 1 so many times; returns how often that was taken.
size_t add_many(const forebay::BoundCounter& counter, size_t count);
// One for each element, which gets the ticks that it took.
void add_timed(const forebay::BoundCounter& counter, std::span<uint64_t> ticks_taken);

}  // namespace forebay::bench
