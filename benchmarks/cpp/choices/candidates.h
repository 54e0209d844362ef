// Three ways to build a lane, with one face: what decision 003 compares.
//
//   explicit  moodycamel with elements of 128 bytes, and a producer token a thread
//   implicit  the same without tokens
//   runs      Forebay's own: pooled slots, and moodycamel carrying runs of them
//
// All three hold 65,536 records of 128 bytes, take room 64 at a time, and build the record where it
// will lie.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>

#include "account/thread_counters.h"
#include "base/ticks.h"
#include "concurrentqueue.h"
#include "model/record_writer.h"
#include "queue/lane_queue.h"

namespace forebay::choices {

inline constexpr uint32_t kLaneSlots = 65'536;
inline constexpr uint64_t kBoundBytes = uint64_t{kLaneSlots} * 128;

// "request finished", with a string, an integer and a double: a record that fills one slot.
class Record {
 public:
  Record() {
    values_[0].type = FOREBAY_STRING;
    values_[0].size = 13;
    values_[0].as.data = "/items/search";
    values_[1].type = FOREBAY_INT64;
    values_[2].type = FOREBAY_DOUBLE;
    values_[2].as.f64 = 12.5;
  }
  const model::RecordInput& numbered(int64_t number) {
    values_[1].as.i64 = number;
    return input_;
  }

 private:
  std::array<forebay_value, 3> values_{};
  model::RecordInput input_{.values = values_.data(), .value_count = 3, .severity = 9};
};

// moodycamel has no emplace, but the move constructor runs in the slot: a temporary carries only
// what to write.
struct Element {
  struct Recipe {
    const model::RecordInput* input;
    uint64_t ticks;
    uint32_t size;
  };
  std::array<uint8_t, 128> bytes;

  Element() noexcept {}
  explicit Element(const Recipe& recipe) noexcept {
    std::memcpy(bytes.data(), &recipe, sizeof recipe);
  }
  Element(Element&& other) noexcept {
    Recipe recipe;
    std::memcpy(&recipe, other.bytes.data(), sizeof recipe);
    model::write_record(*recipe.input, recipe.ticks, recipe.size, bytes.data());
  }
  Element& operator=(Element&& other) noexcept {
    bytes = other.bytes;
    return *this;
  }
};

struct ElementTraits : moodycamel::ConcurrentQueueDefaultTraits {
  static constexpr size_t BLOCK_SIZE = 256;
  static constexpr bool RECYCLE_ALLOCATED_BLOCKS = true;
};

template <bool kWithToken>
class Moodycamel {
 public:
  using Queue = moodycamel::ConcurrentQueue<Element, ElementTraits>;
  class Producer {
   public:
    explicit Producer(Moodycamel& lane) : lane_(lane) {
      if constexpr (kWithToken) token_.emplace(lane.queue_);
    }
    bool push(Record& record, int64_t number) {
      if (credits_ == 0 && !take_credits()) return false;
      const model::RecordInput& input = record.numbered(number);
      const Element::Recipe recipe{&input, lane_.ticks_.now(),
                                   static_cast<uint32_t>(model::measure_record(input))};
      --credits_;
      if constexpr (kWithToken) {
        return lane_.queue_.enqueue(*token_, Element(recipe));
      } else {
        return lane_.queue_.enqueue(Element(recipe));
      }
    }

   private:
    bool take_credits() {
      int64_t room = lane_.credits_.load(std::memory_order_relaxed);
      for (;;) {
        const int64_t wanted = std::min<int64_t>(64, room);
        if (wanted <= 0) return false;
        if (lane_.credits_.compare_exchange_weak(room, room - wanted)) {
          credits_ = wanted;
          return true;
        }
      }
    }
    Moodycamel& lane_;
    std::optional<moodycamel::ProducerToken> token_;
    int64_t credits_ = 0;
  };

  Moodycamel() : queue_(0) {}
  // Takes what is there, and says how many.
  size_t drain(bool) {
    size_t taken = 0;
    while (const size_t n = queue_.try_dequeue_bulk(into_.begin(), into_.size())) {
      credits_.fetch_add(static_cast<int64_t>(n));
      taken += n;
    }
    return taken;
  }

 private:
  TickSource ticks_;
  Queue queue_;
  std::array<Element, 256> into_;
  alignas(64) std::atomic<int64_t> credits_{kLaneSlots};
};

class Runs {
 public:
  class Producer {
   public:
    explicit Producer(Runs& lane) : lane_(lane), producer_(lane.queue_->attach()) {}
    ~Producer() { lane_.queue_->detach(producer_); }
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;
    bool push(Record& record, int64_t number) {
      const model::RecordInput& input = record.numbered(number);
      return lane_.queue_->emit(*producer_, input,
                                static_cast<uint32_t>(model::measure_record(input)), lane_.ticks_,
                                0, counters_) == queue::Admission::kAccepted;
    }

   private:
    Runs& lane_;
    queue::Producer* producer_;
    std::array<std::atomic<uint64_t>, account::kEmitNameSlots * kSeverityClasses> cells_{};
    account::ThreadCounters counters_{cells_.data(), 0, false};
  };

  Runs() : queue_(queue::LaneQueue::create({.slots = kLaneSlots}, 0).take()) {}
  // `everything`: also what an active thread has begun to fill, which the drain thread leaves to it
  // for some milliseconds.
  size_t drain(bool everything) {
    size_t taken = 0;
    const uint64_t due = everything ? ticks_.now() : ticks_.now() - kLingerTicks;
    while (queue_->front(due) != nullptr) {
      queue_->pop();
      ++taken;
    }
    return taken;
  }

 private:
  static constexpr uint64_t kLingerTicks = 20'000'000;  // some ms, as the pipeline has it

  TickSource ticks_;
  std::unique_ptr<queue::LaneQueue> queue_;
};

}  // namespace forebay::choices
