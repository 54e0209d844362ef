// How much memory a lane of 8 MiB really takes, by the number of threads that once filled it.
//
//   lane_memory explicit|implicit|runs
//
// Threads fill the lane one after the other, and it is emptied in between; then all at once. All
// stay alive, as the threads of a service do. Resident memory is read at each full lane, over what
// the process had when all threads had started.
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "candidates.h"

namespace forebay::choices {
namespace {

constexpr size_t kThreads = 64;

uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

// A thread that fills the lane whenever it is its turn.
template <typename Lane>
class Filler {
 public:
  explicit Filler(Lane& lane) : thread_([this, &lane] { run(lane); }) { started_.wait(false); }
  ~Filler() {
    turn_.store(-1);
    turn_.notify_one();
    thread_.join();
  }
  Filler(const Filler&) = delete;
  Filler& operator=(const Filler&) = delete;

  void begin() {
    turn_.fetch_add(1);
    turn_.notify_one();
  }
  void end() {
    for (int64_t seen = done_.load(); seen != turn_.load(); seen = done_.load()) done_.wait(seen);
  }

 private:
  void run(Lane& lane) {
    typename Lane::Producer producer(lane);
    Record record;
    started_.store(true);
    started_.notify_one();
    for (int64_t turn = 0;;) {
      turn_.wait(turn);
      turn = turn_.load();
      if (turn < 0) return;
      for (int64_t number = 0; producer.push(record, number); ++number) {
      }
      done_.store(turn);
      done_.notify_one();
    }
  }

  std::atomic<bool> started_{false};
  std::atomic<int64_t> turn_{0};
  std::atomic<int64_t> done_{0};
  std::thread thread_;
};

template <typename Lane>
void measure(const char* name) {
  Lane lane;
  std::vector<std::unique_ptr<Filler<Lane>>> fillers;
  for (size_t i = 0; i < kThreads; ++i) fillers.push_back(std::make_unique<Filler<Lane>>(lane));
  const uint64_t before = resident_bytes();
  const auto mib = [&] { return static_cast<double>(resident_bytes() - before) / (1 << 20); };
  std::printf("%-8s", name);
  for (size_t done = 0; done < kThreads;) {
    fillers[done]->begin();
    fillers[done]->end();
    ++done;
    if (done == 1 || done == 2 || done == 8 || done == 32 || done == 64) {
      std::printf("  %zu: %.1f", done, mib());
    }
    lane.drain(true);
  }
  for (auto& filler : fillers) filler->begin();
  for (auto& filler : fillers) filler->end();
  std::printf("  at once: %.1f", mib());
  lane.drain(true);
  std::printf("  emptied: %.1f MiB; bound %.1f MiB\n", mib(),
              static_cast<double>(kBoundBytes) / (1 << 20));
}

}  // namespace
}  // namespace forebay::choices

int main(int argc, char** argv) {
  using namespace forebay::choices;
  const std::string_view kind = argc == 2 ? argv[1] : "";
  if (kind == "explicit") {
    measure<Moodycamel<true>>("explicit");
  } else if (kind == "implicit") {
    measure<Moodycamel<false>>("implicit");
  } else if (kind == "runs") {
    measure<Runs>("runs");
  } else {
    std::fprintf(stderr, "usage: %s explicit|implicit|runs\n", argv[0]);
    return 1;
  }
}
