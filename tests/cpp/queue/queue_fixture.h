// A lane with its counters, and records that say who wrote them and when.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "account/thread_counters.h"
#include "model/record_writer.h"
#include "queue/lane_queue.h"

namespace forebay::queue {

// Counters of one thread, without a ledger.
struct Counters {
  std::array<std::atomic<uint64_t>, account::kEmitNameSlots * kSeverityClasses> cells{};
  account::ThreadCounters handle{cells.data(), 0, false};

  [[nodiscard]] uint64_t of(account::EmitName name) const {
    uint64_t sum = 0;
    for (size_t c = 0; c < kSeverityClasses; ++c) {
      sum += cells[static_cast<size_t>(name) * kSeverityClasses + c].load();
    }
    return sum;
  }
};

struct Written {
  int64_t thread = 0;
  int64_t number = 0;
  std::string text;
  uint8_t severity = 0;
};

inline constexpr uint64_t kAll = UINT64_MAX / 2;

class TestLane {
 public:
  explicit TestLane(LaneQueueOptions options) : ticks_(&clock_) {
    auto made = LaneQueue::create(options, 0);
    if (made.is_ok()) queue_ = made.take();
  }

  [[nodiscard]] LaneQueue& queue() { return *queue_; }

  Admission emit(Producer& producer, const Counters& counters, int64_t thread, int64_t number,
                 const std::string& text = {}, uint32_t flags = 0, uint8_t severity = 9) {
    std::array<forebay_value, 3> values{};
    values[0].type = FOREBAY_INT64;
    values[0].as.i64 = thread;
    values[1].type = FOREBAY_INT64;
    values[1].as.i64 = number;
    values[2].type = FOREBAY_STRING;
    values[2].size = static_cast<uint32_t>(text.size());
    values[2].as.data = text.data();
    model::RecordInput input;
    input.values = values.data();
    input.value_count = 3;
    input.severity = severity;
    const auto size = static_cast<uint32_t>(model::measure_record(input));
    return queue_->emit(producer, input, size, ticks_, flags, counters.handle);
  }

  // Takes everything that can be had.
  std::vector<Written> drain(uint64_t ticks_due = kAll, size_t most = SIZE_MAX) {
    std::vector<Written> records;
    while (records.size() < most) {
      const uint8_t* record = queue_->front(ticks_due);
      if (record == nullptr) break;
      records.push_back(read(record));
      queue_->pop();
    }
    return records;
  }

  static Written read(const uint8_t* record) {
    model::RecordReader reader(record);
    Written written;
    written.severity = reader.header().severity;
    written.thread = reader.next_value().i64;
    written.number = reader.next_value().i64;
    written.text = std::string(reader.next_value().bytes);
    return written;
  }

 private:
  ManualClock clock_;
  TickSource ticks_;
  std::unique_ptr<LaneQueue> queue_;
};

inline LaneQueueOptions options_of(uint32_t slots, FullAction::Kind kind,
                                   std::optional<Duration> timeout = {}) {
  LaneQueueOptions options;
  options.slots = slots;
  options.on_full = {FullAction{.kind = kind, .timeout = timeout, .on_event_loop = false}};
  return options;
}

}  // namespace forebay::queue
