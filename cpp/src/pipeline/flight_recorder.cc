#include "pipeline/flight_recorder.h"

#include <algorithm>
#include <array>
#include <new>
#include <string>

namespace forebay::pipeline {
namespace {

using account::EmitName;
using account::ThreadCounters;

constexpr uint64_t kEverything = uint64_t{1} << 62;

}  // namespace

struct FlightRecorder::Counters {
  alignas(64) std::array<std::atomic<uint64_t>, account::kEmitNameSlots * kSeverityClasses> cells{};
  bool is_leased = true;

  [[nodiscard]] uint64_t sum(EmitName name) const noexcept {
    uint64_t sum = 0;
    for (size_t c = 0; c < kSeverityClasses; ++c) {
      sum +=
          cells[static_cast<size_t>(name) * kSeverityClasses + c].load(std::memory_order_relaxed);
    }
    return sum;
  }
};

Status RecorderOptions::validate() const {
  const auto range = [](const char* field, uint64_t value, const char* span) {
    return Status::invalid(std::string(field) + ": " + std::to_string(value) + " is not in " +
                           span);
  };
  if (min_severity > 24) return range("level", min_severity, "0..24");
  if (slots < 64 || slots > 1u << 20) return range("records", slots, "64..1048576");
  if (trigger_severity < 1 || trigger_severity > 25) {
    return range("trigger", trigger_severity, "1..25");
  }
  if (is_on() && trigger_severity <= min_severity) {
    return Status::invalid("trigger: " + std::to_string(trigger_severity) +
                           " is not above level, " + std::to_string(min_severity));
  }
  if (window < std::chrono::milliseconds{1} || window > std::chrono::hours{24}) {
    return Status::invalid("window: not in 0.001..86400 seconds");
  }
  return Status::ok();
}

Result<std::unique_ptr<FlightRecorder>> FlightRecorder::create(const RecorderOptions& options,
                                                               const TickSource& ticks) {
  if (Status status = options.validate(); !status.is_ok()) return status;
  queue::LaneQueueOptions ring;
  ring.slots = options.slots;
  ring.on_full = {{.kind = queue::FullAction::Kind::kDropOldest}};
  auto made = queue::LaneQueue::create(ring, 0);
  if (!made) return made.status();
  return std::unique_ptr<FlightRecorder>(new FlightRecorder(options, ticks, made.take()));
}

FlightRecorder::FlightRecorder(const RecorderOptions& options, const TickSource& ticks,
                               std::unique_ptr<queue::LaneQueue> ring)
    : options_(options),
      ticks_(ticks),
      ring_(std::move(ring)),
      largest_record_(ring_->largest_record()) {}

FlightRecorder::~FlightRecorder() = default;

FlightRecorder::Writer FlightRecorder::attach() noexcept try {
  const std::lock_guard lock(counters_mutex_);
  const auto lease = [&]() -> Counters& {
    for (const auto& counters : counters_) {
      if (!counters->is_leased) {
        counters->is_leased = true;
        return *counters;
      }
    }
    return *counters_.emplace_back(std::make_unique<Counters>());
  };
  Counters& counters = lease();
  queue::Producer* const producer = ring_->attach();
  if (producer == nullptr) {
    counters.is_leased = false;
    return {};
  }
  return {producer, ThreadCounters(counters.cells.data(), 0, false), &counters};
} catch (const std::bad_alloc&) {
  return {};
}

void FlightRecorder::detach(const Writer& writer) noexcept {
  if (writer.producer == nullptr) return;
  ring_->detach(writer.producer);
  const std::lock_guard lock(counters_mutex_);
  writer.row->is_leased = false;
}

bool FlightRecorder::ask(std::optional<Duration> window) noexcept {
  const int64_t wanted = window.value_or(options_.window).count();
  int64_t asked = window_ns_.load(std::memory_order_relaxed);
  // Of two that ask at once the longer window holds.
  while (asked < wanted) {
    if (window_ns_.compare_exchange_weak(asked, wanted, std::memory_order_acq_rel)) {
      return asked == kNotAsked;
    }
  }
  return false;
}

FlightRecorder::Numbers FlightRecorder::numbers() const {
  Numbers numbers;
  // The far end first, so that held is never negative.
  numbers.expired = expired_.load(std::memory_order_acquire);
  numbers.released = released_.load(std::memory_order_acquire);
  const std::lock_guard lock(counters_mutex_);
  for (const auto& counters : counters_) {
    for (const EmitName name :
         {EmitName::kDroppedQueueFullOldest, EmitName::kDroppedQueueFullNewest,
          EmitName::kDroppedMemory, EmitName::kDroppedTooLarge, EmitName::kRefusedShutdown}) {
      numbers.overwritten += counters->sum(name);
    }
  }
  for (const auto& counters : counters_) numbers.recorded += counters->sum(EmitName::kEmitted);
  numbers.held = numbers.recorded - numbers.overwritten - numbers.expired - numbers.released;
  return numbers;
}

void FlightRecorder::close() noexcept {
  ring_->close();
  const uint64_t now = ticks_.now() + kEverything;
  while (ring_->front(now) != nullptr) {
    ring_->pop();
    expired_.fetch_add(1, std::memory_order_release);
  }
  ring_->release_memory();
}

const uint8_t* FlightRecorder::front(double ticks_per_ns) {
  if (left_ == 0) {
    const int64_t window = window_ns_.exchange(kNotAsked, std::memory_order_acq_rel);
    if (window == kNotAsked) return nullptr;
    // What threads record meanwhile goes with the rest, but a release ends.
    left_ = ring_->slots();
    oldest_ticks_ =
        ticks_.now() - static_cast<uint64_t>(static_cast<double>(window) * ticks_per_ns);
  }
  while (left_ != 0) {
    const uint8_t* record = ring_->front(ticks_.now() + kEverything);
    if (record == nullptr) break;
    model::RecordHeader header;
    std::memcpy(&header, record, sizeof header);
    if (static_cast<int64_t>(header.ticks - oldest_ticks_) >= 0) return record;
    ring_->pop();
    --left_;
    expired_.fetch_add(1, std::memory_order_release);
  }
  left_ = 0;
  return nullptr;
}

void FlightRecorder::pop() noexcept {
  ring_->pop();
  --left_;
  released_.fetch_add(1, std::memory_order_release);
}

}  // namespace forebay::pipeline
