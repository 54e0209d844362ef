// The way of a record from the C ABI to its lane: what the application waits for.
//
// It is cut in two. emit() decides whether the record goes to the queue at all, and needs no more
// registers than a call has anyway, so that a record which is refused costs no saved ones; the rest
// is a function to itself, jumped to at the end of the first.
#include "collector.h"
#include "emit_steps.h"
#include "model/site.h"
#include "redacted.h"

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
  if (lane == admit::kRecorderLane) return FOREBAY_DISABLED;
  account::Ledger& ledger = incarnation.pipeline->ledger();
  const account::ThreadCounters counters = ledger.lease();
  counters.add(lane, EmitName::kEmitted, severity_class(severity));
  counters.add(lane, EmitName::kDroppedMemory, severity_class(severity));
  ledger.give_back(counters);
  return FOREBAY_DROPPED_MEMORY;
}

[[gnu::always_inline]] inline void record(ThreadBinding& binding,
                                          pipeline::FlightRecorder& recorder,
                                          const model::Site* site, const forebay_value* values,
                                          Course course, const forebay_extra* extra) noexcept {
  model::RecordInput input = input_of(site, values, course, extra, severity_of(site, extra));
  input.flags = model::kRecorded;
  recorder.record(binding.recorder_writer, input);
}

// Below the logger's level, and the flight recorder takes it: nothing is counted in the ledger.
[[gnu::noinline]] int32_t record_for_later(ThreadBinding& binding, const model::Site* site,
                                           const forebay_value* values, Course course,
                                           const forebay_extra* extra) noexcept {
  // A signal handler that logs while the thread writes into the ring.
  if (binding.is_inside.load(std::memory_order_relaxed)) return FOREBAY_DISABLED;
  enter(binding);
  pipeline::FlightRecorder& recorder = *binding.incarnation->pipeline->recorder();
  if (binding.recorder_writer.producer == nullptr) [[unlikely]] {
    binding.recorder_writer = recorder.attach();
  }
  if (may_be_redacted(binding, site, course, extra)) [[unlikely]] {
    std::optional<Redacted> redacted;
    if (redact(binding, site, values, course, extra, redacted)) {
      record(binding, recorder, site, redacted ? redacted->values() : values, course,
             redacted ? redacted->extra() : extra);
    }
  } else {
    record(binding, recorder, site, values, course, extra);
  }
  leave(binding);
  return FOREBAY_DISABLED;
}

// Into the queue, as it is.
[[gnu::always_inline]] inline int32_t write(
    ThreadBinding& binding, const ThreadBinding::LaneEnd& end, const model::Site* site,
    const forebay_value* values, Course course, const forebay_extra* extra,
    const model::BoundAttributes* only_bound = nullptr) noexcept {
  const uint32_t severity = severity_of(site, extra);
  const model::RecordInput input = input_of(site, values, course, extra, severity, only_bound);
  const uint64_t size = model::measure_record(input);
  const Admission admission = to_queue(binding, end, input, size, course.flags());
  int32_t outcome = FOREBAY_ACCEPTED;
  if (admission != Admission::kAccepted) [[unlikely]] {
    outcome = answer(admission, binding, end.queue->lane(), severity_class(severity), size);
    if (admission == Admission::kWouldBlock && course.has_quick_permit()) {
      admit::ThreadGate::undo(binding.quick_permit.permit());
    }
  }
  return finish(binding, severity, outcome);
}

[[gnu::noinline]] int32_t write_redacted(ThreadBinding& binding, const ThreadBinding::LaneEnd& end,
                                         const model::Site* site, const forebay_value* values,
                                         Course course, const forebay_extra* extra) noexcept {
  const uint32_t severity = severity_of(site, extra);
  std::optional<Redacted> redacted;
  if (!redact(binding, site, values, course, extra, redacted)) {
    binding.counters.add(end.queue->lane(), EmitName::kDroppedMemory, severity_class(severity));
    return finish(binding, severity, FOREBAY_DROPPED_MEMORY);
  }
  return write(binding, end, site, redacted ? redacted->values() : values, course,
               redacted ? redacted->extra() : extra);
}

