// The way of a record from the C ABI to its lane. Everything up to the queue is in this file,
// because this is what the application waits for.
#include "collector.h"
#include "model/record_writer.h"
#include "model/site.h"
#include "model/truncate.h"

namespace forebay::engine {
namespace {

using account::EmitName;
using queue::Admission;

// For the C API's last_full(): what the caller may wait for.
[[gnu::noinline]] void remember_full(ThreadBinding& binding, uint32_t lane,
                                     uint64_t size) noexcept {
  const uint64_t largest = binding.incarnation->lanes[lane]->largest_record();
  binding.full_lane = lane;
  binding.full_slots = binding.incarnation->lanes[lane]->credits_for(std::min(size, largest));
}

// What the record's header can count.
constexpr uint32_t kMaxAttributes = 65'535;

// Counts what the queue refused, and gives the caller's answer.
int32_t answer(Admission admission, const account::ThreadCounters& counters, uint32_t lane,
               SeverityClass severity) noexcept {
  switch (admission) {
    case Admission::kAccepted:
      return FOREBAY_ACCEPTED;
    case Admission::kWouldBlock:
      // The caller will come again: this call never was.
      counters.add(lane, EmitName::kEmitted, severity, static_cast<uint64_t>(-1));
      return FOREBAY_WOULD_BLOCK;
    case Admission::kRefusedQueueFull:
      counters.add(lane, EmitName::kRefusedQueueFull, severity);
      return FOREBAY_REFUSED_QUEUE_FULL;
    case Admission::kRefusedBlockTimeout:
      counters.add(lane, EmitName::kRefusedBlockTimeout, severity);
      return FOREBAY_REFUSED_BLOCK_TIMEOUT;
    case Admission::kRefusedShutdown:
      counters.add(lane, EmitName::kRefusedShutdown, severity);
      return FOREBAY_REFUSED_SHUTDOWN;
    case Admission::kDroppedNewest:
      return FOREBAY_DROPPED_QUEUE_FULL_NEWEST;
    case Admission::kDroppedTooLarge:
    case Admission::kDroppedMemory:
      break;
  }
  return FOREBAY_DROPPED_MEMORY;
}

// A record over the limit is cut; an attribute beyond the 65,535th is left out.
[[gnu::noinline]] Admission emit_cut(queue::LaneQueue& lane, uint32_t lane_index,
                                     queue::Producer& producer, const model::RecordInput& input,
                                     uint64_t limit, const TickSource& ticks, uint32_t flags,
                                     const account::ThreadCounters& counters,
                                     account::Ledger& ledger) noexcept try {
  const model::TruncatedRecord cut(input, limit);
  ledger.note(account::NoteName::kTruncatedRecords, 1);
  return lane.emit(producer, cut.input(), static_cast<uint32_t>(model::measure_record(cut.input())),
                   ticks, flags, counters);
} catch (...) {
  counters.add(lane_index, EmitName::kDroppedMemory, severity_class(input.severity));
  return Admission::kDroppedMemory;
}

[[gnu::noinline]] int32_t refuse_reentrant(ThreadBinding& binding, uint32_t lane,
                                           SeverityClass severity) noexcept {
  // The outer call may be between the load and the store of a counter, so its counters are let
  // alone: it counts this one itself when it is done (leave()).
  binding.reentrant[lane][static_cast<size_t>(severity)].fetch_add(1, std::memory_order_relaxed);
  binding.was_reentered.store(true, std::memory_order_relaxed);
  return FOREBAY_REFUSED_REENTRANT;
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

// The end of an emit, after its last count. A signal handler that logs comes before it and is
// refused, or after it and is not: so was_reentered is read last.
void leave(ThreadBinding& binding) noexcept {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  binding.is_inside.store(false, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (binding.was_reentered.load(std::memory_order_relaxed)) [[unlikely]]
    count_reentrant(binding);
}

// A thread that is past its own end, or has no memory for a binding: everything for one record.
[[gnu::noinline]] int32_t emit_unbound(Incarnation& incarnation, uint32_t lane, uint32_t severity) {
  account::Ledger& ledger = incarnation.pipeline->ledger();
  const account::ThreadCounters counters = ledger.lease();
  counters.add(lane, EmitName::kEmitted, severity_class(severity));
  counters.add(lane, EmitName::kDroppedMemory, severity_class(severity));
  ledger.give_back(counters);
  return FOREBAY_DROPPED_MEMORY;
}

// Below the logger's level, and the flight recorder takes it: nothing is counted in the ledger.
[[gnu::noinline]] int32_t record_for_later(ThreadBinding& binding,
                                           const model::RecordInput& input) noexcept {
  // A signal handler that logs while the thread writes into the ring.
  if (binding.is_inside.load(std::memory_order_relaxed)) return FOREBAY_DISABLED;
  binding.is_inside.store(true, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  pipeline::FlightRecorder& recorder = *binding.incarnation->pipeline->recorder();
  if (binding.recorder_writer.producer == nullptr) [[unlikely]] {
    binding.recorder_writer = recorder.attach();
  }
  recorder.record(binding.recorder_writer, input);
  leave(binding);
  return FOREBAY_DISABLED;
}

}  // namespace

int32_t emit(forebay_logger* handle, const forebay_site* opaque_site, const forebay_value* values,
             uint32_t value_count, const forebay_extra* extra, uint32_t flags) noexcept {
  auto& logger = *static_cast<Logger*>(handle);
  const auto* site = reinterpret_cast<const model::Site*>(opaque_site);
  uint32_t severity = site != nullptr ? site->severity : 0;
  if (extra != nullptr && extra->severity != 0) [[unlikely]] {
    severity = extra->severity <= 24 ? extra->severity : 0;
  }
  const uint32_t level = logger.level_word->load(std::memory_order_acquire);
  if (severity < level) [[unlikely]] {
    if (severity != 0) return FOREBAY_DISABLED;
  } else if (level == 0) [[unlikely]] {
    if (const int32_t outcome = Registry::process().bind(logger, severity);
        outcome != FOREBAY_ACCEPTED) {
      return outcome;
    }
  }
  // Read after the level, which says that there is one.
  const LoggerBinding* const bound = logger.binding.load(std::memory_order_acquire);
  Incarnation* const incarnation = bound->incarnation;
  const uint32_t lane = bound->lanes[severity];
  ThreadBinding* binding = current_binding;
  if (binding == nullptr || binding->incarnation != incarnation) [[unlikely]] {
    binding = bind_thread(*incarnation);
    if (binding == nullptr) {
      return lane == admit::kRecorderLane ? FOREBAY_DISABLED
                                          : emit_unbound(*incarnation, lane, severity);
    }
  }
  if (lane == admit::kRecorderLane) [[unlikely]] {
    return record_for_later(*binding, {.site = site,
                                       .values = values,
                                       .value_count = std::min(value_count, model::kMaxKeys + 1),
                                       .extra = extra,
                                       .scope = logger.scope,
                                       .severity = severity,
                                       .flags = model::kRecorded});
  }
  const SeverityClass severity_of = severity_class(severity);
  if (binding->is_inside.load(std::memory_order_relaxed)) [[unlikely]] {
    return refuse_reentrant(*binding, lane, severity_of);
  }
  binding->is_inside.store(true, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);

  const account::ThreadCounters& counters = binding->counters;
  counters.add(lane, EmitName::kEmitted, severity_of);
  Admission admission = Admission::kDroppedMemory;
  uint64_t size = 0;
  if (queue::Producer* producer = binding->producer(lane); producer != nullptr) [[likely]] {
    queue::LaneQueue& queue = *incarnation->lanes[lane];
    if (queue.drops_newest_now(*producer)) {
      counters.add(lane, EmitName::kDroppedQueueFullNewest, severity_of);
      leave(*binding);
      return FOREBAY_DROPPED_QUEUE_FULL_NEWEST;
    }
    if (queue.drops_early_now(*producer)) [[unlikely]] {
      counters.add(lane, EmitName::kDroppedEarlyDrop, severity_of);
      leave(*binding);
      return FOREBAY_DROPPED_EARLY;
    }
    const model::RecordInput input{
        .site = site,
        .values = values,
        .value_count = std::min(value_count, model::kMaxKeys + 1),
        .extra = extra,
        .scope = logger.scope,
        .severity = severity,
        .flags = 0,
    };
    const TickSource& ticks = incarnation->pipeline->ticks();
    size = model::measure_record(input);
    const bool is_too_much = size > incarnation->max_record_bytes ||
                             size > queue.largest_record() ||
                             (extra != nullptr && extra->attribute_count > kMaxAttributes);
    if (is_too_much) [[unlikely]] {
      admission =
          emit_cut(queue, lane, *producer, input,
                   std::min<uint64_t>(incarnation->max_record_bytes, queue.largest_record()), ticks,
                   flags, counters, incarnation->pipeline->ledger());
    } else {
      admission = queue.emit(*producer, input, static_cast<uint32_t>(size), ticks, flags, counters);
    }
  } else {
    counters.add(lane, EmitName::kDroppedMemory, severity_of);
  }
  int32_t outcome = FOREBAY_ACCEPTED;
  if (admission != Admission::kAccepted) [[unlikely]] {
    outcome = answer(admission, counters, lane, severity_of);
    if (outcome == FOREBAY_WOULD_BLOCK || outcome == FOREBAY_REFUSED_QUEUE_FULL) {
      remember_full(*binding, lane, size);
    }
  }
  leave(*binding);
  if (severity >= incarnation->recorder_trigger) [[unlikely]]
    incarnation->pipeline->dump_recorder();
  return outcome;
}

}  // namespace forebay::engine
