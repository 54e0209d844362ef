// What an emit costs its caller: a record with a string, an int and a double, Forebay through the C
// ABI's function table against spdlog's asynchronous logger. Method: benchmarks/README.md.
//
//   emit_latency [--json FILE] [--repeats N] [--part bursts|overload|refusal]
#include <chrono>
#include <cstdlib>
#include <functional>
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
#include "spdlog_subject.h"
#include "tick_timer.h"

namespace forebay::bench {
namespace {

constexpr int64_t kForebayQueue = 65'536;  // each with the capacity that it has by default
constexpr size_t kSpdlogQueue = 8'192;
constexpr int64_t kOverloadQueue = 8'192;  // the same for both
constexpr size_t kOverloadRecords = 1'000'000;

// Bursts that fit the queue, each after the consumer has taken the one before. Bursts whose every
// emit is timed alternate with bursts that are timed as a whole: the stamps cost as much as an
// emit.
bool measure_bursts(const TickScale& scale, Subject& subject, const std::string& prefix,
                    Figures& figures) {
  std::vector<double> means;
  std::vector<double> single;
  std::vector<uint64_t> taken(kBurstRecords);
  for (size_t burst = 0; burst < kBursts; ++burst) {
    means.push_back(mean_ns(scale, subject, kBurstRecords));
    if (!subject.settle()) return false;
    subject.emit_timed(taken);
    for (const uint64_t one : taken) single.push_back(static_cast<double>(one));
    if (!subject.settle()) return false;
  }
  figures.add(prefix + ".burst_mean_ns", quantile(means, 0.5));
  figures.add(prefix + ".p50_ns", scale.ns_over_floor(quantile(single, 0.5)));
  figures.add(prefix + ".p99_ns", scale.ns_over_floor(quantile(single, 0.99)));
  figures.add(prefix + ".p999_ns", scale.ns_over_floor(quantile(single, 0.999)));
  return true;
}

struct Subjects {
  std::unique_ptr<Subject> forebay;
  std::unique_ptr<Subject> spdlog;
};

// A new collector and a new worker a repeat, so that no repeat inherits the memory of another.
bool repeat_bursts(const TickScale& scale, Figures& figures, std::string& error) {
  Subjects subjects{ForebaySubject::create(to_nowhere(kForebayQueue, "drop_newest"), error),
                    make_spdlog_subject(kSpdlogQueue, WhenFull::kBlock)};
  if (subjects.spdlog != nullptr) {
    measure_bursts(scale, *subjects.spdlog, "spdlog.emit", figures);
  }
  if (subjects.forebay == nullptr) return false;
  if (!measure_bursts(scale, *subjects.forebay, "forebay.emit", figures)) {
    error = "the drain thread did not empty the queue in 10 s";
    return false;
  }
  for (const size_t producers : {size_t{1}, size_t{2}}) {
    const std::string name = ".emit_" + std::to_string(producers) + "_producers_ns";
    const double ns = together_ns(scale, *subjects.forebay, producers);
    if (ns < 0) {
      error = "the drain thread did not empty the queue in 10 s";
      return false;
    }
    figures.add("forebay" + name, ns);
    if (subjects.spdlog != nullptr) {
      figures.add("spdlog" + name, together_ns(scale, *subjects.spdlog, producers));
    }
  }
  // More than nothing here means that bursts did not fit, and that the figures above are no
  // figures.
  figures.add("forebay.emit.lost", static_cast<double>(subjects.forebay->lost()));
  return true;
}

bool repeat_overload(const TickScale& scale, Figures& figures, std::string& error) {
  // As many records again before each clock starts: the first fill of a queue is no overload yet.
  const auto overload = [&](Subject* subject, const std::string& name) {
    if (subject == nullptr) return;
    mean_ns(scale, *subject, kOverloadRecords);
    figures.add(name + "_ns", mean_ns(scale, *subject, kOverloadRecords));
    figures.add(name + "_lost", static_cast<double>(subject->lost()));
    subject->settle();
  };
  for (const auto& [work, name] : {std::pair{Work::kCompress, "spdlog.overload"},
                                   std::pair{Work::kNone, "spdlog.overload_null_sink"}}) {
    overload(make_spdlog_subject(kOverloadQueue, WhenFull::kOverwriteOldest, work).get(), name);
  }
  const auto forebay = ForebaySubject::create(to_nowhere(kOverloadQueue, "drop_oldest"), error);
  overload(forebay.get(), "forebay.overload");
  return forebay != nullptr;
}

// Fills the lane until nothing has been taken for a while, then measures what a refusal costs.
bool repeat_refusal(const TickScale& scale, const SilentServer& server, Figures& figures,
                    std::string& error) {
  const auto subject =
      ForebaySubject::create(to_silence(server.url(), 1'024, "drop_newest"), error);
  if (subject == nullptr) return false;
  int quiet = 0;
  for (int tries = 0; quiet < 200; ++tries) {
    if (tries == 200'000) {
      error = "the lane never stayed full";
      return false;
    }
    quiet = subject->emit(kBurstRecords) == 0 ? quiet + 1 : 0;
    std::this_thread::sleep_for(std::chrono::microseconds{500});
  }
  std::vector<double> means;
  size_t accepted = 0;
  for (size_t burst = 0; burst < kBursts; ++burst) {
    const uint64_t begin = ticks();
    accepted += subject->emit(kBurstRecords);
    means.push_back(scale.ns(static_cast<double>(ticks() - begin)) / kBurstRecords);
  }
  figures.add("forebay.refuse_newest_ns", quantile(means, 0.5));
  figures.add("forebay.refuse_newest_accepted", static_cast<double>(accepted));
  return true;
}

int run(const std::string& json, int repeats, std::string_view only) {
  const TickScale scale = calibrate();
  const SilentServer server;
  Figures figures;
  figures.add("floor_ns", scale.floor_ns);
  figures.add("ns_per_tick", scale.ns_per_tick);
  figures.note("caller_compiler", caller_compiler());
  const std::vector<std::pair<std::string, std::function<bool(std::string&)>>> parts = {
      {"bursts", [&](std::string& error) { return repeat_bursts(scale, figures, error); }},
      {"overload", [&](std::string& error) { return repeat_overload(scale, figures, error); }},
      {"refusal",
       [&](std::string& error) { return repeat_refusal(scale, server, figures, error); }},
  };
  for (int repeat = 0; repeat < repeats; ++repeat) {
    for (const auto& [name, measure] : parts) {
      std::string error;
      if (!only.empty() && only != name) continue;
      if (!measure(error)) figures.note("missing." + name, error);
    }
  }
  if (make_spdlog_subject(kSpdlogQueue, WhenFull::kBlock) == nullptr) {
    figures.note("missing.spdlog",
                 "built without spdlog: install the Debian package libspdlog-dev");
  }
  return write_json(figures, json) ? 0 : 1;
}

}  // namespace
}  // namespace forebay::bench

int main(int argc, char** argv) {
  using forebay::bench::ProgramOptions;
  const ProgramOptions options = ProgramOptions::from(argc, argv);
  return forebay::bench::run(options.json, options.repeats, options.part);
}
