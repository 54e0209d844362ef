#include "bursts.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "figures.h"

namespace forebay::bench {

double mean_ns(const TickScale& scale, Subject& subject, size_t count) {
  const uint64_t begin = ticks();
  static_cast<void>(subject.emit(count));
  return scale.ns(static_cast<double>(ticks() - begin)) / static_cast<double>(count);
}

double together_ns(const TickScale& scale, Subject& subject, size_t producers) {
  std::vector<std::vector<double>> means(producers);
  std::atomic<size_t> round{0};
  std::atomic<size_t> awake{0};
  std::atomic<size_t> finished{0};
  std::vector<std::thread> threads;
  for (size_t index = 0; index < producers; ++index) {
    threads.emplace_back([&, index] {
      for (size_t burst = 1; burst <= kBursts; ++burst) {
        round.wait(burst - 1);
        awake.fetch_add(1);
        while (awake.load() < burst * producers) {
        }
        means[index].push_back(mean_ns(scale, subject, kBurstRecords));
        finished.fetch_add(1);
      }
    });
  }
  bool settled = true;
  for (size_t burst = 1; burst <= kBursts; ++burst) {
    round.store(burst);
    round.notify_all();
    while (finished.load() < burst * producers) {
      std::this_thread::sleep_for(std::chrono::microseconds{200});
    }
    settled = settled && subject.settle();
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<double> all;
  for (const auto& of_thread : means) all.insert(all.end(), of_thread.begin(), of_thread.end());
  return settled ? quantile(all, 0.5) : -1.0;
}

}  // namespace forebay::bench
