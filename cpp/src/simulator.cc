#include "simulator.h"

#include <algorithm>
#include <array>
#include <memory>

#include "base/random.h"
#include "base/silence.h"
#include "collector.h"
#include "model/site.h"
#include "option_reader.h"
#include "ship/modelled_exporter.h"

namespace forebay::engine {
namespace {

constexpr Duration kStep = std::chrono::milliseconds{1};
constexpr size_t kTextBytes = size_t{8} << 20;

// Words, so that batches compress about as logs do: padding that is always the same would make the
// backlog look endless.
std::string words(uint64_t seed) {
  constexpr std::array<std::string_view, 32> kWords = {
      "request", "finished", "user",  "order",   "payment", "timeout", "retry", "connection",
      "closed",  "opened",   "cache", "miss",    "hit",     "items",   "GET",   "POST",
      "status",  "200",      "404",   "elapsed", "ms",      "from",    "to",    "worker",
      "queue",   "started",  "ended", "token",   "id",      "v1",      "api",   "checkout"};
  Random random(seed);
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
  Producer(Collector& collector, const Scenario::Load& load, const std::string& text, uint64_t seed)
      : load_(load), text_(text), random_(seed) {
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
        if (!has_waited_enough()) {
          waiting_ += step;
          waited_ += step;
          return;
        }
        (void)emit(logger_, site_, &body, 1, nullptr, FOREBAY_EMIT_WAITED);
      }
      waiting_ = Duration::zero();
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
    numbers.emplace_back(name + ".waiting", waiting_ > Duration::zero() ? 1 : 0);
    // The logger is bound once it has emitted.
    if (const LoggerBinding* bound = logger_->binding.load(); bound != nullptr) {
      numbers.emplace_back(name + ".lane", bound->rules.lanes[load_.severity]);
    }
  }

 private:
  // Whether the lane's policy goes on to what comes after `block`: this record has waited so long.
  [[nodiscard]] bool has_waited_enough() const {
    const LoggerBinding& bound = *logger_->binding.load();
    const queue::FullAction& first =
        bound.incarnation->lanes[bound.rules.lanes[load_.severity]]->on_full().front();
    return first.timeout && waiting_ >= *first.timeout;
  }

  const Scenario::Load& load_;
  const std::string& text_;
  Random random_;
  Logger* logger_;
  const forebay_site* site_;
  double owed_ = 0;
  uint64_t emitted_ = 0;
  Duration waited_{};
  Duration waiting_{};  // of the record that is held up now
};

ship::ModelledDestination destination_of(const Scenario& scenario, const std::string& route,
                                         int index, const ExporterOptions& exporter,
                                         MonotonicTime begin) {
  ship::ModelledDestination destination;
  destination.records_per_second = scenario.destination_records_per_second;
  destination.latency = scenario.latency;
  destination.max_in_flight = exporter.max_in_flight;
  destination.codec = exporter.codec;
  for (const Scenario::Outage& outage : scenario.outages) {
    if (!outage.route.empty() && outage.route != route) continue;
    if (outage.exporter.value_or(index) != index) continue;
    destination.outages.emplace_back(begin + outage.from, begin + outage.from + outage.length);
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
        text_(words(scenario.seed)),
        pipeline_(*collector.incarnation()->pipeline),
        peak_slots_(pipeline_.lanes().size(), 0) {
    for (const Scenario::Load& load : scenario.loads) {
      producers_.emplace_back(collector, load, text_, scenario.seed);
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
    look_at_peaks();
    pipeline_.step();
    look_at_peaks();
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
    look_at_peaks();
    for (size_t i = 0; i < peak_slots_.size(); ++i) {
      const std::string lane = "lanes." + pipeline_.lanes()[i].name;
      numbers.emplace_back(lane + ".peak_slots", std::exchange(peak_slots_[i], 0));
      numbers.emplace_back(
          lane + ".backlog_bytes",
          static_cast<int64_t>(pipeline_.books().backlog_bytes(static_cast<uint8_t>(i))));
    }
    numbers.emplace_back("backlog.bytes", static_cast<int64_t>(pipeline_.books().backlog_bytes()));
    numbers.emplace_back("backlog.peak_bytes", static_cast<int64_t>(std::exchange(peak_bytes_, 0)));
    numbers.emplace_back("backlog.max_bytes",
                         static_cast<int64_t>(collector_.options().pipeline.backlog_max_bytes));
    sample_(elapsed(), numbers);
  }
  void look_at_peaks() {
    for (size_t i = 0; i < peak_slots_.size(); ++i) {
      const queue::LaneQueue& queue = *pipeline_.lanes()[i].queue;
      peak_slots_[i] = std::max<int64_t>(peak_slots_[i], queue.slots() - queue.room());
    }
    peak_bytes_ = std::max(peak_bytes_, pipeline_.books().backlog_bytes());
  }

  Collector& collector_;
  const Scenario& scenario_;
  ManualClock& clock_;
  const MonotonicTime begin_;
  const SampleVisitor& sample_;
  const std::string text_;
  pipeline::Pipeline& pipeline_;
  std::vector<Producer> producers_;
  std::vector<int64_t> peak_slots_;  // by lane, since the last sample
  uint64_t peak_bytes_ = 0;
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
  scenario.seed = reader.whole("seed", scenario.seed, 1, uint64_t{1} << 32);
  scenario.destination_records_per_second = reader.number("destination.rate", 0, 0, 1e9);
  scenario.latency = reader.seconds("destination.latency", scenario.latency, 0, 3600);
  for (size_t i = 0;; ++i) {
    const std::string at = "outages[" + std::to_string(i) + "].";
    if (!reader.has(at + "length")) break;
    Outage outage;
    outage.from = reader.seconds(at + "from", Duration::zero(), 0, 86400);
    outage.length = reader.seconds(at + "length", Duration::zero(), 0, 86400);
    outage.route = reader.text(at + "route", "");
    if (reader.has(at + "exporter")) {
      outage.exporter = static_cast<int>(reader.whole(at + "exporter", 0, 0, 7));
    }
    scenario.outages.push_back(std::move(outage));
  }
  if (Status status = reader.status(); !status.is_ok()) return status;
  return scenario;
}

Status simulate(const forebay_option* options, size_t option_count, const Scenario& scenario,
                const SampleVisitor& sample) {
  auto parsed = CollectorOptions::parse(options, option_count);
  if (!parsed) return parsed.status();
  const Silence silence;
  ManualClock clock;
  CollectorOptions simulated = parsed.take();
  simulated.pipeline.ledger_in_memory = true;
  simulated.pipeline.seed = scenario.seed;
  for (pipeline::LaneOptions& lane : simulated.pipeline.lanes) lane.queue.seed = scenario.seed;
  Surroundings surroundings;
  surroundings.clock = &clock;
  surroundings.make_exporters = [&](const CollectorOptions& made) {
    MadeExporters exporters;
    for (size_t r = 0; r < made.exporters.size(); ++r) {
      auto& destinations = exporters.routes.emplace_back();
      const std::string& route = made.pipeline.routes[r].name;
      for (size_t e = 0; e < made.exporters[r].size(); ++e) {
        destinations.push_back(std::make_unique<ship::ModelledExporter>(
            destination_of(scenario, route, static_cast<int>(e), made.exporters[r][e], clock.now()),
            clock));
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
