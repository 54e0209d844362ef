#include "simulation.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include "model/site.h"
#include "model/truncate.h"

namespace forebay::simulation {
namespace {

using account::EmitName;
using account::IntakeName;
using queue::Admission;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

std::map<std::string, int64_t> numbers_of(const account::Snapshot& snapshot) {
  std::map<std::string, int64_t> numbers;
  snapshot.visit([&](std::string_view name, int64_t n) { numbers[std::string(name)] = n; });
  return numbers;
}

std::string pad_of(uint64_t id, size_t bytes) {
  return std::string(bytes, static_cast<char>('a' + id % 26));
}

Simulation::Simulation(uint64_t seed) : random_(seed) {
  draw_options();
  std::vector<pipeline::Route::Exporters> exporters;
  for (size_t i = 0; i < options_.routes.size(); ++i) {
    draw_route(i);
    exporters.emplace_back();
    for (const auto& destination : routes_.back()->destinations) {
      exporters.back().push_back(std::make_unique<Borrowed>(*destination));
    }
  }
  auto made = pipeline::Pipeline::create(options_, std::move(exporters), &clock_);
  expect(made.is_ok(), "a pipeline can be made");
  pipeline_ = made.take();
  emitters_.resize(1 + below(6));
  for (Emitter& emitter : emitters_) {
    emitter.producers.resize(options_.lanes.size());
    emitter.counters = pipeline_->ledger().lease();
    emitter.thread = ++threads_;
  }
  for (const char* name : {"simulation.a", "simulation.b", "simulation.c"}) {
    scopes_.push_back(model::SiteRegistry::process().intern_scope(name, "", {}).id);
  }
}

Simulation::~Simulation() = default;

// -- what happens -------------------------------------------------------------------------------

Outcome Simulation::run() {
  const uint64_t actions = 20 + below(200);
  const bool stops_in_the_middle = one_in(3);
  for (uint64_t i = 0; i < actions; ++i) act();
  if (!stops_in_the_middle) settle_everything();
  shut_down();
  Outcome outcome;
  outcome.numbers = numbers_of(pipeline_->ledger().snapshot());
  outcome.steps = steps_;
  for (const auto& route : routes_) outcome.taken += route->taken.size();
  outcome.flushes = flushes_;
  return outcome;
}

void Simulation::act() {
  switch (below(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      emit_some();
      return check("emit");
    case 5:
    case 6:
    case 7:
      return step_intake(one_in(6));
    case 8:
    case 9:
    case 10:
      return step_delivery();
    case 11:
    case 12:
      return pass_time();
    case 13:
      come_and_go();
      return check("a thread came or went");
    case 14:
      return flush_some();
    default:
      pipeline_->delivery().retry_now();
      return check("retry_now");
  }
}

void Simulation::emit_some() {
  const auto emitter = static_cast<uint32_t>(below(emitters_.size()));
  const auto lane = static_cast<uint32_t>(below(options_.lanes.size()));
  const uint64_t records = 1 + below(one_of({2, 10, 100}));
  for (uint64_t i = 0; i < records; ++i) {
    emit(one_in(8) ? static_cast<uint32_t>(below(emitters_.size())) : emitter, lane);
  }
}

void Simulation::emit(uint32_t emitter, uint32_t lane) {
  const uint64_t id = emitted_.size();
  const std::string pad = pad_of(id, below(largest_pad_ + 1));
  forebay_attribute attribute{"pad", 3, 0, {}};
  attribute.value.type = FOREBAY_STRING;
  attribute.value.size = static_cast<uint32_t>(pad.size());
  attribute.value.as.data = pad.data();
  forebay_extra extra{};
  extra.struct_size = sizeof extra;
  extra.time_unix_nano = id;
  extra.attributes = &attribute;
  extra.attribute_count = 1;
  model::RecordInput input;
  input.extra = &extra;
  input.scope = one_of({scopes_[0], scopes_[0], scopes_[1], scopes_[2]});
  input.severity = static_cast<uint8_t>(below(25));
  emitted_.push_back(
      {emitters_[emitter].thread, lane, input.scope, static_cast<uint32_t>(pad.size()), false});

  const account::ThreadCounters& counters = emitters_[emitter].counters;
  const SeverityClass severity = severity_class(input.severity);
  counters.add(lane, EmitName::kEmitted, severity);
  ++counted_["emitted"];
  bool cut = false;
  const Admission admission = emit_record(emitter, lane, input, cut);
  emitted_[id].cut = cut;
  switch (admission) {
    case Admission::kAccepted:
      ++counted_["accepted"];
      break;
    case Admission::kWouldBlock:
      counters.add(lane, EmitName::kEmitted, severity, static_cast<uint64_t>(-1));
      --counted_["emitted"];
      break;
    case Admission::kRefusedQueueFull:
      counters.add(lane, EmitName::kRefusedQueueFull, severity);
      ++counted_["refused.queue_full"];
      break;
    case Admission::kRefusedBlockTimeout:
      counters.add(lane, EmitName::kRefusedBlockTimeout, severity);
      ++counted_["refused.block_timeout"];
      break;
    case Admission::kRefusedShutdown:
      counters.add(lane, EmitName::kRefusedShutdown, severity);
      ++counted_["refused.shutdown"];
      expect(is_shut_down_, "an open lane refuses nothing because of a shutdown");
      break;
    case Admission::kDroppedNewest:
      ++counted_["dropped.queue_full_newest"];
      break;
    case Admission::kDroppedTooLarge:
    case Admission::kDroppedMemory:
      expect(false, "a record that was cut fits its lane");
      break;
    case Admission::kDroppedEarly:
      expect(false, "emit itself never drops early");
      break;
  }
}

// As emit.cc does, with a limit that is the lane's alone.
queue::Admission Simulation::emit_record(uint32_t emitter, uint32_t lane,
                                         const model::RecordInput& input, bool& cut) {
  queue::LaneQueue& queue = *pipeline_->lanes()[lane].queue;
  queue::Producer*& producer = emitters_[emitter].producers[lane];
  if (producer == nullptr) producer = queue.attach();
  const account::ThreadCounters& counters = emitters_[emitter].counters;
  const uint32_t flags = one_in(5)   ? uint32_t{FOREBAY_EMIT_REPORT_BLOCK}
                         : one_in(5) ? uint32_t{FOREBAY_EMIT_SKIP_BLOCK}
                                     : 0;
  const uint64_t size = model::measure_record(input);
  if (size <= queue.largest_record()) {
    return queue.emit(*producer, input, static_cast<uint32_t>(size), pipeline_->ticks(), flags,
                      counters);
  }
  cut = true;
  const model::TruncatedRecord shorter(input, queue.largest_record());
  const uint64_t shorter_size = model::measure_record(shorter.input());
  expect(shorter_size <= queue.largest_record(), "a record that was cut is short enough");
  return queue.emit(*producer, shorter.input(), static_cast<uint32_t>(shorter_size),
                    pipeline_->ticks(), flags, counters);
}

void Simulation::come_and_go() {
  Emitter& emitter = emitters_[below(emitters_.size())];
  for (size_t lane = 0; lane < emitter.producers.size(); ++lane) {
    if (emitter.producers[lane] == nullptr) continue;
    pipeline_->lanes()[lane].queue->detach(emitter.producers[lane]);
    emitter.producers[lane] = nullptr;
  }
  pipeline_->ledger().give_back(emitter.counters);
  emitter.counters = pipeline_->ledger().lease();
  emitter.thread = ++threads_;
}

void Simulation::step_intake(bool everything) {
  pipeline_->intake().step(everything);
  check(everything ? "intake.step(everything)" : "intake.step");
}

void Simulation::step_delivery() {
  pipeline_->delivery().step(Duration::zero(), one_in(8));
  check("delivery.step");
}

void Simulation::pass_time() {
  clock_.advance(Duration{
      static_cast<Duration::rep>(below(static_cast<uint64_t>(longest_jump_.count()) + 1))});
  if (one_in(20)) clock_.step_wall(seconds{static_cast<int64_t>(below(200)) - 100});
  check("time");
}

// As Pipeline::flush does, a piece at a time.
void Simulation::flush_some() {
  if (!flush_) {
    flush_ = Flush{.up_to = emitted_.size() - 1};
    pipeline_->intake().begin_flush();
  } else if (!flush_->drained) {
    step_intake(true);
    flush_->drained = pipeline_->intake().is_flushed();
    flush_->last_batch = pipeline_->intake().last_batch();
  } else if (pipeline_->books().is_clear_to(flush_->last_batch)) {
    flushed_up_to_ = flush_->up_to;
    flush_.reset();
    ++flushes_;
  } else {
    step_delivery();
  }
}

void Simulation::settle_everything() {
  for (const auto& route : routes_) {
    for (const auto& destination : route->destinations) destination->faults = Faults{};
  }
  // The longest Retry-After, then one backoff, then everything goes.
  constexpr Duration kBound = seconds{300 + 60 + 60};
  const MonotonicTime begin = clock_.now();
  const auto held = [&] {
    const std::map<std::string, int64_t> numbers = numbers_of(pipeline_->ledger().snapshot());
    int64_t sum = numbers.at("in_queue") + numbers.at("in_batch");
    for (const auto& route : routes_) sum += numbers.at("routes." + route->name + ".held");
    return sum;
  };
  while (held() != 0) {
    expect(clock_.now() - begin < kBound, "all is settled " + std::to_string(kBound / seconds{1}) +
                                              " s after the last fault, but " +
                                              std::to_string(held()) + " are held");
    for (int i = 0; i < 4; ++i) {
      step_intake(false);
      step_delivery();
    }
    clock_.advance(milliseconds{500});
  }
  expect(!pipeline_->books().has_waiting() && pipeline_->books().backlog_bytes() == 0,
         "nothing is in the backlog");
}

void Simulation::shut_down() {
  pipeline_->shutdown(std::chrono::steady_clock::now());
  is_shut_down_ = true;
  audit_every_ = 1;
  check("shutdown");
  const int64_t before = counted_["refused.shutdown"];
  for (uint32_t lane = 0; lane < options_.lanes.size(); ++lane) emit(0, lane);
  check("emit after shutdown");
  expect(counted_["refused.shutdown"] == before + static_cast<int64_t>(options_.lanes.size()),
         "a lane that is closed refuses");
  come_and_go();
  check_ended();
}

}  // namespace forebay::simulation
