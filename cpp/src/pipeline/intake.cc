#include "pipeline/intake.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/diagnostics.h"
#include "pipeline/pressure_watch.h"

namespace forebay::pipeline {
namespace {

using account::IntakeName;

// Scratch memory kept between batches.
constexpr size_t kKeptScratch = 8u << 20;

std::vector<Watermarks> watermarks_of(const PipelineOptions& options) {
  std::vector<Watermarks> marks;
  for (const LaneOptions& lane : options.lanes) marks.push_back(lane.watermarks);
  return marks;
}

}  // namespace

Intake::Intake(const PipelineOptions& options, std::vector<Lane>& lanes, account::Ledger& ledger,
               Books& books, const TickSource& ticks)
    : lanes_(lanes),
      ledger_(ledger),
      books_(books),
      ticks_(ticks),
      converter_(ticks),
      compressor_(options.compress),
      resource_(options.resource),
      id_prefix_(options.instance_id + "-"),
      pressure_(watermarks_of(options)),
      flush_marks_(lanes.size()),
      round_(options.lanes) {
  (void)internal_scope();  // before there are threads: not in the middle of a fork
  if (!options.recorder.is_on()) return;
  std::vector<admit::LaneRule> rules;
  for (const LaneOptions& lane : options.lanes) rules.push_back(lane.rule);
  recorded_lanes_.emplace(std::move(rules));
}

Intake::Step Intake::step(bool everything) {
  const MonotonicTime now = ticks_.clock().now();
  if (now - converter_renewed_ > std::chrono::seconds{1}) {
    converter_.renew();
    converter_renewed_ = now;
    ledger_.heartbeat(ticks_.clock().wall_now());
  }
  look_at_pressure(lanes_, pressure_, ledger_, now);
  // Also in between: the closer it looks, the better it knows when something was lost.
  if (now - looked_for_losses_ >= kLossLook) {
    looked_for_losses_ = now;
    for (size_t i = 0; i < lanes_.size(); ++i) {
      const account::LaneLosses losses = look_for_losses(i);
      if (const auto notice = lanes_[i].loss_notice.look(lanes_[i].name, losses, now)) say(*notice);
    }
  }
  collect_internal(now, everything);
  Step step = std::exchange(internal_step_, {});
  step.is_dry = true;
  release_recorded(step);
  round_.begin();
  while (const std::optional<size_t> lane = round_.next()) {
    const uint64_t bytes_before = step.bytes;
    const bool has_more = drain(*lane, everything, step);
    round_.took(*lane, step.bytes - bytes_before, has_more);
  }
  return step;
}

bool Intake::drain(size_t index, bool everything, Step& step) {
  Lane& lane = lanes_[index];
  if (lane.queue->wants_reclaim()) {
    lane.was_short = true;  // a lane may be drained more than once between two looks
    lane.queue->reclaim();
  }
  lane.queue->note_drained(ticks_.clock().now());
  FlushMark& mark = flush_marks_[index];
  // Asked before the queue is looked through: a thread that was busy with a run from before the
  // flush may hand it over behind our back, and then the queue has to be looked through once more.
  const bool was_past_mark = everything && lane.queue->is_past_mark();
  if (!was_past_mark) mark.records_left = mark.bound;
  if (lane.waiting && !push(lane, step)) {
    step.is_dry = false;
    return false;
  }
  if (lane.batcher.full()) finish(index, step);  // of internal records, while the other one waited
  // Before anything else is taken: where the backlog is always full, a batch waits after each step.
  if (everything && mark.is_through && !mark.is_dry) {
    if (!lane.batcher.empty() && !lane.waiting) finish(index, step);
    mark.is_dry = !lane.waiting;
  }
  const MonotonicTime now = ticks_.clock().now();
  const uint64_t ticks_now = ticks_.now();
  // Ticks are compared, not times: a record's stamp is only turned into a time when it is read.
  const auto linger =
      static_cast<uint64_t>(static_cast<double>(kLinger.count()) * converter_.ticks_per_ns());
  const uint64_t due = everything ? ticks_now + (uint64_t{1} << 62) : ticks_now - linger;

  SeverityCounts drained;
  SeverityCounts expired;
  SeverityCounts out_of_memory;
  uint64_t represented_lost = 0;
  const auto write_down = [&] {
    if (drained.total() != 0) ledger_.drained(static_cast<uint32_t>(index), drained);
    if (expired.total() != 0) {
      ledger_.intake(IntakeName::kExpired, static_cast<uint32_t>(index), expired);
    }
    if (out_of_memory.total() != 0) {
      ledger_.intake(IntakeName::kDroppedMemory, static_cast<uint32_t>(index), out_of_memory);
    }
    drained = expired = out_of_memory = {};
    lose(std::exchange(represented_lost, 0));
  };
  uint64_t taken = 0;
  bool has_memory = true;
  bool saw_end = false;
  const auto front = [&]() -> const uint8_t* {
    try {
      return lane.queue->front(due);
    } catch (const std::bad_alloc&) {
      has_memory = false;  // the record stays where it is
      return nullptr;
    }
  };
  while (taken < kRecordsAtOnce && !lane.waiting) {
    const uint8_t* record = front();
    if (record == nullptr) {
      saw_end = has_memory;
      break;
    }
    model::RecordHeader header;
    std::memcpy(&header, record, sizeof header);
    const SeverityClass severity = severity_class(header.severity);
    const MonotonicTime emitted = converter_.monotonic(header.ticks);
    ++drained[severity];
    ++taken;
    step.bytes += header.size;
    if (lane.max_age && now - emitted > *lane.max_age) {
      ++expired[severity];
      represented_lost += model::weight_of(header, record);
    } else if (!append(lane, record, severity, emitted, now)) {
      ++out_of_memory[severity];
      represented_lost += model::weight_of(header, record);
    }
    lane.queue->pop();
    if (lane.batcher.full()) {
      write_down();
      finish(index, step);
    }
  }
  write_down();
  step.records += taken;
  if (taken == kRecordsAtOnce || !has_memory) step.is_dry = false;
  if (!lane.batcher.empty() && !lane.waiting) {
    if (everything || lane.batcher.due(now)) {
      finish(index, step);
    } else {
      step.is_dry = false;
    }
  }
  if (lane.waiting) step.is_dry = false;
  mark.records_left -= std::min(mark.records_left, taken);
  if (everything && was_past_mark && has_memory && (saw_end || mark.records_left == 0)) {
    mark.is_through = true;
    mark.is_dry |= lane.batcher.empty() && !lane.waiting;
  }
  return taken == kRecordsAtOnce && !lane.waiting;
}

void Intake::begin_flush() noexcept {
  for (const Source& source : sources_) source.source->begin_flush();
  for (size_t i = 0; i < lanes_.size(); ++i) {
    const uint64_t bound = lanes_[i].queue->mark();
    flush_marks_[i] = {.bound = bound, .records_left = bound, .is_through = false, .is_dry = false};
  }
}

bool Intake::is_flushed() const noexcept {
  if (recorder_ != nullptr && recorder_->is_asked()) return false;
  return !internal_is_left_ && std::all_of(flush_marks_.begin(), flush_marks_.end(),
                                           [](const FlushMark& mark) { return mark.is_dry; });
}

bool Intake::append(Lane& lane, const uint8_t* record, SeverityClass severity,
                    MonotonicTime emitted, MonotonicTime now) try {
  model::RecordHeader header;
  std::memcpy(&header, record, sizeof header);
  const WallTime wall = converter_.wall(header.ticks);
  encoder_.append_record(record, wall, lane.batcher.segment(header.scope));
  lane.batcher.added(severity, emitted, wall, now, model::weight_of(header, record));
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

void Intake::add_source(InternalSource& source, Duration interval) {
  sources_.push_back({&source, interval, ticks_.clock().now()});
}

void Intake::collect_internal(MonotonicTime now, bool final) {
  internal_is_left_ = false;
  for (Source& source : sources_) {
    if (!final && now - source.asked < source.interval) continue;
    source.asked = now;
    try {
      source.source->collect(now, final, *this);
    } catch (const std::bad_alloc&) {
      warn_once("internal_memory", "no memory for a record of Forebay's own; it is tried again");
    }
  }
}

bool Intake::add_internal(size_t index, const InternalRecord& record) try {
  Lane& lane = lanes_[index];
  if (lane.waiting && lane.batcher.full() && !is_ending_) {
    internal_is_left_ = true;
    return false;
  }
  const MonotonicTime now = ticks_.clock().now();
  const WallTime wall = ticks_.clock().wall_now();
  const SeverityClass severity = severity_class(record.severity);
  append_internal(record, wall, encoder_, internal_scratch_, lane.batcher.segment(record.scope));
  lane.batcher.added(severity, now, wall, now, record.represents);
  if (record.represents != 0) {
    ledger_.note(account::NoteName::kRepresentedRemainders, record.represents);
  }
  ++lane.internal_in_batch;
  SeverityCounts one;
  one[severity] = 1;
  ledger_.intake(IntakeName::kInternal, static_cast<uint32_t>(index), one);
  if (lane.batcher.full() && !lane.waiting) finish(index, internal_step_);
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

account::LaneLosses Intake::look_for_losses(size_t index) {
  const account::LaneLosses losses = books_.losses(static_cast<uint8_t>(index));
  if (lanes_[index].gaps) lanes_[index].gaps->look(losses, ticks_.clock().wall_now());
  return losses;
}

bool Intake::write_gap(size_t index) noexcept try {
  Lane& lane = lanes_[index];
  if (!lane.gaps) return false;
  const account::LaneLosses losses = look_for_losses(index);
  if (!lane.gaps->has_news()) return false;
  gap_.clear();
  append_internal(lane.gaps->record(lane.name, losses), ticks_.clock().wall_now(), encoder_,
                  internal_scratch_, gap_);
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

void Intake::let_go_of_batch(size_t index, const SeverityCounts& counts, std::string_view why) {
  Lane& lane = lanes_[index];
  ledger_.intake(IntakeName::kDroppedMemory, static_cast<uint32_t>(index), counts);
  books_.add_internal_losses(static_cast<uint8_t>(index), IntakeName::kDroppedMemory,
                             std::exchange(lane.internal_in_batch, 0));
  lose(lane.batcher.represented());
  lane.batcher.clear();
  warn("batch_memory", why);
}

void Intake::finish(size_t index, Step& step) {
  Lane& lane = lanes_[index];
  SeverityCounts counts = lane.batcher.counts();
  const bool has_gap = write_gap(index);
  if (has_gap) {
    SeverityCounts gap;
    gap[severity_class(model::kWarn)] = 1;
    counts += gap;
    ++lane.internal_in_batch;
    ledger_.intake(IntakeName::kInternal, static_cast<uint32_t>(index), gap);
  }
  try {
    std::vector<encode::ScopeSegment> segments;
    const auto add = [&](uint32_t scope, ByteView records) {
      segments.push_back({model::SiteRegistry::process().scope(scope), records});
    };
    if (has_gap) add(internal_scope(), gap_.view());
    for (const batch::Batcher::Segment& segment : lane.batcher.segments()) {
      add(segment.scope, segment.bytes.view());
    }
    request_.clear();
    encoder_.append_request(resource_, segments, request_);
    auto body = compressor_.compress(request_.view());
    if (!body) {
      let_go_of_batch(index, counts,
                      "no memory to compress a batch; its records are counted as dropped{memory}");
      return;
    }
    EncodedBatch batch;
    batch.id = next_batch_id();
    batch.lane = static_cast<uint8_t>(index);
    batch.codec = compressor_.codec();
    batch.counts = counts;
    batch.internal = std::exchange(lane.internal_in_batch, 0);
    // A gap record stands for none that was emitted.
    batch.excess =
        static_cast<int64_t>(lane.batcher.represented()) - static_cast<int64_t>(counts.total());
    batch.oldest = lane.batcher.oldest();
    batch.newest = lane.batcher.newest();
    batch.oldest_wall = lane.batcher.oldest_wall();
    batch.raw_bytes = request_.size();
    batch.body = body.take();
    lane.waiting = std::move(batch);
    lane.batcher.clear();
    if (has_gap) lane.gaps->told();
  } catch (const std::bad_alloc&) {
    let_go_of_batch(index, counts,
                    "no memory to build a batch; its records are counted as dropped{memory}");
    return;
  }
  if (request_.capacity() > kKeptScratch) request_.release();
  (void)push(lane, step);
}

bool Intake::push(Lane& lane, Step& step) {
  if (!books_.push(*lane.waiting, ticks_.clock().now())) {
    step.is_held = true;
    return false;
  }
  lane.waiting.reset();
  ++step.batches;
  return true;
}

std::optional<MonotonicTime> Intake::next_due() const noexcept {
  std::optional<MonotonicTime> due;
  for (const Lane& lane : lanes_) {
    if (lane.batcher.empty()) continue;
    const MonotonicTime at = lane.batcher.due_at();
    if (!due || at < *due) due = at;
  }
  return due;
}

void Intake::lose(uint64_t represented) noexcept {
  if (represented != 0) ledger_.note(account::NoteName::kRepresentedLost, represented);
}

void Intake::drop_all() {
  is_ending_ = true;
  for (const Source& source : sources_) source.source->begin_flush();
  collect_internal(ticks_.clock().now(), true);
  const uint64_t everything = ticks_.now() + (uint64_t{1} << 62);
  for (size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = lanes_[i];
    SeverityCounts counts;
    uint64_t represented = lane.batcher.represented();
    if (lane.waiting) represented += lane.waiting->represented();
    while (const uint8_t* record = lane.queue->front(everything)) {
      model::RecordHeader header;
      std::memcpy(&header, record, sizeof header);
      ++counts[severity_class(header.severity)];
      represented += model::weight_of(header, record);
      lane.queue->pop();
    }
    lose(represented);
    ledger_.drained(static_cast<uint32_t>(i), counts);
    counts += in_batch(i);
    if (counts.total() != 0) {
      ledger_.intake(IntakeName::kDroppedShutdown, static_cast<uint32_t>(i), counts);
    }
    const uint64_t internal =
        std::exchange(lane.internal_in_batch, 0) + (lane.waiting ? lane.waiting->internal : 0);
    books_.add_internal_losses(static_cast<uint8_t>(i), IntakeName::kDroppedShutdown, internal);
    lane.batcher.clear();
    lane.waiting.reset();
  }
}

SeverityCounts Intake::in_batch(size_t index) const {
  const Lane& lane = lanes_[index];
  SeverityCounts counts = lane.batcher.counts();
  if (lane.waiting) counts += lane.waiting->counts;
  return counts;
}

uint64_t Intake::memory_bytes() const noexcept {
  uint64_t bytes = request_.capacity();
  for (const Lane& lane : lanes_) {
    bytes += lane.batcher.memory_bytes();
    if (lane.waiting) bytes += lane.waiting->cost_bytes();
  }
  return bytes;
}

}  // namespace forebay::pipeline
