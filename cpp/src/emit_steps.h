// The steps of emit that its two ways have in common: the plain one (emit.cc), and the one past
// rules of admission (emit_by_rules.cc). In a header, so that each way is one function.
#pragma once
#include <algorithm>

#include "collector.h"
#include "model/record_writer.h"

namespace forebay::engine {

// What the record's header can count.
inline constexpr uint32_t kMaxAttributes = 65'535;

// Counts what the queue refused, and gives the caller's answer. `size` is that of the record.
int32_t answer(queue::Admission admission, ThreadBinding& binding, uint32_t lane,
               SeverityClass severity, uint64_t size) noexcept;

// A record over the limit is cut; an attribute beyond the 65,535th is left out.
queue::Admission emit_cut(queue::LaneQueue& lane, uint32_t lane_index, queue::Producer& producer,
                          const model::RecordInput& input, uint64_t limit, const TickSource& ticks,
                          uint32_t flags, const account::ThreadCounters& counters,
                          account::Ledger& ledger) noexcept;

void count_reentrant(ThreadBinding& binding) noexcept;

// Gives the record, of `size` bytes, to its lane's queue. Counts what is let go there; refusals are
// for answer().
[[gnu::always_inline]] inline queue::Admission to_queue(
    const Incarnation& incarnation, queue::LaneQueue& queue, uint32_t lane,
    queue::Producer& producer, const model::RecordInput& input, uint64_t size, uint32_t flags,
    const account::ThreadCounters& counters) noexcept {
  const TickSource& ticks = incarnation.pipeline->ticks();
  const bool is_too_much =
      size > incarnation.max_record_bytes || size > queue.largest_record() ||
      (input.extra != nullptr && input.extra->attribute_count > kMaxAttributes);
  if (is_too_much) [[unlikely]] {
    return emit_cut(queue, lane, producer, input,
                    std::min<uint64_t>(incarnation.max_record_bytes, queue.largest_record()), ticks,
                    flags, counters, incarnation.pipeline->ledger());
  }
  return queue.emit(producer, input, static_cast<uint32_t>(size), ticks, flags, counters);
}

// The end of an emit, after its last count. A signal handler that logs comes before it and is
// refused, or after it and is not: so was_reentered is read last.
inline void leave(ThreadBinding& binding) noexcept {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  binding.is_inside.store(false, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (binding.was_reentered.load(std::memory_order_relaxed)) [[unlikely]]
    count_reentrant(binding);
}

// -- records whose logger and severity rules are about (LoggerRules::has_rules): emit_by_rules.cc
// --

enum class Verdict : uint8_t {
  kGoesOn,     // to its lane, as any other; a queue that does not take it is told to not_taken()
  kWeighted,   // emit_weighted()
  kSuppressed  // suppress()
};
struct Decision {
  uint8_t lane;
  Verdict verdict;
};
// Lane by attribute, sampling, rate limit; what is to be remembered of it is in binding.permit.
// Small values that fit registers: what is read back from memory in other widths than it was stored
// in waits for the stores (7 ns).
Decision decide(ThreadBinding& binding, const LoggerBinding& bound, const model::Site* site,
                const forebay_value* values, uint64_t count_and_severity,
                const forebay_extra* extra) noexcept;
// Counts a record that a rule let go, ends the emit, and gives the caller's answer.
int32_t suppress(ThreadBinding& binding, uint32_t lane, SeverityClass severity) noexcept;
// The rest of the way of a record that stands for more than itself.
int32_t emit_weighted(ThreadBinding& binding, const LoggerBinding& bound, uint32_t lane,
                      const model::RecordInput& input, uint32_t flags) noexcept;
// The record was to go on, and the queue did not take it.
void not_taken(ThreadBinding& binding, queue::Admission admission) noexcept;

}  // namespace forebay::engine
