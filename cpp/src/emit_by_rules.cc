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

// The weight that is lost with a record which the queue did not take. A counting rule's waits for
// the next record; a trace's has no other record that could stand for it.
void lose_weight(const Permit& permit, const account::ThreadCounters& counters, uint32_t lane,
                 SeverityClass severity) noexcept {
  if (permit.counts()) {
    ThreadGate::lost(permit);
  } else {
    counters.add(lane, EmitName::kExcessQueued, severity, permit.weight - 1);
    counters.add(lane, EmitName::kExcessEvicted, severity, permit.weight - 1);
  }
}

}  // namespace

Decision decide(ThreadBinding& binding, const LoggerBinding& bound, const model::Site* site,
                const forebay_value* values, uint64_t count_and_severity,
                const forebay_extra* extra) noexcept {
  const auto severity = static_cast<uint32_t>(count_and_severity);
  const model::RecordInput record{.site = site,
                                  .values = values,
                                  .value_count = static_cast<uint32_t>(count_and_severity >> 32),
                                  .extra = extra,
                                  .scope = bound.rules.scope,
                                  .severity = severity};
  ThreadGate* const gate = binding.gate();
  const admit::SiteRules* const rules =
      gate != nullptr ? gate->rules_for(bound.rules, record) : nullptr;
  Permit& permit = binding.permit;
  permit = Permit{};
  // Without memory for the rules the record is let in.
  if (rules == nullptr) [[unlikely]]
    return {bound.rules.lanes[severity], Verdict::kGoesOn};
  const admit::SiteRules::Lane& lane = ThreadGate::lane_of(*rules, record);
  gate->ask(*rules, lane, record, permit);
  const Verdict verdict = permit.answer != Permit::Answer::kAdmitted ? Verdict::kSuppressed
                          : permit.weight != 1                       ? Verdict::kWeighted
                                                                     : Verdict::kGoesOn;
  return {static_cast<uint8_t>(lane.lane), verdict};
}

int32_t suppress(ThreadBinding& binding, uint32_t lane, SeverityClass severity) noexcept {
  const Permit& permit = binding.permit;
  const account::ThreadCounters& counters = binding.counters;
  counters.add(lane, EmitName::kEmitted, severity);
  int32_t outcome = FOREBAY_SAMPLED_OUT;
  if (permit.answer == Permit::Answer::kSampledOut) {
    counters.add(lane, EmitName::kSampledOut, severity);
  } else {
    counters.add(lane, EmitName::kRateLimited, severity);
    // Of a counting rule it waits already.
    if (permit.weight != 1 && !permit.counts()) lose_weight(permit, counters, lane, severity);
    outcome = FOREBAY_RATE_LIMITED;
  }
  leave(binding);
  return outcome;
}

void not_taken(ThreadBinding& binding, Admission admission) noexcept {
  if (admission == Admission::kWouldBlock) ThreadGate::undo(binding.permit);
}

int32_t emit_weighted(ThreadBinding& binding, const LoggerBinding& bound, uint32_t lane,
                      const model::RecordInput& input, uint32_t flags) noexcept {
  const Incarnation& incarnation = *bound.incarnation;
  const SeverityClass severity = severity_class(input.severity);
  const account::ThreadCounters& counters = binding.counters;
  const Permit permit = binding.permit;
  model::RecordInput weighted = input;
  weighted.weight = permit.weight;
  if (weighted.extra == nullptr) weighted.extra = &kNothingElse;
  counters.add(lane, EmitName::kEmitted, severity);
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
    } else {
      size = model::measure_record(weighted);
      admission = to_queue(incarnation, queue, lane, *producer, weighted, size, flags, counters);
    }
  } else {
    counters.add(lane, EmitName::kDroppedMemory, severity);
  }
  int32_t outcome = FOREBAY_ACCEPTED;
  if (admission == Admission::kAccepted) {
    counters.add(lane, EmitName::kExcessQueued, severity, permit.weight - 1);
  } else {
    if (admission == Admission::kWouldBlock) {
      ThreadGate::undo(permit);
    } else {
      lose_weight(permit, counters, lane, severity);
    }
    outcome = answer(admission, binding, lane, severity, size);
  }
  leave(binding);
  return outcome;
}

}  // namespace forebay::engine
