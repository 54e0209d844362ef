// What one core takes out of the queue, encodes as OTLP and compresses with zstd level 1, in
// batches of 8,192: records by second of the drain thread's own processor time. Method:
// benchmarks/README.md.
//
//   drain_throughput [--json FILE] [--repeats N]
#include <sys/types.h>
#include <time.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>

#include "figures.h"
#include "forebay_subject.h"
#include "program_options.h"

namespace forebay::bench {
namespace {

constexpr int64_t kQueueRecords = 65'536;
constexpr size_t kBurstRecords = 20'000;
constexpr size_t kBursts = 100;

// Seconds of processor time that a thread of this process has used. The clock id is the kernel's
// own encoding (CPUCLOCK_SCHED of a thread): there is no pthread_t at hand for another's thread.
double processor_seconds(pid_t thread) {
  const auto clock = static_cast<clockid_t>((~static_cast<unsigned>(thread) << 3) | 6u);
  timespec used{};
  if (clock_gettime(clock, &used) != 0) return 0.0;
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

// Processor time of each thread of this process, by name.
std::map<std::string, double> by_thread() {
  std::map<std::string, double> out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream comm(entry.path() / "comm");
    if (!std::getline(comm, name)) continue;
    out[name] += processor_seconds(static_cast<pid_t>(std::stol(entry.path().filename())));
  }
  return out;
}

double used_by(const std::map<std::string, double>& threads, std::string_view part) {
  double seconds = 0.0;
  for (const auto& [name, used] : threads) {
    if (name.find(part) != std::string::npos) seconds += used;
  }
  return seconds;
}

bool measure(Figures& figures, std::string& error) {
  const auto subject = ForebaySubject::create(to_nowhere(kQueueRecords, "drop_newest"), error);
  if (subject == nullptr) return false;
  // The first records make the threads and their buffers.
  static_cast<void>(subject->emit(kBurstRecords));
  if (!subject->settle() || !subject->flush()) {
    error = "the first burst was not acknowledged";
    return false;
  }
  const int64_t delivered_before = subject->number("delivered");
  const auto before = by_thread();
  const auto started = std::chrono::steady_clock::now();
  for (size_t burst = 0; burst < kBursts; ++burst) {
    static_cast<void>(subject->emit(kBurstRecords));
    if (!subject->settle()) {
      error = "the drain thread did not empty the queue in 10 s";
      return false;
    }
  }
  subject->flush();
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - started;
  const auto after = by_thread();
  const auto delivered = static_cast<double>(subject->number("delivered") - delivered_before);
  const double drain = used_by(after, "drain") - used_by(before, "drain");
  const double ship = used_by(after, "ship") - used_by(before, "ship");
  if (delivered <= 0 || drain <= 0) {
    error = "no thread whose name holds \"drain\", or nothing delivered";
    return false;
  }
  figures.add("drain.records_per_cpu_s", delivered / drain);
  figures.add("drain_and_ship.records_per_cpu_s", delivered / (drain + ship));
  figures.add("drain.records_per_wall_s", delivered / passed.count());
  figures.add("drain.records", delivered);
  figures.add("drain.lost", static_cast<double>(subject->lost()));
  return true;
}

}  // namespace
}  // namespace forebay::bench

int main(int argc, char** argv) {
  using forebay::bench::ProgramOptions;
  const ProgramOptions options = ProgramOptions::from(argc, argv);
  forebay::bench::Figures figures;
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    std::string error;
    if (!forebay::bench::measure(figures, error)) figures.note("missing.drain", error);
  }
  return forebay::bench::write_json(figures, options.json) ? 0 : 1;
}
