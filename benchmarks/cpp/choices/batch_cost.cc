// What a finished batch costs on its way, besides encoding: decision 001.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "backlog/backlog.h"
#include "base/encoded_batch.h"

namespace forebay::choices {
namespace {

double median_ns(int times, const std::function<void()>& what) {
  std::array<double, 31> rounds{};
  for (double& round : rounds) {
    const auto from = std::chrono::steady_clock::now();
    for (int i = 0; i < times; ++i) what();
    round =
        std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - from).count() /
        times;
  }
  std::sort(rounds.begin(), rounds.end());
  return rounds[rounds.size() / 2];
}

EncodedBatch batch_of(uint64_t bytes) {
  EncodedBatch batch;
  batch.id = "2b2c1f0e-6a5b-4d0e-9f57-1f6f6c1c5b1a-17";
  batch.codec = Codec::kZstd;
  batch.counts[SeverityClass::kInfo] = 8192;
  const std::vector<uint8_t> content(bytes, 7);
  batch.body = std::make_shared<const ByteBuffer>(ByteBuffer::copy_of(content));
  return batch;
}

}  // namespace
}  // namespace forebay::choices

int main() {
  using namespace forebay;
  using namespace forebay::choices;
  constexpr uint64_t kBytes = 120'000;  // 8,192 records with 3 attributes, zstd 1
  const EncodedBatch batch = batch_of(kBytes);
  std::printf("EncodedBatch: %zu bytes of bookkeeping, cost %lu for a body of %lu\n",
              sizeof(EncodedBatch), batch.cost_bytes(), kBytes);
  std::printf("a copy that shares the body: %.0f ns\n", median_ns(10'000, [&] {
                const EncodedBatch shared = batch;
                asm volatile("" : : "r"(&shared) : "memory");
              }));
  std::printf("a copy of the body as well: %.0f ns\n", median_ns(500, [&] {
                EncodedBatch copy = batch;
                copy.body =
                    std::make_shared<const ByteBuffer>(ByteBuffer::copy_of(batch.body->view()));
                asm volatile("" : : "r"(&copy) : "memory");
              }));
  backlog::BacklogOptions options;
  options.lanes.resize(2);
  backlog::Backlog backlog(options);
  std::vector<backlog::Departure> departures;
  std::printf("through the backlog (push, take, finish): %.0f ns\n", median_ns(10'000, [&] {
                EncodedBatch in = batch;
                (void)backlog.push(in, MonotonicTime{}, departures);
                const auto out = backlog.take(MonotonicTime{}, departures);
                backlog.finish(out->id);
              }));
  // What it would cost to know each record's class: to walk 8,192 bytes, and to keep them.
  const std::vector<uint8_t> classes(8192, 2);
  std::printf("summing 8,192 classes, where a batch had a list of them: %.0f ns and 8,192 bytes\n",
              median_ns(2'000, [&] {
                SeverityCounts counts;
                for (const uint8_t c : classes) ++counts.by_class[c];
                asm volatile("" : : "r"(&counts) : "memory");
              }));
  return 0;
}
