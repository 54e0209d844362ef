// Bursts that fit a queue, each after the consumer has taken the one before.
#pragma once
#include <cstddef>

#include "subject.h"
#include "tick_timer.h"

namespace forebay::bench {

inline constexpr size_t kBurstRecords = 2'000;  // fits all queues that are measured
inline constexpr size_t kBursts = 200;          // of each kind, a repeat

// The mean of `count` emits, one after the other.
double mean_ns(const TickScale& scale, Subject& subject, size_t count);

// `producers` threads begin each burst together; the mean of a burst is each thread's own.
// Returns the median over all bursts of all threads, negative where the consumer got stuck.
//
// Between bursts the threads sleep, so that the consumer has a core; before a burst they spin until
// all are awake, so that they really run at the same time.
double together_ns(const TickScale& scale, Subject& subject, size_t producers);

}  // namespace forebay::bench
