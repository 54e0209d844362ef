// The way of a record past the rules of admission: decided before anything is copied.
#include "emit_steps.h"
#include "redacted.h"

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
void lose_weight(Permit permit, const account::ThreadCounters& counters, uint32_t lane,
                 SeverityClass severity) noexcept {
  if (permit.counts()) {
    ThreadGate::lost(permit);
  } else {
    counters.add(lane, EmitName::kExcessQueued, severity, permit.weight - 1);
    counters.add(lane, EmitName::kExcessEvicted, severity, permit.weight - 1);
  }
}

// The rest of the way of a record that its rules have judged.
[[gnu::always_inline]] inline int32_t emit_judged(ThreadBinding& binding, uint32_t lane,
                                                  model::RecordInput& input, uint32_t flags,
                                                  const Permit& permit) noexcept {
  const account::ThreadCounters& counters = binding.counters;
  const SeverityClass severity = severity_class(input.severity);
  counters.add(lane, EmitName::kEmitted, severity);
  if (permit.answer != Permit::Answer::kAdmitted) [[unlikely]] {
    int32_t outcome = FOREBAY_SAMPLED_OUT;
    if (permit.answer == Permit::Answer::kSampledOut) {
      counters.add(lane, EmitName::kSampledOut, severity);
    } else {
      counters.add(lane, EmitName::kRateLimited, severity);
      // Of a counting rule it waits already.
      if (permit.weight != 1 && !permit.counts()) lose_weight(permit, counters, lane, severity);
      outcome = FOREBAY_RATE_LIMITED;
    }
    return finish(binding, input.severity, outcome);
  }
  Admission admission = Admission::kDroppedMemory;
  uint64_t size = 0;
  if (binding.producer(lane) != nullptr) [[likely]] {
    const ThreadBinding::LaneEnd& end = binding.ends[lane];
    if (end.queue->drops_newest_now(*end.producer)) {
      counters.add(lane, EmitName::kDroppedQueueFullNewest, severity);
      admission = Admission::kDroppedNewest;
    } else if (end.queue->drops_early_now(*end.producer)) [[unlikely]] {
      counters.add(lane, EmitName::kDroppedEarlyDrop, severity);
      admission = Admission::kDroppedEarly;
    } else {
      input.weight = permit.weight;
      if (permit.weight != 1 && input.extra == nullptr) input.extra = &kNothingElse;
      size = model::measure_record(input);
      admission = to_queue(binding, end, input, size, flags);
    }
  } else {
    counters.add(lane, EmitName::kDroppedMemory, severity);
  }
  if (admission == Admission::kAccepted) [[likely]] {
    if (permit.weight != 1) {
      counters.add(lane, EmitName::kExcessQueued, severity, permit.weight - 1);
    }
    return finish(binding, input.severity, FOREBAY_ACCEPTED);
  }
  if (admission == Admission::kWouldBlock) {
    ThreadGate::undo(permit);
  } else if (permit.weight != 1) {
    lose_weight(permit, counters, lane, severity);
  }
  return finish(binding, input.severity, answer(admission, binding, lane, severity, size));
}

// Any rules: lanes by attribute, sampling, limits.
[[gnu::noinline]] int32_t emit_by_any_rules(ThreadBinding& binding, const LoggerBinding& bound,
                                            const model::Site* site, const forebay_value* values,
                                            Course course, const forebay_extra* extra) noexcept {
  model::RecordInput input = input_of(site, values, course, extra, severity_of(site, extra));
  ThreadGate* const gate = binding.gate();
  const admit::SiteRules* const rules =
      gate != nullptr ? gate->rules_for(bound.rules, input) : nullptr;
  Permit permit;
  uint32_t lane = bound.rules.lanes[input.severity];
  // Without memory for the rules the record is let in.
  if (rules != nullptr) [[likely]] {
    const admit::SiteRules::Lane& its = ThreadGate::lane_of(*rules, input);
    lane = its.lane;
    gate->ask(*rules, its, input, permit);
  }
  return emit_judged(binding, lane, input, course.flags(), permit);
}

[[gnu::always_inline]] inline int32_t emit_written(ThreadBinding& binding,
                                                   const LoggerBinding& bound,
                                                   const model::Site* site,
                                                   const forebay_value* values, Course course,
                                                   const forebay_extra* extra) noexcept {
  model::RecordInput input = input_of(site, values, course, extra, severity_of(site, extra));
  const ThreadGate* const gate = binding.thread_gate;
  Permit permit;
  if (gate == nullptr || !gate->ask_quickly(bound.rules, input, permit)) {
    return emit_by_any_rules(binding, bound, site, values, course, extra);
  }
  return emit_judged(binding, bound.rules.lanes[input.severity], input, course.flags(), permit);
}

// The rules see what may be written down: what they match by is told to others, in summaries.
[[gnu::noinline]] int32_t emit_redacted(ThreadBinding& binding, const LoggerBinding& bound,
                                        const model::Site* site, const forebay_value* values,
                                        Course course, const forebay_extra* extra) noexcept {
  std::optional<Redacted> redacted;
  if (!redact(binding, site, values, course, extra, redacted)) {
    const uint32_t severity = severity_of(site, extra);
    const uint32_t lane = bound.rules.lanes[severity];
    binding.counters.add(lane, EmitName::kEmitted, severity_class(severity));
    binding.counters.add(lane, EmitName::kDroppedMemory, severity_class(severity));
    return finish(binding, severity, FOREBAY_DROPPED_MEMORY);
  }
  return emit_written(binding, bound, site, redacted ? redacted->values() : values, course,
                      redacted ? redacted->extra() : extra);
}

}  // namespace

int32_t emit_by_rules(ThreadBinding& binding, const LoggerBinding& bound, const model::Site* site,
                      const forebay_value* values, Course course,
                      const forebay_extra* extra) noexcept {
  if (may_be_redacted(site, course, extra)) [[unlikely]] {
    return emit_redacted(binding, bound, site, values, course, extra);
  }
  return emit_written(binding, bound, site, values, course, extra);
}

}  // namespace forebay::engine
