// What a bound counter's add() costs its caller, with one thread and with two on the same series.
// Method: benchmarks/README.md.
//
//   counter_cost [--json FILE] [--repeats N]
#include <string>
#include <utility>

#include "bursts.h"
#include "counter_caller.h"
#include "figures.h"
#include "forebay/forebay.h"
#include "program_options.h"
#include "tick_timer.h"

namespace forebay::bench {
namespace {

// A counter in the place of a logger: nothing has to be consumed between bursts.
class CounterSubject final : public Subject {
 public:
  explicit CounterSubject(forebay::BoundCounter counter) : counter_(std::move(counter)) {}

  size_t emit(size_t count) override { return add_many(counter_, count); }
  void emit_timed(std::span<uint64_t> ticks_taken) override { add_timed(counter_, ticks_taken); }
  bool settle() override { return true; }
  [[nodiscard]] uint64_t lost() const override { return 0; }

 private:
  forebay::BoundCounter counter_;
};

bool measure(const TickScale& scale, Figures& figures, std::string& error) {
  forebay::Options options;
  options.exporter = forebay::NullExporter{};
  auto collector = forebay::Collector::create(options);
  if (!collector) {
    error = collector.status().message();
    return false;
  }
  auto counter = collector->counter("requests");
  if (!counter) {
    error = counter.status().message();
    return false;
  }
  CounterSubject subject(
      counter->bind({{"route", kRoute}, {"status", int64_t{200}}, {"region", "eu"}}));
  if (subject.emit(kBurstRecords) != kBurstRecords) {
    error = "a measurement was not taken";
    return false;
  }
  figures.add("counter_bound_1_thread_ns", together_ns(scale, subject, 1));
  figures.add("counter_bound_2_threads_ns", together_ns(scale, subject, 2));
  return true;
}

}  // namespace
}  // namespace forebay::bench

int main(int argc, char** argv) {
  using namespace forebay::bench;
  const ProgramOptions options = ProgramOptions::from(argc, argv);
  const TickScale scale = calibrate();
  Figures figures;
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    std::string error;
    if (!measure(scale, figures, error)) figures.note("missing.counter", error);
  }
  return write_json(figures, options.json) ? 0 : 1;
}
