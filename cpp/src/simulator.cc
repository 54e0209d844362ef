#include "simulator.h"

#include <algorithm>
#include <array>
#include <memory>

#include "base/random.h"
#include "collector.h"
#include "model/site.h"
#include "option_reader.h"
#include "ship/modelled_exporter.h"

namespace forebay::engine {
namespace {

constexpr Duration kStep = std::chrono::milliseconds{1};
constexpr uint64_t kSeed = 1;
constexpr size_t kTextBytes = size_t{8} << 20;

// Words, so that batches compress about as logs do: padding that is always the same would make the
// backlog look endless.
std::string words() {
  constexpr std::array<std::string_view, 32> kWords = {
      "request", "finished", "user",  "order",   "payment", "timeout", "retry", "connection",
      "closed",  "opened",   "cache", "miss",    "hit",     "items",   "GET",   "POST",
      "status",  "200",      "404",   "elapsed", "ms",      "from",    "to",    "worker",
      "queue",   "started",  "ended", "token",   "id",      "v1",      "api",   "checkout"};
  Random random(kSeed);
  std::string text;
  text.reserve(kTextBytes + 32);
  while (text.size() < kTextBytes) {
    text += kWords[random.below(kWords.size())];
    text += random.below(4) == 0 ? "=" + std::to_string(random.below(1'000'000)) + " " : " ";
  }
  return text;
}

// One producer: owes what its rate says, and pays as far as its lane lets it.
class Producer {
 public:
  Producer(Collector& collector, const Scenario::Load& load, const std::string& text)
      : load_(load), text_(text), random_(kSeed) {
    forebay_logger_spec logger{};
    logger.struct_size = sizeof logger;
    logger.name = {load.logger.data(), load.logger.size()};
    logger.min_severity = 1;
    logger_ = Registry::process().logger(&collector, &logger);
    forebay_site_spec site{};
    site.struct_size = sizeof site;
    site.severity = load.severity;
    site.flags = FOREBAY_SITE_BODY_IN_VALUES;
    site_ = reinterpret_cast<const forebay_site*>(model::SiteRegistry::process().intern(site));
  }

  void act(Duration step) {
    owed_ += load_.records_per_second * std::chrono::duration<double>(step).count();
    for (; owed_ >= 1.0; owed_ -= 1.0) {
      forebay_value body{};
      body.type = FOREBAY_STRING;
      body.size = load_.record_bytes;
      body.as.data = text_.data() + random_.below(text_.size() - load_.record_bytes);
      if (emit(logger_, site_, &body, 1, nullptr, FOREBAY_EMIT_REPORT_BLOCK) ==
          FOREBAY_WOULD_BLOCK) {
        waited_ += step;
        return;
      }
      ++emitted_;
    }
  }
  void report(size_t index, std::vector<std::pair<std::string, int64_t>>& numbers) const {
    const std::string name = "loads." + std::to_string(index);
    numbers.emplace_back(name + ".emitted", static_cast<int64_t>(emitted_));
    numbers.emplace_back(name + ".wanted",
                         static_cast<int64_t>(emitted_ + static_cast<uint64_t>(owed_)));
    numbers.emplace_back(name + ".waited_ms",
                         std::chrono::duration_cast<std::chrono::milliseconds>(waited_).count());
  }

 private:
  const Scenario::Load& load_;
  const std::string& text_;
  Random random_;
  forebay_logger* logger_;
  const forebay_site* site_;
  double owed_ = 0;
  uint64_t emitted_ = 0;
  Duration waited_{};
};

ship::ModelledDestination destination_of(const Scenario& scenario, const ExporterOptions& exporter,
                                         MonotonicTime begin) {
  ship::ModelledDestination destination;
  destination.records_per_second = scenario.destination_records_per_second;
  destination.latency = scenario.latency;
  destination.max_in_flight = exporter.max_in_flight;
  destination.codec = exporter.codec;
  for (const auto& [from, length] : scenario.outages) {
    destination.outages.emplace_back(begin + from, begin + from + length);
  }
  return destination;
}

// Moves time, and everything with it.
class Run {
 public:
  Run(Collector& collector, const Scenario& scenario, ManualClock& clock,
      const SampleVisitor& sample)
      : collector_(collector),
        scenario_(scenario),
        clock_(clock),
        begin_(clock.now()),
        sample_(sample),
        text_(words()),
        pipeline_(*collector.incarnation()->pipeline) {
    for (const Scenario::Load& load : scenario.loads) {
      producers_.emplace_back(collector, load, text_);
    }
  }

