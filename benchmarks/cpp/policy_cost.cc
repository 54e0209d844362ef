// What a policy costs an emit: configured and not triggered, against the same emit without it; and
// a record that a policy lets go. Method: benchmarks/README.md.
//
//   policy_cost [--json FILE] [--repeats N]
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "bursts.h"
#include "figures.h"
#include "forebay_subject.h"
#include "program_options.h"
#include "silent_server.h"
#include "tick_timer.h"

namespace forebay::bench {
namespace {

constexpr int64_t kQueue = 65'536;

struct Policy {
  std::string name;
  std::vector<std::pair<std::string, std::string>> texts;
  std::vector<std::pair<std::string, int64_t>> numbers;
  std::vector<std::pair<std::string, double>> fractions{};
};

// None of them has anything to do for the record that is measured: INFO, logger "bench", with
// route, status and elapsed_ms.
const std::vector<Policy> kUntriggered = {
    {"nothing", {}, {}},  // the same collector twice: what the method itself adds
    {"rate_limit_by_lane", {}, {{"lanes[0].rate_limit.per_second", 1'000'000'000}}},
    {"rate_limit_by_logger",
     {{"lanes[0].rate_limit.by", "logger"}},
     {{"lanes[0].rate_limit.per_second", 1'000'000'000}}},
    {"rate_limit_by_site",
     {{"lanes[0].rate_limit.by", "site"}},
     {{"lanes[0].rate_limit.per_second", 1'000'000'000}}},
    {"sampling_of_another_logger",
     {{"sampling[0].type", "ratio"}, {"sampling[0].logger", "noisy.*"}},
     {{"sampling[0].ratio", 0}}},
    {"sampling_ratio_of_all", {{"sampling[0].type", "ratio"}}, {{"sampling[0].ratio", 1}}},
    {"sampling_burst_not_reached",
     {{"sampling[0].type", "burst"}},
     {{"sampling[0].first", 1'000'000'000}}},
    {"sampling_by_attribute",
     {{"sampling[0].type", "ratio"}, {"sampling[0].attribute:route", "/health"}},
     {{"sampling[0].ratio", 0}}},
    {"sampling_by_trace_without_one",
     {{"sampling[0].type", "trace_ratio"}},
     {{"sampling[0].ratio", 0}}},
    {"early_drop_not_reached",
     {},
     {},
     {{"lanes[0].early_drop.start", 0.9}, {"lanes[0].early_drop.full", 0.99}}},
    {"drop_oldest", {{"lanes[0].on_full[0]", "drop_oldest"}}, {}},
    {"block_then_drop_oldest",
     {{"lanes[0].on_full[0]", "block"}, {"lanes[0].on_full[1]", "drop_oldest"}},
     {{"lanes[0].on_full[0].timeout", 1}}},
    {"max_age", {}, {{"lanes[0].max_age", 60}}},
    {"recorder", {}, {{"recorder.level", 5}}},
};

CollectorOptions with(const Policy& policy, CollectorOptions options) {
  for (const auto& [key, text] : policy.texts) {
    if (key.starts_with("lanes[0].on_full[0]")) {
      std::erase_if(options.texts,
                    [](const auto& one) { return one.first == "lanes[0].on_full[0]"; });
    }
    options.texts.emplace_back(key, text);
  }
  for (const auto& [key, number] : policy.numbers) options.numbers.emplace_back(key, number);
  options.fractions = policy.fractions;
  return options;
}

CollectorOptions with_lane_by_attribute() {
  CollectorOptions options = to_nowhere(kQueue, "drop_newest");
  for (auto& [key, text] : options.texts) {
    if (key.starts_with("lanes[0].")) key.replace(0, 8, "lanes[1]");
  }
  for (auto& [key, number] : options.numbers) {
    if (key.starts_with("lanes[0].")) key.replace(0, 8, "lanes[1]");
  }
  options.texts.emplace_back("lanes[0].name", "health");
  options.texts.emplace_back("lanes[0].attribute:route", "/health");
  return options;
}

// Bursts of the two in turn, so that both see the same machine.
bool measure_pair(const TickScale& scale, Subject& plain, Subject& policy, const std::string& name,
                  Figures& figures) {
  std::vector<double> without;
  std::vector<double> with_it;
  for (size_t burst = 0; burst < kBursts / 2; ++burst) {
    without.push_back(mean_ns(scale, plain, kBurstRecords));
    if (!plain.settle()) return false;
    with_it.push_back(mean_ns(scale, policy, kBurstRecords));
    if (!policy.settle()) return false;
  }
  figures.add("untriggered." + name + "_ns", quantile(with_it, 0.5) - quantile(without, 0.5));
  const double two = together_ns(scale, plain, 2);
  const double two_with_it = together_ns(scale, policy, 2);
  figures.add("untriggered_2_producers." + name + "_ns", two_with_it - two);
  figures.add("untriggered.lost", static_cast<double>(plain.lost() + policy.lost()));
  return true;
}

void repeat_untriggered(const TickScale& scale, Figures& figures) {
  std::vector<std::pair<std::string, CollectorOptions>> all;
  for (const Policy& policy : kUntriggered) {
    all.emplace_back(policy.name, with(policy, to_nowhere(kQueue, "drop_newest")));
  }
  all.emplace_back("lane_by_attribute", with_lane_by_attribute());
  for (const auto& [name, options] : all) {
    std::string error;
    const auto plain = ForebaySubject::create(to_nowhere(kQueue, "drop_newest"), error);
    const auto policy = ForebaySubject::create(options, error);
    if (plain == nullptr || policy == nullptr ||
        !measure_pair(scale, *plain, *policy, name, figures)) {
      figures.note("missing." + name, error.empty() ? "the queue was not emptied in 10 s" : error);
    }
  }
}

double median_burst(const TickScale& scale, Subject& subject) {
  std::vector<double> means;
  for (size_t burst = 0; burst < kBursts; ++burst) {
    means.push_back(mean_ns(scale, subject, kBurstRecords));
  }
  return quantile(means, 0.5);
}

void repeat_suppressed(const TickScale& scale, const SilentServer& server, Figures& figures) {
  const std::vector<Policy> policies = {
      {"sampled_out", {{"sampling[0].type", "ratio"}}, {{"sampling[0].ratio", 0}}},
      {"sampled_out_burst",
       {{"sampling[0].type", "burst"}},
       {{"sampling[0].first", 0}, {"sampling[0].then_every", 0}}},
      {"rate_limited_by_lane", {}, {{"lanes[0].rate_limit.per_second", 0}}},
      {"rate_limited_by_site_10k",
       {{"lanes[0].rate_limit.by", "site"}},
       {{"lanes[0].rate_limit.per_second", 10'000}, {"lanes[0].rate_limit.burst", 100}}},
      {"early_drop",
       {},
       {},
       {{"lanes[0].early_drop.start", 0.001}, {"lanes[0].early_drop.full", 0.002}}},
  };
  for (const Policy& policy : policies) {
    const bool is_full = policy.name == "early_drop";
    std::string error;
    const auto subject =
        ForebaySubject::create(with(policy, is_full ? to_silence(server.url(), 1'024, "drop_newest")
                                                    : to_nowhere(kQueue, "drop_newest")),
                               error);
    if (subject == nullptr) {
      figures.note("missing." + policy.name, error);
      continue;
    }
    for (int quiet = 0, tries = 0; is_full && quiet < 200 && tries < 20'000; ++tries) {
      quiet = subject->emit(kBurstRecords) == 0 ? quiet + 1 : 0;
      std::this_thread::sleep_for(std::chrono::microseconds{500});
    }
    median_burst(scale, *subject);
    figures.add("suppressed." + policy.name + "_ns", median_burst(scale, *subject));
  }
}

// Each burst of either after a rest, which the plain one needs to be drained: what a core forgets
// in it, both must fetch again.
void measure_in_turn(const TickScale& scale, Subject& subject, std::vector<double>& of_subject,
                     Subject& plain, std::vector<double>& of_plain) {
  for (size_t burst = 0; burst < kBursts; ++burst) {
    of_subject.push_back(mean_ns(scale, subject, kBurstRecords));
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
    of_plain.push_back(mean_ns(scale, plain, kBurstRecords));
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
    plain.settle();
  }
}

// A lane that is full and stays so: each emit lets an older record go.
void repeat_drop_oldest(const TickScale& scale, const SilentServer& server, Figures& figures) {
  std::string error;
  const auto subject =
      ForebaySubject::create(to_silence(server.url(), 8'192, "drop_oldest"), error);
  const auto plain = ForebaySubject::create(to_nowhere(kQueue, "drop_newest"), error);
  if (subject == nullptr || plain == nullptr) return figures.note("missing.drop_oldest", error);
  for (int tries = 0; tries < 2'000; ++tries) {  // until the backlog is full too
    static_cast<void>(subject->emit(kBurstRecords));
    std::this_thread::sleep_for(std::chrono::microseconds{500});
  }
  std::vector<double> full;
  std::vector<double> normal;
  measure_in_turn(scale, *subject, full, *plain, normal);
  std::vector<double> both[2];
  std::thread other([&] {
    for (size_t burst = 0; burst < 5 * kBursts; ++burst) {
      both[1].push_back(mean_ns(scale, *subject, kBurstRecords));
    }
  });
  for (size_t burst = 0; burst < 5 * kBursts; ++burst) {
    both[0].push_back(mean_ns(scale, *subject, kBurstRecords));
  }
  other.join();
  both[0].insert(both[0].end(), both[1].begin(), both[1].end());
  const double emit = quantile(normal, 0.5);
  figures.add("drop_oldest_ns", quantile(full, 0.5));
  figures.add("drop_oldest_over_emit", quantile(full, 0.5) / emit);
  figures.add("drop_oldest_2_producers_over_emit", quantile(both[0], 0.5) / emit);
}

// Below the level, into the flight recorder's ring, against a normal emit.
void repeat_recorder(const TickScale& scale, Figures& figures) {
  std::string error;
  CollectorOptions options = to_nowhere(kQueue, "drop_newest");
  options.numbers.emplace_back("recorder.level", 5);
  const auto subject = ForebaySubject::create(options, error, 17);
  const auto plain = ForebaySubject::create(to_nowhere(kQueue, "drop_newest"), error);
  if (subject == nullptr || plain == nullptr) return figures.note("missing.recorder", error);
  std::vector<double> recorded;
  std::vector<double> normal;
  measure_in_turn(scale, *subject, recorded, *plain, normal);
  figures.add("recorder_ns", quantile(recorded, 0.5));
  figures.add("recorder_over_emit", quantile(recorded, 0.5) / quantile(normal, 0.5));
}

int run(const std::string& json, int repeats) {
  const TickScale scale = calibrate();
  const SilentServer server;
  Figures figures;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    repeat_untriggered(scale, figures);
    repeat_suppressed(scale, server, figures);
    repeat_drop_oldest(scale, server, figures);
    repeat_recorder(scale, figures);
  }
  return write_json(figures, json) ? 0 : 1;
}

}  // namespace
}  // namespace forebay::bench

int main(int argc, char** argv) {
  using forebay::bench::ProgramOptions;
  const ProgramOptions options = ProgramOptions::from(argc, argv);
  return forebay::bench::run(options.json, options.repeats);
}
