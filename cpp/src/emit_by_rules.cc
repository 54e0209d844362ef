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

[[gnu::always_inline]] inline int32_t leave_out(ThreadBinding& binding, uint32_t lane,
                                                uint32_t severity_number,
                                                const Permit& permit) noexcept {
  const account::ThreadCounters& counters = binding.counters;
  const SeverityClass severity = severity_class(severity_number);
  counters.add(lane, EmitName::kEmitted, severity);
  if (permit.answer == Permit::Answer::kSampledOut) {
    counters.add(lane, EmitName::kSampledOut, severity);
    return finish(binding, severity_number, FOREBAY_SAMPLED_OUT);
  }
  counters.add(lane, EmitName::kRateLimited, severity);
  // Of a counting rule it waits already.
  if (permit.weight != 1 && !permit.counts()) lose_weight(permit, counters, lane, severity);
  return finish(binding, severity_number, FOREBAY_RATE_LIMITED);
}

// It was not, after all: the caller will come again with it.
[[gnu::noinline]] void undo(ThreadBinding& binding, const Permit& permit) noexcept {
  enter(binding);
  ThreadGate::undo(permit);
  leave(binding);
}

// A record that stands for more than itself.
[[gnu::noinline]] int32_t emit_weighted(ThreadBinding& binding, uint32_t lane,
                                        model::RecordInput& input, uint32_t flags,
                                        const Permit& permit) noexcept {
  const account::ThreadCounters& counters = binding.counters;
  const SeverityClass severity = severity_class(input.severity);
  counters.add(lane, EmitName::kEmitted, severity);
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
      if (input.extra == nullptr) input.extra = &kNothingElse;
      size = model::measure_record(input);
      admission = to_queue(binding, end, input, size, flags);
    }
  } else {
    counters.add(lane, EmitName::kDroppedMemory, severity);
  }
  if (admission == Admission::kAccepted) [[likely]] {
    counters.add(lane, EmitName::kExcessQueued, severity, permit.weight - 1);
    return finish(binding, input.severity, FOREBAY_ACCEPTED);
  }
  if (admission == Admission::kWouldBlock) {
    ThreadGate::undo(permit);
  } else {
    lose_weight(permit, counters, lane, severity);
  }
  return finish(binding, input.severity, answer(admission, binding, lane, severity, size));
}

// Any rules: lanes by attribute, sampling, limits.
[[gnu::always_inline]] inline int32_t emit_asked(ThreadBinding& binding, const LoggerBinding& bound,
                                                 const model::Site* site,
                                                 const forebay_value* values, Course course,
                                                 const forebay_extra* extra) noexcept {
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
  if (permit.answer != Permit::Answer::kAdmitted) {
    return leave_out(binding, lane, input.severity, permit);
  }
  if (permit.weight != 1) return emit_weighted(binding, lane, input, course.flags(), permit);
  const int32_t outcome = emit_admitted(binding, lane, site, values, course, extra);
  if (outcome == FOREBAY_WOULD_BLOCK) undo(binding, permit);
  return outcome;
}

// They see what may be written down: what they match by is told to others, in summaries.
[[gnu::noinline]] int32_t emit_asked_redacted(ThreadBinding& binding, const LoggerBinding& bound,
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
  return emit_asked(binding, bound, site, redacted ? redacted->values() : values, course.cleared(),
                    redacted ? redacted->extra() : extra);
}

[[gnu::noinline]] int32_t emit_by_any_rules(ThreadBinding& binding, const LoggerBinding& bound,
                                            const model::Site* site, const forebay_value* values,
                                            Course course, const forebay_extra* extra) noexcept {
  if (may_be_redacted(binding, site, course, extra)) [[unlikely]] {
    return emit_asked_redacted(binding, bound, site, values, course, extra);
  }
  return emit_asked(binding, bound, site, values, course, extra);
}

}  // namespace

int32_t emit_by_rules(ThreadBinding& binding, const LoggerBinding& bound, const model::Site* site,
                      const forebay_value* values, Course course,
                      const forebay_extra* extra) noexcept {
  const uint32_t severity = severity_of(site, extra);
  const ThreadGate* const gate = binding.thread_gate;
  if (gate == nullptr) [[unlikely]] {
    return emit_by_any_rules(binding, bound, site, values, course, extra);
  }
  const admit::QuickPermit quick =
      gate->ask_quickly(bound.rules, input_of(site, values, course, extra, severity));
  if (!quick.is_admitted()) {
    return emit_by_any_rules(binding, bound, site, values, course, extra);
  }
  const uint32_t lane = bound.rules.lanes[severity];
  if (!quick.is_free()) {
    binding.quick_permit = quick;
    course = course.with_quick_permit();
  }
  return emit_admitted(binding, lane, site, values, course, extra);
}

}  // namespace forebay::engine
