// What the flight recorder releases: from its ring straight into the batches of the lanes that the
// records would have gone to.
#include <cstring>

#include "pipeline/intake.h"

namespace forebay::pipeline {

void Intake::set_recorder(FlightRecorder* recorder) {
  recorder_ = recorder;
  if (recorder != nullptr) released_ = ledger_.lease();
}

void Intake::release_recorded(Step& step) try {
  if (recorder_ == nullptr || !recorder_->is_asked()) return;
  const MonotonicTime now = ticks_.clock().now();
  std::vector<SeverityCounts> released(lanes_.size());
  std::vector<SeverityCounts> out_of_memory(lanes_.size());
  const auto write_down = [&](size_t index) {
    const auto lane = static_cast<uint32_t>(index);
    for (size_t c = 0; c < kSeverityClasses; ++c) {
      if (const uint64_t records = released[index].by_class[c]; records != 0) {
        released_.add(lane, account::EmitName::kEmitted, static_cast<SeverityClass>(c), records);
      }
    }
    // Emitted, and out of the queue in the same moment: it never was in one.
    if (released[index].total() != 0) ledger_.drained(lane, released[index]);
    if (out_of_memory[index].total() != 0) {
      ledger_.intake(account::IntakeName::kDroppedMemory, lane, out_of_memory[index]);
    }
    released[index] = out_of_memory[index] = {};
  };
  uint64_t taken = 0;
  for (; taken < kRecordsAtOnce; ++taken) {
    const uint8_t* record = recorder_->front(converter_.ticks_per_ns());
    if (record == nullptr) break;
    model::RecordHeader header;
    std::memcpy(&header, record, sizeof header);
    size_t index = 0;
    try {
      index = recorded_lanes_->lane_of(header, record);
    } catch (const std::bad_alloc&) {
      break;  // it stays in the ring
    }
    Lane& lane = lanes_[index];
    if (lane.waiting) break;  // goes on when the backlog has room again
    const SeverityClass severity = severity_class(header.severity);
    ++released[index][severity];
    if (!append(lane, record, severity, converter_.monotonic(header.ticks), now)) {
      ++out_of_memory[index][severity];
      lose(1);
    }
    recorder_->pop();
    // What a flush found empty may hold a batch again that waits for the backlog.
    flush_marks_[index].is_dry = false;
    if (lane.batcher.full()) {
      write_down(index);
      finish(index, step);
    }
  }
  for (size_t i = 0; i < lanes_.size(); ++i) write_down(i);
  step.records += taken;
  if (recorder_->is_asked()) step.is_dry = false;
} catch (const std::bad_alloc&) {
  // Nothing was taken out yet: only the vectors above are allocated here.
  step.is_dry = false;
}

}  // namespace forebay::pipeline
