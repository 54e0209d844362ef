// The lane's transit queue: moodycamel's ConcurrentQueue, carrying runs of slots.
//
// A run is four bytes for up to 64 slots, so what the queue itself holds is small: explicit
// producers keep the blocks that they once filled, and a thread that filled a whole lane of 65,536
// slots had about 1,100 runs in it, 5 KiB. Evicting producers and the drain thread take runs from
// it side by side.
#pragma once
#include <cstddef>
#include <cstdlib>

#include <concurrentqueue.h>
#include "queue/slot_arena.h"

namespace forebay::queue {

// Where the queue's blocks come from. A test puts another function here before it makes a lane, to
// see what becomes of records when memory runs out.
inline void* (*allocate_block)(size_t bytes) = std::malloc;

struct RunQueueTraits : moodycamel::ConcurrentQueueDefaultTraits {
  static constexpr size_t BLOCK_SIZE = 64;
  // Below BLOCK_SIZE: a block then counts what was taken of it, and has no flag for each element.
  static constexpr size_t EXPLICIT_BLOCK_EMPTY_COUNTER_THRESHOLD = 32;
  static constexpr size_t EXPLICIT_INITIAL_INDEX_SIZE = 4;
  static constexpr size_t INITIAL_IMPLICIT_PRODUCER_HASH_SIZE = 0;  // no implicit producers
  static constexpr bool RECYCLE_ALLOCATED_BLOCKS = true;
  static void* malloc(size_t bytes) { return allocate_block(bytes); }
  static void free(void* block) { std::free(block); }
};

class RunQueue : public moodycamel::ConcurrentQueue<Run, RunQueueTraits> {
 public:
  using Base = moodycamel::ConcurrentQueue<Run, RunQueueTraits>;
  using ProducerToken = moodycamel::ProducerToken;
  RunQueue() : Base(1) {}
};

}  // namespace forebay::queue