// As it is, if no rule is about it.
[[gnu::noinline]] int32_t look_and_write(ThreadBinding& binding, const ThreadBinding::LaneEnd& end,
                                         const model::Site* site, const forebay_value* values,
                                         Course course, const forebay_extra* extra) noexcept {
  if (must_redact(binding, site, values, course, extra)) [[unlikely]] {
    return write_redacted(binding, end, site, values, course, extra);
  }
  return write(binding, end, site, values, course, extra);
}

// To the queue. The gate has found no reason against it.
[[gnu::noinline]] int32_t emit_plain(ThreadBinding& binding, const ThreadBinding::LaneEnd& end,
                                     const model::Site* site, const forebay_value* values,
                                     Course course) noexcept {
  if (may_be_redacted(binding, site, course, nullptr)) [[unlikely]] {
    return look_and_write(binding, end, site, values, course, nullptr);
  }
  return write(binding, end, site, values, course, nullptr);
}

// The same for a record that has more than its site and values.
[[gnu::noinline]] int32_t emit_with_extra(ThreadBinding& binding, const ThreadBinding::LaneEnd& end,
                                          const model::Site* site, const forebay_value* values,
                                          Course course, const forebay_extra* extra) noexcept {
  const model::BoundAttributes* const only_bound = model::only_bound_in(*extra);
  const bool is_clear =
      only_bound != nullptr ? is_cleared(binding, *only_bound) : is_cleared(binding, *extra);
  if (!is_clear || may_be_redacted(binding, site, course, nullptr)) [[unlikely]] {
    return look_and_write(binding, end, site, values, course, extra);
  }
  return write(binding, end, site, values, course, extra, only_bound);
}

[[gnu::always_inline]] inline int32_t emit_any(ThreadBinding& binding,
                                               const ThreadBinding::LaneEnd& end,
                                               const model::Site* site, const forebay_value* values,
                                               Course course, const forebay_extra* extra) noexcept {
  if (extra != nullptr) [[unlikely]] {
    return emit_with_extra(binding, end, site, values, course, extra);
  }
  return emit_plain(binding, end, site, values, course);
}

// The thread's first record for that lane.
[[gnu::noinline]] int32_t emit_attached(ThreadBinding& binding, const ThreadBinding::LaneEnd& end,
                                        const model::Site* site, const forebay_value* values,
                                        Course course, const forebay_extra* extra) noexcept {
  const uint32_t lane = end.queue->lane();
  if (binding.producer(lane) != nullptr) {
    return emit_any(binding, end, site, values, course, extra);
  }
  const uint32_t severity = severity_of(site, extra);
  binding.counters.add(lane, EmitName::kDroppedMemory, severity_class(severity));
  return finish(binding, severity, FOREBAY_DROPPED_MEMORY);
}

// The lane fills: the record may be dropped early.
[[gnu::noinline]] int32_t emit_unless_early(ThreadBinding& binding,
                                            const ThreadBinding::LaneEnd& end,
                                            const model::Site* site, const forebay_value* values,
                                            Course course, const forebay_extra* extra) noexcept {
  if (end.queue->drops_early(*end.producer)) {
    const uint32_t severity = severity_of(site, extra);
    binding.counters.add(end.queue->lane(), EmitName::kDroppedEarlyDrop, severity_class(severity));
    return finish(binding, severity, FOREBAY_DROPPED_EARLY);
  }
  return emit_any(binding, end, site, values, course, extra);
}

// The way of a record that no rule is against.
[[gnu::always_inline]] inline int32_t emit_to(ThreadBinding& binding, uint32_t lane,
                                              uint32_t severity, const model::Site* site,
                                              const forebay_value* values, Course course,
                                              const forebay_extra* extra) noexcept {
  binding.counters.add(lane, EmitName::kEmitted, severity_class(severity));
  const ThreadBinding::LaneEnd& end = binding.ends[lane];
  if (end.producer == nullptr) [[unlikely]] {
    return emit_attached(binding, end, site, values, course, extra);
  }
  if (end.queue->drops_newest_now(*end.producer)) {
    binding.counters.add(lane, EmitName::kDroppedQueueFullNewest, severity_class(severity));
    return finish(binding, severity, FOREBAY_DROPPED_QUEUE_FULL_NEWEST);
  }
  if (end.queue->may_drop_early()) [[unlikely]] {
    return emit_unless_early(binding, end, site, values, course, extra);
  }
  return emit_any(binding, end, site, values, course, extra);
}

