// What a collection of 100,000 series costs, encoded as OTLP: processor time of the thread that
// collects. Every series was measured since the collection before. Method: benchmarks/README.md.
//
//   collect_cost [--json FILE] [--repeats N]
#include <time.h>

#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "base/ticks.h"
#include "encode/otlp_metrics.h"
#include "figures.h"
#include "metrics/store.h"
#include "program_options.h"

namespace forebay::bench {
namespace {

constexpr uint32_t kSeries = 100'000;

double processor_ms() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) * 1e-6;
}

forebay_attribute text_attribute(std::string_view key, std::string_view value) {
  forebay_attribute attribute{};
  attribute.key = key.data();
  attribute.key_size = static_cast<uint32_t>(key.size());
  attribute.value.type = FOREBAY_STRING;
  attribute.value.as.data = value.data();
  attribute.value.size = static_cast<uint32_t>(value.size());
  return attribute;
}

// A counter or a histogram with all its series, and the thread that measures.
class Series {
 public:
  explicit Series(metrics::InstrumentKind kind)
      : ticks_(&Clock::system()), store_(options(), phase_, ticks_) {
    metrics::InstrumentSpec spec;
    spec.name = "requests";
    spec.kind = kind;
    spec.scope = &scope_;
    stream_ = store_.instrument(spec).streams[0].get();
    writer_ = store_.writers().lease();
    writer_->enter();
    for (uint32_t i = 0; i < kSeries; ++i) {
      const std::string route = "/items/" + std::to_string(i / 4);
      const std::string region = "region-" + std::to_string(i % 4);
      const std::array attributes = {text_attribute("http.route", route),
                                     text_attribute("region", region),
                                     text_attribute("method", "GET")};
      series_.push_back(stream_->find({attributes.data(), attributes.size()}));
    }
    writer_->leave();
  }

  void measure_all() {
    for (metrics::Series* series : series_) {
      writer_->enter();
      const uint32_t half = phase_.load(std::memory_order_acquire) - 1;
      metrics::count(metrics::record(*series, *writer_, half, int64_t{3}, ticks_.now()), *writer_);
      writer_->leave();
    }
  }

  // Processor time of one collection, and how many points it had. Unit: ms.
  double collect(uint64_t& points) {
    uint64_t bytes = 0;
    encode::MetricEncoder encoder({}, 8192, 4u << 20, [&](encode::MetricRequest&& request) {
      points += request.points;
      bytes += request.body.size();
    });
    const std::lock_guard lock(store_.collecting());
    const double begin = processor_ms();
    (void)store_.begin();
    while (!store_.is_ready()) {
    }
    store_.collect(metrics::Reader::kPeriodic, ticks_.clock().wall_now(), 0, encoder);
    encoder.finish();
    return processor_ms() - begin;
  }

 private:
  static metrics::StoreOptions options() {
    metrics::StoreOptions options;
    options.defaults.cardinality_limit = kSeries + 1;
    options.max_bytes = uint64_t{1} << 30;
    return options;
  }

  TickSource ticks_;
  std::atomic<uint32_t> phase_{0};
  model::Scope scope_{.id = 1, .name = "bench", .version = "", .attributes = {}};
  metrics::Store store_;
  metrics::Stream* stream_ = nullptr;
  metrics::Writer* writer_ = nullptr;
  std::vector<metrics::Series*> series_;
};

void measure(Figures& figures, const std::string& name, Series& series) {
  uint64_t points = 0;
  series.measure_all();
  figures.add(name, series.collect(points));
  if (points != kSeries) {
    figures.note("missing." + name,
                 std::to_string(points) + " points, not " + std::to_string(kSeries));
  }
}

}  // namespace
}  // namespace forebay::bench

int main(int argc, char** argv) {
  using namespace forebay::bench;
  const ProgramOptions options = ProgramOptions::from(argc, argv);
  Figures figures;
  Series counter(forebay::metrics::InstrumentKind::kCounter);
  Series histogram(forebay::metrics::InstrumentKind::kHistogram);
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    measure(figures, "collect_100k_series_ms", counter);
    measure(figures, "collect_100k_histograms_ms", histogram);
  }
  return write_json(figures, options.json) ? 0 : 1;
}
