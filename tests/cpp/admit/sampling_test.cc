#include <cstring>
#include <thread>

#include "base/random.h"
#include "gate_fixture.h"

namespace forebay::admit {
namespace {

using SamplingTest = GateTest;

TEST_F(SamplingTest, a_ratio_keeps_the_first_and_then_every_so_many) {
  sampled({ratio(0.1)});
  const std::vector<Permit> permits = ask_for(1000, record(site_));
  EXPECT_EQ(admitted(permits), 100u);
  for (size_t i = 0; i < permits.size(); ++i) {
    ASSERT_EQ(permits[i].answer == Answer::kAdmitted, i % 10 == 0) << i;
  }
  EXPECT_EQ(permits[0].weight, 1u) << "nothing was suppressed before the first";
  EXPECT_EQ(permits[10].weight, 10u);
}

TEST_F(SamplingTest, any_ratio_is_exact_in_the_long_run_and_weights_add_up) {
  const uint64_t seed = 99;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 20; ++round) {
    const double share = random.unit();
    Gate& gate = sampled({ratio(share)});
    thread_ = gate.lease();
    const size_t records = 1000 + random.below(5000);
    uint64_t kept = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < records; ++i) {
      model::RecordInput input = record(site_);
      const SiteRules* rules = thread_->rules_for(logger("app" + std::to_string(round)), input);
      const Permit permit = permit_of(*thread_, *rules, input);
      if (permit.answer != Answer::kAdmitted) continue;
      ++kept;
      sum += permit.weight;
    }
    EXPECT_NEAR(static_cast<double>(kept), share * static_cast<double>(records), 1.0) << share;
    EXPECT_EQ(sum + gate.pending(), records) << share;
  }
}

TEST_F(SamplingTest, the_ends_of_a_ratio_keep_everything_and_nothing) {
  sampled({ratio(1.0)});
  EXPECT_EQ(admitted(ask_for(100, record(site_))), 100u);
  SamplingRule none = ratio(0.0);
  Gate& gate = sampled({none});
  const LoggerRules own = gate.rules_of("own", 78);
  for (int i = 0; i < 100; ++i) {
    const SiteRules* found = thread_->rules_for(own, record(site_));
    EXPECT_EQ(permit_of(*thread_, *found, record(site_)).answer, Answer::kSampledOut);
  }
  EXPECT_EQ(gate.pending(), 100u);
}

TEST_F(SamplingTest, a_ratio_counts_each_logger_and_severity_for_itself) {
  sampled({ratio(0.5)});
  EXPECT_EQ(ask(record(site_), "a").answer, Answer::kAdmitted);
  EXPECT_EQ(ask(record(site_), "b").answer, Answer::kAdmitted);
  EXPECT_EQ(ask(record(site_, 5), "a").answer, Answer::kAdmitted);
  EXPECT_EQ(ask(record(other_), "a").answer, Answer::kSampledOut)
      << "two call sites of a logger are counted together";
}

TEST_F(SamplingTest, the_first_rule_that_matches_decides) {
  SamplingRule debug = ratio(0.0);
  debug.max_severity = 8;
  SamplingRule noisy = ratio(0.0);
  noisy.logger = LoggerPattern("noisy");
  sampled({debug, noisy, ratio(1.0)});
  EXPECT_EQ(ask(record(site_, 5)).answer, Answer::kSampledOut);
  EXPECT_EQ(ask(record(site_, 9), "noisy").answer, Answer::kSampledOut);
  EXPECT_EQ(ask(record(site_, 9)).answer, Answer::kAdmitted);
  EXPECT_EQ(thread_->sample_cells()->rule, 1u);
}

TEST_F(SamplingTest, a_rule_about_an_attribute_looks_at_the_value) {
  SamplingRule health = ratio(0.0);
  health.attributes.emplace_back("route", "/health");
  sampled({health});
  const model::Site* site = make_site({.body = "request", .keys = {"route"}});
  const forebay_value healthy = text_value("/health");
  const forebay_value items = text_value("/items");
  model::RecordInput input = record(site);
  input.value_count = 1;
  input.values = &healthy;
  EXPECT_EQ(ask(input).answer, Answer::kSampledOut);
  input.values = &items;
  EXPECT_EQ(ask(input).answer, Answer::kAdmitted);
  EXPECT_EQ(ask(input).weight, 1u) << "no rule matched it";
}

TEST_F(SamplingTest, a_burst_keeps_the_first_then_every_so_many_of_each_call_site) {
  sampled({burst(3, 10)});
  const std::vector<Permit> permits = ask_for(33, record(site_));
  std::vector<size_t> kept;
  for (size_t i = 0; i < permits.size(); ++i) {
    if (permits[i].answer == Answer::kAdmitted) kept.push_back(i);
  }
  EXPECT_EQ(kept, (std::vector<size_t>{0, 1, 2, 12, 22, 32}));
  EXPECT_EQ(permits[12].weight, 10u);
  EXPECT_EQ(ask(record(other_)).answer, Answer::kAdmitted) << "another call site has its own burst";
}

TEST_F(SamplingTest, a_burst_begins_anew_with_each_interval) {
  sampled({burst(2, 0)});
  EXPECT_EQ(admitted(ask_for(10, record(site_))), 2u);
  pass(std::chrono::milliseconds{999});
  EXPECT_EQ(admitted(ask_for(10, record(site_))), 0u);
  pass(std::chrono::milliseconds{1});
  const std::vector<Permit> next = ask_for(10, record(site_));
  EXPECT_EQ(admitted(next), 2u);
  EXPECT_EQ(next[0].weight, 19u) << "it stands for the 18 of the interval before";
  EXPECT_EQ(next[1].weight, 1u);
}

