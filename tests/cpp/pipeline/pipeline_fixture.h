// A pipeline with a destination that a test opens and shuts, and threads that emit into it.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "encode/wire_reader.h"
#include "pipeline/pipeline.h"

namespace forebay::pipeline {

using queue::Admission;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = queue::FullAction::Kind;

// What a destination does with a batch, and what it took.
struct Destination {
  // kTakesSome: all but the last `refused` records of each batch.
  enum class Mood : uint8_t { kTakes, kUnavailable, kSilent, kRejects, kTakesSome };
  std::mutex mutex;
  std::condition_variable rung;
  bool is_rung = false;
  Mood mood = Mood::kTakes;
  uint64_t refused = 0;
  std::vector<std::pair<EncodedBatch, MonotonicTime>> batches;  // taken, in order
  std::vector<int64_t> numbers;                                 // of the records taken, in order

  void change(Mood to) {
    const std::lock_guard lock(mutex);
    mood = to;
    is_rung = true;
    rung.notify_all();
  }
  // Of the records taken, in order, those after the first `from`.
  std::vector<int64_t> taken(size_t from = 0) {
    const std::lock_guard lock(mutex);
    return {numbers.begin() + static_cast<std::ptrdiff_t>(from), numbers.end()};
  }
  std::vector<EncodedBatch> taken_batches() {
    const std::lock_guard lock(mutex);
    std::vector<EncodedBatch> all;
    for (const auto& [batch, at] : batches) all.push_back(batch);
    return all;
  }
};

class DestinationExporter final : public ship::Exporter {
 public:
  explicit DestinationExporter(std::shared_ptr<Destination> to) : to_(std::move(to)) {}
  void send(EncodedBatch batch, MonotonicTime now) override {
    under_way_.emplace_back(std::move(batch), now);
  }
  std::vector<ship::Attempt> poll(Duration wait) override {
    std::unique_lock lock(to_->mutex);
    const auto has_something = [&] {
      return to_->is_rung || (!under_way_.empty() && to_->mood != Destination::Mood::kSilent);
    };
    if (wait > Duration::zero()) to_->rung.wait_for(lock, wait, has_something);
    to_->is_rung = false;
    std::vector<ship::Attempt> ended;
    if (to_->mood == Destination::Mood::kSilent) return ended;
    for (auto& [batch, at] : std::exchange(under_way_, {})) {
      ship::Attempt attempt;
      attempt.kind = ship::Attempt::Kind::kRetry;
      attempt.message = "503";
      if (to_->mood == Destination::Mood::kTakes) {
        attempt.kind = ship::Attempt::Kind::kDelivered;
        take(batch, at);
      }
      if (to_->mood == Destination::Mood::kRejects) {
        attempt.kind = ship::Attempt::Kind::kRejected;
        attempt.rejection = ship::Rejection::kBadRequest;
      }
      if (to_->mood == Destination::Mood::kTakesSome) {
        attempt.kind = ship::Attempt::Kind::kDelivered;
        attempt.rejected = std::min(to_->refused, batch.records());
      }
      attempt.answered = true;
      attempt.batch = std::move(batch);
      ended.push_back(std::move(attempt));
    }
    return ended;
  }
  void forget_all() noexcept override { (void)cancel_all(); }
  std::vector<ship::Attempt> cancel_all() override {
    std::vector<ship::Attempt> ended;
    for (auto& [batch, at] : std::exchange(under_way_, {})) {
      ship::Attempt attempt;
      attempt.kind = ship::Attempt::Kind::kAmbiguous;
      attempt.batch = std::move(batch);
      ended.push_back(std::move(attempt));
    }
    return ended;
  }
  void wake() noexcept override {
    const std::lock_guard lock(to_->mutex);
    to_->is_rung = true;
    to_->rung.notify_all();
  }
  [[nodiscard]] Codec codec() const noexcept override { return Codec::kNone; }
  [[nodiscard]] uint32_t max_in_flight() const noexcept override { return 1; }
  [[nodiscard]] const std::string& description() const noexcept override { return description_; }
  [[nodiscard]] std::string_view type() const noexcept override { return "test"; }

 private:
  // Under the destination's mutex.
  void take(const EncodedBatch& batch, MonotonicTime at) {
    to_->batches.emplace_back(batch, at);
    for (const wire::Field& resource : wire::fields_of(std::string(as_text(batch.body->view())))) {
      for (const wire::Field& scope : wire::fields_of(resource.bytes)) {
        if (scope.number != 2) continue;
        for (const wire::Field& record : wire::fields_of(scope.bytes)) {
          if (record.number != 2) continue;
          for (const wire::Field& field : wire::fields_of(record.bytes)) {
            if (field.number == 1) to_->numbers.push_back(static_cast<int64_t>(field.value));
          }
        }
      }
    }
  }

  std::shared_ptr<Destination> to_;
  std::vector<std::pair<EncodedBatch, MonotonicTime>> under_way_;
  const std::string description_ = "destination";
};

// A thread's end of a pipeline, as emit.cc has it.
class Emitter {
 public:
  explicit Emitter(Pipeline& pipeline)
      : pipeline_(pipeline),
        producers_(pipeline.lanes().size()),
        counters_(pipeline.ledger().lease()) {}
  ~Emitter() {
    for (size_t lane = 0; lane < producers_.size(); ++lane) {
      if (producers_[lane] != nullptr) pipeline_.lanes()[lane].queue->detach(producers_[lane]);
    }
    pipeline_.ledger().give_back(counters_);
  }
  Emitter(const Emitter&) = delete;
  Emitter& operator=(const Emitter&) = delete;