  void run() {
    sample();
    while (elapsed() < scenario_.length) step(true);
    const Duration end = scenario_.length + scenario_.settle;
    while (elapsed() < end && number("held") != 0) {
      // Looking at the ledger at every step would cost more than the step.
      for (int i = 0; i < 10 && elapsed() < end; ++i) step(false);
    }
    sample();
  }

 private:
  [[nodiscard]] Duration elapsed() const { return clock_.now() - begin_; }
  [[nodiscard]] int64_t number(std::string_view wanted) const {
    int64_t found = 0;
    collector_.stats([&](std::string_view name, int64_t value) {
      if (name == wanted) found = value;
    });
    return found;
  }
  void step(bool emits) {
    if (emits) {
      for (Producer& producer : producers_) producer.act(kStep);
    }
    pipeline_.step();
    clock_.advance(kStep);
    if (elapsed() >= next_sample_) {
      sample();
      next_sample_ += scenario_.sample_every;
    }
  }
  void sample() {
    std::vector<std::pair<std::string, int64_t>> numbers;
    collector_.stats([&](std::string_view name, int64_t value) {
      numbers.emplace_back(std::string(name), value);
    });
    for (size_t i = 0; i < producers_.size(); ++i) producers_[i].report(i, numbers);
    sample_(elapsed(), numbers);
  }

  Collector& collector_;
  const Scenario& scenario_;
  ManualClock& clock_;
  const MonotonicTime begin_;
  const SampleVisitor& sample_;
  const std::string text_;
  pipeline::Pipeline& pipeline_;
  std::vector<Producer> producers_;
  Duration next_sample_ = scenario_.sample_every;
};

}  // namespace

Result<Scenario> Scenario::parse(const forebay_option* options, size_t count) {
  OptionReader reader(options, count);
  Scenario scenario;
  for (size_t i = 0;; ++i) {
    const std::string at = "loads[" + std::to_string(i) + "].";
    if (!reader.has(at + "rate")) break;
    Load load;
    load.logger = reader.text(at + "logger", load.logger);
    load.severity = static_cast<uint32_t>(reader.whole(at + "level", load.severity, 1, 24));
    load.records_per_second = reader.number(at + "rate", 0, 0, 10'000'000);
    load.record_bytes =
        static_cast<uint32_t>(reader.whole(at + "record_bytes", load.record_bytes, 0, 1'000'000));
    scenario.loads.push_back(load);
  }
  if (scenario.loads.empty()) reader.fail("loads[0].rate", "is not given");
  scenario.length = reader.seconds("length", scenario.length, 0.001, 86400);
  scenario.settle = reader.seconds("settle", scenario.settle, 0, 86400);
  scenario.sample_every = reader.seconds("sample_every", scenario.sample_every, 0.001, 3600);
  scenario.destination_records_per_second = reader.number("destination.rate", 0, 0, 1e9);
  scenario.latency = reader.seconds("destination.latency", scenario.latency, 0, 3600);
  for (size_t i = 0;; ++i) {
    const std::string at = "outages[" + std::to_string(i) + "].";
    if (!reader.has(at + "length")) break;
    scenario.outages.emplace_back(reader.seconds(at + "from", Duration::zero(), 0, 86400),
                                  reader.seconds(at + "length", Duration::zero(), 0, 86400));
  }
  if (Status status = reader.status(); !status.is_ok()) return status;
  return scenario;
}

Status simulate(const forebay_option* options, size_t option_count, const Scenario& scenario,
                const SampleVisitor& sample) {
  auto parsed = CollectorOptions::parse(options, option_count);
  if (!parsed) return parsed.status();
  ManualClock clock;
  CollectorOptions simulated = parsed.take();
  simulated.pipeline.ledger_in_memory = true;
  simulated.pipeline.seed = kSeed;
  Surroundings surroundings;
  surroundings.clock = &clock;
  surroundings.make_exporters = [&](const CollectorOptions& made) {
    MadeExporters exporters;
    for (const auto& route : made.exporters) {
      auto& destinations = exporters.routes.emplace_back();
      for (const ExporterOptions& exporter : route) {
        destinations.push_back(std::make_unique<ship::ModelledExporter>(
            destination_of(scenario, exporter, clock.now()), clock));
      }
    }
    return exporters;
  };
  Collector* const collector =
      Registry::process().create_simulated(std::move(simulated), surroundings);
  if (!Registry::process().activate(*collector)) {
    return Status::unavailable("the simulated collector cannot be made");
  }
  Run(*collector, scenario, clock, sample).run();
  (void)collector->shutdown(0, [](std::string_view, int64_t) {});
  Registry::process().release(*collector);
  return Status::ok();
}

}  // namespace forebay::engine
