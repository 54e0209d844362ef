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
queue::Admission emit_cut(ThreadBinding& binding, const ThreadBinding::LaneEnd& end,
                          const model::RecordInput& input, uint32_t flags) noexcept;

void count_reentrant(ThreadBinding& binding) noexcept;

// What the functions on a record's way hand on to each other besides pointers. It fits a register:
// what is read back from memory in other widths than it was stored in waits for the stores (7 ns).
class Course {
 public:
  Course(uint32_t scope, uint32_t flags, uint32_t value_count) noexcept
      : bits_(uint64_t{scope} << 32 | flags << 16 | std::min(value_count, model::kMaxKeys + 1)) {}
  [[nodiscard]] uint32_t scope() const noexcept { return bits_ >> 32; }
  [[nodiscard]] uint32_t flags() const noexcept { return bits_ >> 16 & 0xffff; }  // FOREBAY_EMIT_…
  [[nodiscard]] uint32_t value_count() const noexcept { return bits_ & 0x3fff; }
  // Nothing in the record is left for a rule of redaction.
  [[nodiscard]] bool is_clear() const noexcept { return (bits_ & kClear) != 0; }
  [[nodiscard]] Course cleared() const noexcept { return Course(bits_ | kClear); }
  // ThreadBinding::quick_permit is the record's: to be undone where it would have to wait.
  [[nodiscard]] bool has_quick_permit() const noexcept { return (bits_ & kQuickPermit) != 0; }
  [[nodiscard]] Course with_quick_permit() const noexcept { return Course(bits_ | kQuickPermit); }

 private:
  explicit Course(uint64_t bits) noexcept : bits_(bits) {}
  // Above what value_count() needs.
  static constexpr uint64_t kClear = uint64_t{1} << 15;
  static constexpr uint64_t kQuickPermit = uint64_t{1} << 14;
  uint64_t bits_;
};

// A severity number, 0..24.
[[gnu::always_inline]] inline uint32_t severity_of(const model::Site* site,
                                                   const forebay_extra* extra) noexcept {
  if (extra != nullptr && extra->severity != 0) [[unlikely]] {
    return extra->severity <= 24 ? extra->severity : 0;
  }
  return site != nullptr ? site->severity : 0;
}

[[gnu::always_inline]] inline model::RecordInput input_of(
    const model::Site* site, const forebay_value* values, Course course, const forebay_extra* extra,
    uint32_t severity, const model::BoundAttributes* only_bound = nullptr) noexcept {
  return {.site = site,
          .values = values,
          .value_count = course.value_count(),
          .extra = extra,
          .only_bound = only_bound,
          .scope = course.scope(),
          .severity = severity,
          .flags = 0};
}

// Gives the record, of `size` bytes, to its lane's queue. Counts what is let go there; refusals are
// for answer().
[[gnu::always_inline]] inline queue::Admission to_queue(ThreadBinding& binding,
                                                        const ThreadBinding::LaneEnd& end,
                                                        const model::RecordInput& input,
                                                        uint64_t size, uint32_t flags) noexcept {
  if (size > end.largest_record ||
      (input.extra != nullptr && input.extra->attribute_count > kMaxAttributes)) [[unlikely]] {
    return emit_cut(binding, end, model::copy_of(input), flags);
  }
  return end.queue->emit(*end.producer, input, static_cast<uint32_t>(size), *binding.ticks, flags,
                         binding.counters);
}

// Its beginning. No signal handler of this thread emits from here on.
inline void enter(ThreadBinding& binding) noexcept {
  binding.is_inside.store(true, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
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

// leave(), and the caller's answer.
inline int32_t leave_with(ThreadBinding& binding, int32_t outcome) noexcept {
  leave(binding);
  return outcome;
}

// What is left to do at the end of some emits: count what was re-entered, release the recorder.
int32_t finish_slowly(ThreadBinding& binding, uint32_t severity, int32_t outcome) noexcept;

// The end of an emit: leave(), the release of the flight recorder, and the caller's answer.
inline int32_t finish(ThreadBinding& binding, uint32_t severity, int32_t outcome) noexcept {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  binding.is_inside.store(false, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (binding.was_reentered.load(std::memory_order_relaxed) || severity >= binding.recorder_trigger)
      [[unlikely]] {
    return finish_slowly(binding, severity, outcome);
  }
  return outcome;
}

// The rest of the way of a record that is inside (enter()) and that no rule is against, or all have
// let in: into the queue of that lane, or not.
int32_t emit_admitted(ThreadBinding& binding, uint32_t lane, const model::Site* site,
                      const forebay_value* values, Course course,
                      const forebay_extra* extra) noexcept;

// The rest of the way of a record that is inside (enter()), and that rules are about
// (LoggerRules::has_rules): emit_by_rules.cc.
int32_t emit_by_rules(ThreadBinding& binding, const LoggerBinding& bound, const model::Site* site,
                      const forebay_value* values, Course course,
                      const forebay_extra* extra) noexcept;

}  // namespace forebay::engine