  // A record whose time is `number`, above 0.
  Admission emit(int64_t number, uint32_t lane = 0, std::string_view body = {}, uint32_t flags = 0,
                 uint8_t severity = 9) {
    forebay_extra extra{};
    extra.struct_size = sizeof extra;
    extra.time_unix_nano = static_cast<uint64_t>(number);
    extra.body.type = FOREBAY_STRING;
    extra.body.size = static_cast<uint32_t>(body.size());
    extra.body.as.data = body.data();
    model::RecordInput input;
    input.extra = &extra;
    input.severity = severity;
    queue::LaneQueue& queue = *pipeline_.lanes()[lane].queue;
    if (producers_[lane] == nullptr) producers_[lane] = queue.attach();
    const SeverityClass severity_of = severity_class(severity);
    counters_.add(lane, account::EmitName::kEmitted, severity_of);
    const Admission admission =
        queue.emit(*producers_[lane], input, static_cast<uint32_t>(model::measure_record(input)),
                   pipeline_.ticks(), flags, counters_);
    if (admission == Admission::kWouldBlock) {
      counters_.add(lane, account::EmitName::kEmitted, severity_of, static_cast<uint64_t>(-1));
    }
    const auto refused = [&](account::EmitName name) { counters_.add(lane, name, severity_of); };
    if (admission == Admission::kRefusedQueueFull) refused(account::EmitName::kRefusedQueueFull);
    if (admission == Admission::kRefusedBlockTimeout) {
      refused(account::EmitName::kRefusedBlockTimeout);
    }
    if (admission == Admission::kRefusedShutdown) refused(account::EmitName::kRefusedShutdown);
    return admission;
  }

 private:
  Pipeline& pipeline_;
  std::vector<queue::Producer*> producers_;
  account::ThreadCounters counters_;
};

inline LaneOptions lane_of(std::string name, uint32_t slots, Kind on_full = Kind::kDropNewest) {
  LaneOptions lane;
  lane.name = std::move(name);
  lane.queue.slots = slots;
  lane.gap_records = false;  // they are told of in gap_records_test.cc
  lane.queue.on_full = {{.kind = on_full, .timeout = {}, .on_event_loop = false}};
  return lane;
}

inline PipelineOptions options_of(std::vector<LaneOptions> lanes) {
  PipelineOptions options;
  options.service_name = "test";
  options.instance_id = "11111111-2222-4333-8444-555555555555";
  options.ledger_in_memory = true;
  options.lanes = std::move(lanes);
  options.compress.codec = Codec::kNone;
  options.retry.initial = milliseconds{1};
  options.retry.max = milliseconds{10};
  options.breaker.open_initial = milliseconds{1};
  options.breaker.open_max = milliseconds{10};
  options.seed = 1;
  return options;
}

// Of each route, exporters to its destinations.
inline std::vector<Route::Exporters> exporters_to(
    const std::vector<std::vector<std::shared_ptr<Destination>>>& routes) {
  std::vector<Route::Exporters> exporters;
  for (const auto& route : routes) {
    exporters.emplace_back();
    for (const auto& destination : route) {
      exporters.back().push_back(std::make_unique<DestinationExporter>(destination));
    }
  }
  return exporters;
}

// A pipeline that audits itself at the end: a test that leaves a ledger unbalanced fails.
class TestPipeline {
 public:
  std::shared_ptr<Destination> destination = std::make_shared<Destination>();

  // `clock` null: the system's time, for a pipeline with threads.
  explicit TestPipeline(const PipelineOptions& options, const Clock* clock = nullptr) {
    make(options, exporters_to({{destination}}), clock);
  }
  TestPipeline(const PipelineOptions& options, std::vector<Route::Exporters> exporters,
               const Clock* clock) {
    make(options, std::move(exporters), clock);
  }
  ~TestPipeline() {
    pipeline_->shutdown(std::chrono::steady_clock::now());
    const Audit audit = pipeline_->audit();
    EXPECT_TRUE(audit.exact && audit.balanced) << "off by " << audit.difference;
    EXPECT_EQ((*this)["held"], 0);
  }
  Pipeline* operator->() { return pipeline_.get(); }
  Pipeline& operator*() { return *pipeline_; }
  // A number of the ledger.
  int64_t operator[](std::string_view name) const {
    int64_t found = -1;
    pipeline_->ledger().snapshot().visit([&](std::string_view n, int64_t value) {
      if (n == name) found = value;
    });
    EXPECT_NE(found, -1) << "no number " << name;
    return found;
  }

 private:
  void make(const PipelineOptions& options, std::vector<Route::Exporters> exporters,
            const Clock* clock) {
    auto made = Pipeline::create(options, std::move(exporters), clock);
    EXPECT_TRUE(made.is_ok());
    pipeline_ = made.take();
  }

  std::unique_ptr<Pipeline> pipeline_;
};

// Everything that is due, at this moment of the clock.
inline void step_all(TestPipeline& pipeline) {
  pipeline->intake().step(true);
  for (int i = 0; i < 4; ++i) pipeline->delivery().step(Duration::zero());
}

// Waits for a condition that another thread brings about; false where it takes too long.
inline bool wait_until(const std::function<bool()>& holds, seconds most = seconds{30}) {
  const auto deadline = std::chrono::steady_clock::now() + most;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

inline std::chrono::steady_clock::time_point in(Duration time) {
  return std::chrono::steady_clock::now() + time;
}

}  // namespace forebay::pipeline
