#include "simulation.h"

#include <stdexcept>

#include "model/site.h"

namespace forebay::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

Simulation::Simulation(uint64_t seed) : random_(seed) {
  draw_options();
  for (size_t i = 0; i < options_.pipeline.routes.size(); ++i) draw_route(i);
  make_collector();
  make_loggers();
  emitters_.resize(1 + below(6));
  for (Emitter& emitter : emitters_) {
    emitter.binding = std::make_unique<engine::ThreadBinding>(*incarnation_);
    emitter.thread = ++threads_;
  }
}

// What the collector keeps for ever must not point here.
Simulation::~Simulation() { engine::current_binding = nullptr; }

void Simulation::make_collector() {
  engine::Surroundings surroundings;
  surroundings.clock = &clock_;
  surroundings.make_exporters = [this](const engine::CollectorOptions&) {
    engine::MadeExporters exporters;
    for (const auto& route : routes_) {
      auto& destinations = exporters.routes.emplace_back();
      for (const auto& destination : route->destinations) {
        destinations.push_back(std::make_unique<Borrowed>(*destination));
      }
    }
    return exporters;
  };
  engine::Registry& registry = engine::Registry::process();
  collector_ = registry.create_simulated(options_, surroundings);
  expect(registry.activate(*collector_), "a collector can be made");
  incarnation_ = collector_->incarnation();
}

void Simulation::make_loggers() {
  const auto level = static_cast<uint32_t>(one_of({1, 1, 9, 13}));
  for (const std::string_view name :
       {"simulation.a", "simulation.b", "simulation.c", "simulation.d"}) {
    forebay_logger_spec spec{};
    spec.struct_size = sizeof spec;
    spec.name = {name.data(), name.size()};
    spec.min_severity = level;
    engine::Registry& registry = engine::Registry::process();
    engine::Logger* logger = registry.logger(collector_, &spec);
    expect(registry.bind(*logger, 24) == FOREBAY_ACCEPTED, "a logger can be bound");
    loggers_.push_back(logger);
  }
}

// -- what happens -------------------------------------------------------------------------------

Outcome Simulation::run() {
  const uint64_t actions = 20 + below(200);
  const bool stops_in_the_middle = one_in(3);
  for (uint64_t i = 0; i < actions; ++i) act();
  if (!stops_in_the_middle) settle_everything();
  shut_down();
  Outcome outcome;
  outcome.numbers = numbers();
  outcome.steps = steps_;
  for (const auto& route : routes_) outcome.taken += route->taken.size();
  outcome.flushes = flushes_;
  return outcome;
}

void Simulation::act() {
  switch (below(17)) {
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
    case 15:
      if (pipeline().recorder() != nullptr) pipeline().dump_recorder();
      return check("dump_recorder");
    default:
      pipeline().delivery().retry_now();
      return check("retry_now");
  }
}

void Simulation::emit_some() {
  const auto emitter = static_cast<uint32_t>(below(emitters_.size()));
  engine::Logger& logger = *loggers_[below(loggers_.size())];
  const uint64_t records = 1 + below(one_of({2, 10, 100}));
  for (uint64_t i = 0; i < records; ++i) {
    emit(one_in(8) ? static_cast<uint32_t>(below(emitters_.size())) : emitter, logger);
  }
}

void Simulation::come_and_go() {
  Emitter& emitter = emitters_[below(emitters_.size())];
  engine::current_binding = nullptr;
  emitter.binding->give_back();
  emitter.binding = std::make_unique<engine::ThreadBinding>(*incarnation_);
  emitter.thread = ++threads_;
}

void Simulation::step_intake(bool everything) {
  pipeline().intake().step(everything);
  check(everything ? "intake.step(everything)" : "intake.step");
}

void Simulation::step_delivery() {
  pipeline().delivery().step(Duration::zero(), one_in(8));
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
    // What two flushes tell of has a time of its own.
    clock_.advance(Duration{1});
    pipeline().intake().begin_flush();
  } else if (!flush_->drained) {
    step_intake(true);
    flush_->drained = pipeline().intake().is_flushed();
    flush_->last_batch = pipeline().intake().last_batch();
  } else if (pipeline().books().is_clear_to(flush_->last_batch)) {
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
    const std::map<std::string, int64_t> now = numbers();
    int64_t sum = now.at("in_queue") + now.at("in_batch");
    for (const auto& route : routes_) sum += now.at("routes." + route->name + ".held");
    return sum;
  };
  bool has_flushed = false;
  while (held() != 0 || !has_flushed) {
    expect(clock_.now() - begin < kBound, "all is settled " + std::to_string(kBound / seconds{1}) +
                                              " s after the last fault, but " +
                                              std::to_string(held()) + " are held");
    // One that was begun, and a whole one: it tells of the weights that no record carries.
    const uint64_t flushes = flushes_;
    if (!flush_ || flush_->up_to != emitted_.size() - 1) has_flushed = false;
    for (int i = 0; i < 4; ++i) {
      step_intake(false);
      step_delivery();
      flush_some();
    }
    if (flushes_ != flushes && flushed_up_to_ == emitted_.size() - 1) has_flushed = true;
    clock_.advance(milliseconds{500});
  }
  expect(!pipeline().books().has_waiting() && pipeline().books().backlog_bytes() == 0,
         "nothing is in the backlog");
  expect(snapshot().represented().pending == 0,
         "after a flush no weight is left that no record carries");
}

void Simulation::shut_down() {
  collector_->shutdown(0, [](std::string_view, int64_t) {});
  is_shut_down_ = true;
  audit_every_ = 1;
  check("shutdown");
  const int64_t before = counted_["refused.shutdown"];
  for (engine::Logger* logger : loggers_) emit(0, *logger);
  check("emit after shutdown");
  expect(counted_["refused.shutdown"] + counted_["disabled"] >= before, "nothing comes in");
  come_and_go();
  check_ended();
  engine::Registry::process().release(*collector_);
}

}  // namespace forebay::simulation
