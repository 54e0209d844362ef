// What a thread gets of a lane that others have filled, with drop_oldest: decision 005.
//
// One thread fills the lane and goes idle; another comes late and emits ten lanes' worth. Then the
// survivors are counted by thread.
#include <array>
#include <atomic>
#include <cstdio>
#include <thread>

#include "candidates.h"

namespace forebay::choices {
namespace {

struct Thread {
  std::array<std::atomic<uint64_t>, account::kEmitNameSlots * kSeverityClasses> cells{};
  account::ThreadCounters counters{cells.data(), 0, false};
};

void measure(uint32_t slots) {
  queue::LaneQueueOptions options;
  options.slots = slots;
  options.on_full = {queue::FullAction{.kind = queue::FullAction::Kind::kDropOldest}};
  const auto lane = queue::LaneQueue::create(options, 0).take();
  const TickSource ticks;
  queue::Producer* const early = lane->attach();
  queue::Producer* const late = lane->attach();
  const auto emit = [&](queue::Producer* producer, uint32_t records, int64_t mark) {
    std::thread([&] {
      Thread thread;
      Record record;
      for (uint32_t i = 0; i < records; ++i) {
        const model::RecordInput& input = record.numbered(mark);
        (void)lane->emit(*producer, input, static_cast<uint32_t>(model::measure_record(input)),
                         ticks, 0, thread.counters);
      }
    }).join();
  };
  emit(early, slots, 1);
  emit(late, slots * 10, 2);
  std::array<uint64_t, 3> survivors{};
  while (const uint8_t* bytes = lane->front(ticks.now())) {
    model::RecordReader reader(bytes);
    (void)reader.next_value();  // route
    ++survivors[static_cast<size_t>(reader.next_value().i64)];
    lane->pop();
  }
  std::printf("%6u slots: %5lu records of the thread that went idle, %5lu of the late one\n", slots,
              survivors[1], survivors[2]);
  lane->detach(early);
  lane->detach(late);
}

}  // namespace
}  // namespace forebay::choices

int main() {
  for (const uint32_t slots : {1'024u, 4'096u, 65'536u}) forebay::choices::measure(slots);
}
