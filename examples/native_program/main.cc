// A C++ program with a collector of its own: no Python anywhere.
//
//   forebay_example_program DIRECTORY                 writes JSON lines there
//   forebay_example_program http://localhost:4318     sends OTLP
#include <forebay/forebay.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

// Made before main, and bound at first use.
constinit forebay::Logger log_engine{"pricing.engine"};
constinit forebay::Counter quotes{"pricing.quotes", {.unit = "{quote}"}};
constinit forebay::Histogram batch_time{"pricing.batch.duration", {.unit = "s"}};

void price_quotes(int worker) {
  const auto timer = batch_time.time();  // records when the batch is done
  const forebay::BoundCounter priced = quotes.bind({{"worker", worker}});
  for (int number = 0; number < 1000; ++number) {
    FOREBAY_INFO(log_engine, "quote priced", {"worker", worker}, {"number", number},
                 {"bid", 100.0 + number * 0.01});
    priced.add(1);
    if (number % 250 == 249) FOREBAY_WARN(log_engine, "market is slow", {"worker", worker});
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY|URL\n", argv[0]);
    return EXIT_FAILURE;
  }
  const std::string destination = argv[1];
  forebay::Options options{.service_name = "pricing"};
  if (destination.starts_with("http")) {
    options.exporter = forebay::OtlpHttpExporter{.endpoint = destination};
  } else {
    options.exporter = forebay::FileExporter{.directory = destination};
  }
  auto collector = forebay::Collector::create(options);
  if (!collector) {
    std::fprintf(stderr, "%s\n", collector.message().c_str());
    return EXIT_FAILURE;
  }
  collector->set_default();

  std::vector<std::thread> threads;
  for (int worker = 0; worker < 4; ++worker) threads.emplace_back(price_quotes, worker);
  for (std::thread& thread : threads) thread.join();

  const forebay::Receipt receipt = collector->shutdown(std::chrono::seconds{5});
  const forebay::Stats stats = collector->stats();
  const forebay::Audit audit = collector->audit();
  std::printf("emitted %lld, delivered %lld, dropped %lld, refused %lld: %s\n",
              static_cast<long long>(stats.emitted()), static_cast<long long>(stats.delivered()),
              static_cast<long long>(stats.dropped()), static_cast<long long>(stats.refused()),
              audit.balanced && stats.difference() == 0 ? "balanced" : "NOT BALANCED");
  std::printf("metric points delivered: %lld\n",
              static_cast<long long>(stats.metrics().delivered()));
  return receipt.complete && audit.balanced ? EXIT_SUCCESS : EXIT_FAILURE;
}