// The gate, once it is known who emits where.
[[gnu::always_inline]] inline int32_t pass_gate(ThreadBinding& binding, const LoggerBinding& bound,
                                                const model::Site* site,
                                                const forebay_value* values, uint32_t value_count,
                                                const forebay_extra* extra, uint32_t flags,
                                                uint32_t severity) noexcept {
  const uint32_t lane = bound.rules.lanes[severity];
  const Course course(bound.rules.scope, flags, value_count);
  if (lane == admit::kRecorderLane) [[unlikely]] {
    return record_for_later(binding, site, values, course, extra);
  }
  if (binding.is_inside.load(std::memory_order_relaxed)) [[unlikely]] {
    return refuse_reentrant(binding, lane, severity_class(severity));
  }
  enter(binding);
  if (bound.rules.has_rules[severity]) [[unlikely]] {
    return emit_by_rules(binding, bound, site, values, course, extra);
  }
  return emit_to(binding, lane, severity, site, values, course, extra);
}

// The logger is not bound yet, or the thread not to the logger's incarnation.
[[gnu::noinline]] int32_t emit_first(forebay_logger* handle, const forebay_site* opaque_site,
                                     const forebay_value* values, uint32_t value_count,
                                     const forebay_extra* extra, uint32_t flags) noexcept {
  auto& logger = *static_cast<Logger*>(handle);
  const auto* site = reinterpret_cast<const model::Site*>(opaque_site);
  const uint32_t severity = severity_of(site, extra);
  if (logger.level_word->load(std::memory_order_acquire) == 0) {
    if (const int32_t outcome = Registry::process().bind(logger, severity);
        outcome != FOREBAY_ACCEPTED) {
      return outcome;
    }
  }
  const LoggerBinding& bound = *logger.binding.load(std::memory_order_acquire);
  if (bound.incarnation == nullptr) return FOREBAY_DISABLED;  // its collector is
  ThreadBinding* const binding = bind_thread(*bound.incarnation);
  if (binding == nullptr) {
    return emit_unbound(*bound.incarnation, bound.rules.lanes[severity], severity);
  }
  return pass_gate(*binding, bound, site, values, value_count, extra, flags, severity);
}

}  // namespace

int32_t emit_admitted(ThreadBinding& binding, uint32_t lane, const model::Site* site,
                      const forebay_value* values, Course course,
                      const forebay_extra* extra) noexcept {
  return emit_to(binding, lane, severity_of(site, extra), site, values, course, extra);
}

int32_t emit(forebay_logger* handle, const forebay_site* opaque_site, const forebay_value* values,
             uint32_t value_count, const forebay_extra* extra, uint32_t flags) noexcept {
  auto& logger = *static_cast<Logger*>(handle);
  const auto* site = reinterpret_cast<const model::Site*>(opaque_site);
  const uint32_t severity = severity_of(site, extra);
  const uint32_t level = logger.level_word->load(std::memory_order_acquire);
  if (severity < level) [[unlikely]] {
    if (severity != 0) return FOREBAY_DISABLED;
  } else if (level == 0) [[unlikely]] {
    return emit_first(handle, opaque_site, values, value_count, extra, flags);
  }
  // Read after the level, which says that there is one.
  const LoggerBinding& bound = *logger.binding.load(std::memory_order_acquire);
  ThreadBinding* const binding = current_binding;
  if (binding == nullptr || binding->incarnation != bound.incarnation) [[unlikely]] {
    return emit_first(handle, opaque_site, values, value_count, extra, flags);
  }
  return pass_gate(*binding, bound, site, values, value_count, extra, flags, severity);
}

}  // namespace forebay::engine