TEST_F(SamplingTest, all_records_of_a_trace_live_or_die_together) {
  sampled({trace_ratio(0.25)});
  Extra kept;
  kept.fields.trace_id[9] = 0xff;
  Extra gone;
  gone.fields.trace_id[9] = 0x7f;
  for (const model::Site* site : {site_, other_}) {
    model::RecordInput input = record(site);
    input.extra = &kept.fields;
    EXPECT_EQ(ask(input).answer, Answer::kAdmitted);
    EXPECT_EQ(ask(input, "other").weight, 4u);
    input.extra = &gone.fields;
    EXPECT_EQ(ask(input).answer, Answer::kSampledOut);
  }
  EXPECT_EQ(gate_->pending(), 0u) << "a trace's weight is fixed, not counted";
}

TEST_F(SamplingTest, a_record_without_a_trace_passes_on_to_the_next_rule) {
  sampled({trace_ratio(0.25), ratio(0.5)});
  const std::vector<Permit> permits = ask_for(10, record(site_));
  EXPECT_EQ(admitted(permits), 5u);
  EXPECT_EQ(thread_->sample_cells()->rule, 1u);
  Extra empty;
  model::RecordInput input = record(site_);
  input.extra = &empty.fields;
  EXPECT_EQ(admitted(ask_for(10, input)), 5u);
}

TEST_F(SamplingTest, the_weight_of_a_lost_record_waits_for_the_next_one) {
  Gate& gate = sampled({ratio(0.25)});
  (void)ask_for(4, record(site_));
  const Permit lost = ask(record(site_));
  ASSERT_EQ(lost.weight, 4u);
  EXPECT_EQ(gate.pending(), 0u);
  ThreadGate::lost(lost);
  EXPECT_EQ(gate.pending(), 3u);
  const std::vector<Permit> next = ask_for(4, record(site_));
  EXPECT_EQ(next[3].weight, 7u) << "three of before, three of now, and itself";
}

TEST_F(SamplingTest, a_record_that_comes_again_is_decided_as_if_it_never_had) {
  const uint64_t seed = 5;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (const SamplingRule& rule : {ratio(0.3), burst(5, 3)}) {
    Gate& gate = sampled({rule});
    const LoggerRules plain = gate.rules_of("plain", 1);
    const LoggerRules undone = gate.rules_of("undone", 2);
    const auto decide = [&](const LoggerRules& of) {
      const SiteRules* rules = thread_->rules_for(of, record(site_));
      return permit_of(*thread_, *rules, record(site_));
    };
    for (int i = 0; i < 200; ++i) {
      const Permit expected = decide(plain);
      Permit got = decide(undone);
      while (got.answer == Answer::kAdmitted && random.below(2) == 0) {
        ThreadGate::undo(got);
        got = decide(undone);
      }
      ASSERT_EQ(got.answer, expected.answer) << i;
      ASSERT_EQ(got.weight, expected.weight) << i;
    }
  }
}

TEST_F(SamplingTest, an_ended_threads_state_goes_to_the_next_thread) {
  Gate& gate = sampled({ratio(0.1)});
  (void)ask_for(5, record(site_));
  gate.give_back(thread_);
  EXPECT_EQ(gate.pending(), 4u);
  ThreadGate* const next = gate.lease();
  EXPECT_EQ(next, thread_);
  EXPECT_EQ(gate.lease() == thread_, false);
}

// Threads keep records, lose some of them, and the drain thread takes what is pending meanwhile:
// each suppressed record is told of exactly once.
TEST_F(SamplingTest, threads_and_the_collector_never_tell_of_a_record_twice_or_not_at_all) {
  Gate& gate = sampled({burst(0, 3)});
  constexpr int kThreads = 3;
  constexpr uint64_t kRecords = 60'000;   // of a thread, at least
  constexpr uint64_t kCollected = 1'000;  // at least, so that the two have met
  const LoggerRules& app = logger("app");
  std::atomic<uint64_t> sum{0};
  std::atomic<uint64_t> emitted{0};
  std::atomic<bool> enough{false};
  std::atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Random random(1000 + static_cast<uint64_t>(t));
      ThreadGate* thread = gate.lease();
      uint64_t kept = 0;
      uint64_t lost = 0;
      uint64_t records = 0;
      for (; records < kRecords || !enough.load(std::memory_order_relaxed); ++records) {
        const SiteRules* rules = thread->rules_for(app, record(site_));
        const Permit permit = permit_of(*thread, *rules, record(site_));
        if (permit.answer != Answer::kAdmitted) continue;
        if (random.below(4) == 0) {
          ThreadGate::lost(permit);
          ++lost;  // itself, which the queue refused
        } else {
          kept += permit.weight;
        }
      }
      sum += kept + lost;
      emitted += records;
      gate.give_back(thread);
      running.fetch_sub(1);
    });
  }
  uint64_t collected = 0;
  const auto collect = [&] {
    for (ThreadGate* thread : gate.threads()) {
      for (SampleCell* cell = thread->sample_cells(); cell != nullptr; cell = cell->next) {
        collected += cell->suppressed.claim();
      }
    }
  };
  while (running.load() != 0) {
    collect();
    if (collected >= kCollected) enough.store(true, std::memory_order_relaxed);
  }
  for (std::thread& thread : threads) thread.join();
  collect();
  EXPECT_EQ(sum.load() + collected, emitted.load());
  EXPECT_EQ(gate.pending(), 0u);
}

}  // namespace
}  // namespace forebay::admit
