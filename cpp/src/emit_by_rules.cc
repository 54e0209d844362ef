// The way of a record past the rules of admission: decided before anything is copied.
#include "emit_steps.h"

namespace forebay::engine {
namespace {

using account::EmitName;
using admit::Permit;
using admit::ThreadGate;
using queue::Admission;

// Room for a weight is in what a record has besides its site and values.
constexpr forebay_extra kNothingElse = [] {
  forebay_extra extra{};
  extra.struct_size = sizeof extra;
  return extra;
}();

// What the weight of a record becomes, once the queue has answered.
void settle(const Permit& permit, Admission admission, const account::ThreadCounters& counters,
            uint32_t lane, SeverityClass severity) noexcept {
  if (admission == Admission::kWouldBlock) {
    ThreadGate::undo(permit);
    return;
  }
  if (permit.weight == 1) return;
  if (admission != Admission::kAccepted && permit.counts()) {
    ThreadGate::lost(permit);  // the next one stands for them
    return;
  }
  counters.add(lane, EmitName::kExcessQueued, severity, permit.weight - 1);
  if (admission != Admission::kAccepted) {
    counters.add(lane, EmitName::kExcessEvicted, severity, permit.weight - 1);
  }
}

// Counts a record that a rule let go, and gives the caller's answer.
int32_t let_go(const Permit& permit, const account::ThreadCounters& counters, uint32_t lane,
               SeverityClass severity) noexcept {
  if (permit.answer == Permit::Answer::kSampledOut) {
    counters.add(lane, EmitName::kSampledOut, severity);
    return FOREBAY_SAMPLED_OUT;
  }
  counters.add(lane, EmitName::kRateLimited, severity);
  // A counting rule's weight waits already; what a trace's stood for is lost with it.
  if (permit.weight != 1 && !permit.counts()) {
    counters.add(lane, EmitName::kExcessQueued, severity, permit.weight - 1);
    counters.add(lane, EmitName::kExcessEvicted, severity, permit.weight - 1);
  }
  return FOREBAY_RATE_LIMITED;
}

// The record with its weight, given to the queue.
[[gnu::noinline]] Admission offer_weighted(const Incarnation& incarnation, queue::LaneQueue& queue,
                                           uint32_t lane, queue::Producer& producer,
                                           model::RecordInput input, uint64_t weight,
                                           uint64_t& size, uint32_t flags,
                                           const account::ThreadCounters& counters) noexcept {
  input.weight = weight;
  if (input.extra == nullptr) input.extra = &kNothingElse;
  size = model::measure_record(input);
  return to_queue(incarnation, queue, lane, producer, input, size, flags, counters);
}

}  // namespace

int32_t emit_by_rules(ThreadBinding& binding, const LoggerBinding& bound,
                      const model::RecordInput& input, uint32_t flags) noexcept {
  const Incarnation& incarnation = *bound.incarnation;
  const SeverityClass severity = severity_class(input.severity);
  const account::ThreadCounters& counters = binding.counters;
  uint32_t lane = bound.rules.lanes[input.severity];
  Permit permit;
  // Without memory for the rules the record is let in.
  if (ThreadGate* gate = binding.gate(); gate != nullptr) [[likely]] {
    if (const admit::SiteRules* rules = gate->rules_for(bound.rules, input); rules != nullptr)
        [[likely]] {
      const admit::SiteRules::Lane& chosen = ThreadGate::lane_of(*rules, input);
      lane = chosen.lane;
      permit = gate->ask(*rules, chosen, input);
    }
  }
  counters.add(lane, EmitName::kEmitted, severity);
  int32_t outcome = FOREBAY_ACCEPTED;
  if (permit.answer != Permit::Answer::kAdmitted) {
    outcome = let_go(permit, counters, lane, severity);
    leave(binding);
    return outcome;
  }
  Admission admission = Admission::kDroppedMemory;
  uint64_t size = 0;
  if (queue::Producer* producer = binding.producer(lane); producer != nullptr) [[likely]] {
    queue::LaneQueue& queue = *incarnation.lanes[lane];
    if (queue.drops_newest_now(*producer)) {
      counters.add(lane, EmitName::kDroppedQueueFullNewest, severity);
      admission = Admission::kDroppedNewest;
    } else if (queue.drops_early_now(*producer)) [[unlikely]] {
      counters.add(lane, EmitName::kDroppedEarlyDrop, severity);
      admission = Admission::kDroppedEarly;
    } else if (permit.weight != 1) {
      admission = offer_weighted(incarnation, queue, lane, *producer, input, permit.weight, size,
                                 flags, counters);
    } else {
      size = model::measure_record(input);
      admission = to_queue(incarnation, queue, lane, *producer, input, size, flags, counters);
    }
  } else {
    counters.add(lane, EmitName::kDroppedMemory, severity);
  }
  if (permit.weight != 1 || admission == Admission::kWouldBlock) [[unlikely]]
    settle(permit, admission, counters, lane, severity);
  if (admission != Admission::kAccepted) [[unlikely]]
    outcome = answer(admission, binding, lane, severity, size);
  leave(binding);
  return outcome;
}

}  // namespace forebay::engine
