// The way of a record from the C ABI to its lane. Everything up to the queue is in one function,
// because this is what the application waits for.
#include "collector.h"
#include "emit_steps.h"
#include "model/site.h"

namespace forebay::engine {
namespace {

using account::EmitName;
using queue::Admission;

[[gnu::noinline]] int32_t refuse_reentrant(ThreadBinding& binding, uint32_t lane,
                                           SeverityClass severity) noexcept {
  // The outer call may be between the load and the store of a counter, so its counters are let
  // alone: it counts this one itself when it is done (leave()).
  binding.reentrant[lane][static_cast<size_t>(severity)].fetch_add(1, std::memory_order_relaxed);
  binding.was_reentered.store(true, std::memory_order_relaxed);
  return FOREBAY_REFUSED_REENTRANT;
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
  uint32_t lane = bound->rules.lanes[severity];
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

  const model::RecordInput input{
      .site = site,
      .values = values,
      .value_count = std::min(value_count, model::kMaxKeys + 1),
      .extra = extra,
      .scope = logger.scope,
      .severity = severity,
      .flags = 0,
  };
  const bool has_rules = bound->rules.has_rules[severity];
  if (has_rules) [[unlikely]] {
    const Decision decision =
        decide(*binding, *bound, site, values, uint64_t{input.value_count} << 32 | severity, extra);
    lane = decision.lane;
    if (decision.verdict != Verdict::kGoesOn) {
      const int32_t outcome = decision.verdict == Verdict::kSuppressed
                                  ? suppress(*binding, lane, severity_of)
                                  : emit_weighted(*binding, *bound, lane, input, flags);
      if (severity >= incarnation->recorder_trigger) incarnation->pipeline->dump_recorder();
      return outcome;
    }
  }
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
    size = model::measure_record(input);
    admission = to_queue(*incarnation, queue, lane, *producer, input, size, flags, counters);
  } else {
    counters.add(lane, EmitName::kDroppedMemory, severity_of);
  }
  int32_t outcome = FOREBAY_ACCEPTED;
  if (admission != Admission::kAccepted) [[unlikely]] {
    if (has_rules) not_taken(*binding, admission);
    outcome = answer(admission, *binding, lane, severity_of, size);
  }
  leave(*binding);
  if (severity >= incarnation->recorder_trigger) [[unlikely]]
    incarnation->pipeline->dump_recorder();
  return outcome;
}

}  // namespace forebay::engine
