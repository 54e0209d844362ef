#include "emit_steps.h"

#include "model/truncate.h"

namespace forebay::engine {

using account::EmitName;
using queue::Admission;

namespace {

// For the C API's last_full(): what the caller may wait for.
void remember_full(ThreadBinding& binding, uint32_t lane, uint64_t size) noexcept {
  const uint64_t largest = binding.incarnation->lanes[lane]->largest_record();
  binding.full_lane = lane;
  binding.full_slots = binding.incarnation->lanes[lane]->credits_for(std::min(size, largest));
}

}  // namespace

int32_t answer(Admission admission, ThreadBinding& binding, uint32_t lane, SeverityClass severity,
               uint64_t size) noexcept {
  const account::ThreadCounters& counters = binding.counters;
  switch (admission) {
    case Admission::kAccepted:
      return FOREBAY_ACCEPTED;
    case Admission::kWouldBlock:
      // The caller will come again: this call never was.
      counters.add(lane, EmitName::kEmitted, severity, static_cast<uint64_t>(-1));
      remember_full(binding, lane, size);
      return FOREBAY_WOULD_BLOCK;
    case Admission::kRefusedQueueFull:
      counters.add(lane, EmitName::kRefusedQueueFull, severity);
      remember_full(binding, lane, size);
      return FOREBAY_REFUSED_QUEUE_FULL;
    case Admission::kRefusedBlockTimeout:
      counters.add(lane, EmitName::kRefusedBlockTimeout, severity);
      return FOREBAY_REFUSED_BLOCK_TIMEOUT;
    case Admission::kRefusedShutdown:
      counters.add(lane, EmitName::kRefusedShutdown, severity);
      return FOREBAY_REFUSED_SHUTDOWN;
    case Admission::kDroppedNewest:
      return FOREBAY_DROPPED_QUEUE_FULL_NEWEST;
    case Admission::kDroppedEarly:
      return FOREBAY_DROPPED_EARLY;
    case Admission::kDroppedTooLarge:
    case Admission::kDroppedMemory:
      break;
  }
  return FOREBAY_DROPPED_MEMORY;
}

[[gnu::noinline]] Admission emit_cut(ThreadBinding& binding, const ThreadBinding::LaneEnd& end,
                                     const model::RecordInput& input, uint32_t flags) noexcept try {
  const model::TruncatedRecord cut(input, end.largest_record);
  const uint64_t size = model::measure_record(cut.input());
  const Admission admission =
      end.queue->emit(*end.producer, cut.input(), static_cast<uint32_t>(size), *binding.ticks,
                      flags, binding.counters);
  // Else the caller comes again with it.
  if (admission != Admission::kWouldBlock) {
    binding.incarnation->pipeline->ledger().note(account::NoteName::kTruncatedRecords, 1);
  }
  return admission;
} catch (...) {
  binding.counters.add(end.queue->lane(), EmitName::kDroppedMemory, severity_class(input.severity));
  return Admission::kDroppedMemory;
}

[[gnu::noinline]] void count_reentrant(ThreadBinding& binding) noexcept {
  do {
    binding.is_inside.store(true, std::memory_order_relaxed);
    binding.was_reentered.store(false, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    for (uint32_t lane = 0; lane < binding.incarnation->lanes.size(); ++lane) {
      for (size_t c = 0; c < kSeverityClasses; ++c) {
        const uint32_t records = binding.reentrant[lane][c].exchange(0, std::memory_order_relaxed);
        if (records == 0) continue;
        const auto severity = static_cast<SeverityClass>(c);
        binding.counters.add(lane, EmitName::kEmitted, severity, records);
        binding.counters.add(lane, EmitName::kRefusedReentrant, severity, records);
      }
    }
    std::atomic_signal_fence(std::memory_order_seq_cst);
    binding.is_inside.store(false, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } while (binding.was_reentered.load(std::memory_order_relaxed));
}

int32_t finish_slowly(ThreadBinding& binding, uint32_t severity, int32_t outcome) noexcept {
  if (binding.was_reentered.load(std::memory_order_relaxed)) count_reentrant(binding);
  if (severity >= binding.recorder_trigger) binding.incarnation->pipeline->dump_recorder();
  return outcome;
}

}  // namespace forebay::engine
