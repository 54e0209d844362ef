// What it costs to put a record of 128 bytes into each kind of lane, in bursts of 2,000 that fit,
// with a consumer that drains all the while. One producer, then two at once.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <latch>
#include <thread>
#include <vector>

#include "candidates.h"

namespace forebay::choices {
namespace {

constexpr int kBursts = 300;
constexpr int kBurst = 2'000;

template <typename Lane>
std::vector<double> burst_times(Lane& lane, std::latch& begin) {
  using Clock = std::chrono::steady_clock;
  typename Lane::Producer producer(lane);
  Record record;
  std::vector<double> times;
  int refused = 0;
  begin.arrive_and_wait();
  for (int burst = 0; burst < kBursts; ++burst) {
    const auto from = Clock::now();
    for (int i = 0; i < kBurst; ++i) {
      refused += producer.push(record, i) ? 0 : 1;
    }
    times.push_back(std::chrono::duration<double, std::nano>(Clock::now() - from).count() / kBurst);
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  if (refused != 0) std::fprintf(stderr, "%d refused: these figures are none\n", refused);
  return times;
}

template <typename Lane>
void measure(const char* name, int producers) {
  Lane lane;
  std::atomic<bool> stop{false};
  std::thread consumer([&] {
    while (!stop.load()) {
      if (lane.drain(false) == 0) std::this_thread::sleep_for(std::chrono::microseconds{50});
    }
  });
  std::latch begin(producers);
  std::vector<std::vector<double>> times(static_cast<size_t>(producers));
  std::vector<std::thread> threads;
  for (auto& own : times) {
    threads.emplace_back([&] { own = burst_times(lane, begin); });
  }
  for (std::thread& thread : threads) thread.join();
  stop.store(true);
  consumer.join();
  std::vector<double> all;
  for (const auto& own : times) all.insert(all.end(), own.begin(), own.end());
  std::sort(all.begin(), all.end());
  std::printf("%-8s %d producer%s: median %5.1f ns, 10th %5.1f, 90th %5.1f\n", name, producers,
              producers == 1 ? " " : "s", all[all.size() / 2], all[all.size() / 10],
              all[all.size() * 9 / 10]);
}

}  // namespace
}  // namespace forebay::choices

int main() {
  using namespace forebay::choices;
  for (int repeat = 0; repeat < 3; ++repeat) {
    for (const int producers : {1, 2}) {
      measure<Moodycamel<true>>("explicit", producers);
      measure<Moodycamel<false>>("implicit", producers);
      measure<Runs>("runs", producers);
    }
  }
}
