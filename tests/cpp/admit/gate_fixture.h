// A gate with a clock that is moved by hand, and records to ask it about.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "admit/gate.h"
#include "admit/thread_gate.h"
#include "record_maker.h"

namespace forebay::admit {

class GateTest : public ::testing::Test {
 protected:
  using Answer = Permit::Answer;

  static SamplingRule ratio(double ratio) {
    SamplingRule rule;
    rule.ratio = ratio;
    return rule;
  }
  static SamplingRule trace_ratio(double ratio) {
    SamplingRule rule;
    rule.kind = SamplingRule::Kind::kTraceRatio;
    rule.ratio = ratio;
    return rule;
  }
  static SamplingRule burst(uint64_t first, uint64_t then_every,
                            Duration interval = std::chrono::seconds{1}) {
    SamplingRule rule;
    rule.kind = SamplingRule::Kind::kBurst;
    rule.first = first;
    rule.then_every = then_every;
    rule.interval = interval;
    return rule;
  }

  // One gate a test. Without lanes there is one that takes everything.
  Gate& make(GateOptions options) {
    if (options.lanes.empty()) options.lanes.emplace_back();
    gate_ = std::make_unique<Gate>(std::move(options), ticks_);
    thread_ = gate_->lease();
    return *gate_;
  }
  Gate& sampled(std::vector<SamplingRule> rules) {
    GateOptions options;
    options.sampling = std::move(rules);
    return make(std::move(options));
  }
  Gate& limited(const RateLimitOptions& limit) {
    GateOptions options;
    options.limits = {limit};
    return make(std::move(options));
  }
  // As the drain thread does between two steps.
  void pass(Duration time) {
    clock_.advance(time);
    gate_->advance_epoch();
  }

  const LoggerRules& logger(const std::string& name) {
    for (const auto& known : loggers_) {
      if (known->logger == name) return *known;
    }
    const std::string& kept = names_.emplace_back(name);
    const auto scope = static_cast<uint32_t>(loggers_.size());
    loggers_.push_back(std::make_unique<LoggerRules>(gate_->rules_of(kept, scope)));
    return *loggers_.back();
  }
  static model::RecordInput record(const model::Site* site, uint32_t severity = 9) {
    model::RecordInput input;
    input.site = site;
    input.severity = severity;
    return input;
  }
  static Permit permit_of(ThreadGate& thread, const SiteRules& rules,
                          const model::RecordInput& input) {
    Permit permit;
    thread.ask(rules, ThreadGate::lane_of(rules, input), input, permit);
    return permit;
  }
  Permit ask(const model::RecordInput& input, const std::string& name = "app",
             ThreadGate* thread = nullptr) {
    ThreadGate& asked = thread != nullptr ? *thread : *thread_;
    const SiteRules* rules = asked.rules_for(logger(name), input);
    return permit_of(asked, *rules, input);
  }
  // The permits of so many equal records.
  std::vector<Permit> ask_for(size_t count, const model::RecordInput& input,
                              const std::string& name = "app") {
    std::vector<Permit> permits;
    for (size_t i = 0; i < count; ++i) permits.push_back(ask(input, name));
    return permits;
  }
  static size_t admitted(const std::vector<Permit>& permits) {
    size_t count = 0;
    for (const Permit& permit : permits) count += permit.answer == Answer::kAdmitted ? 1 : 0;
    return count;
  }
  static uint64_t weight(const std::vector<Permit>& permits) {
    uint64_t sum = 0;
    for (const Permit& permit : permits) {
      if (permit.answer == Answer::kAdmitted) sum += permit.weight;
    }
    return sum;
  }

  const model::Site* const site_ = make_site({.body = "a message"});
  const model::Site* const other_ = make_site({.body = "another message"});
  ManualClock clock_;
  const TickSource ticks_{&clock_};
  std::unique_ptr<Gate> gate_;
  ThreadGate* thread_ = nullptr;

 private:
  std::deque<std::string> names_;
  std::vector<std::unique_ptr<LoggerRules>> loggers_;
};

}  // namespace forebay::admit
