// The process's collectors and loggers.
#include <unistd.h>

#include <algorithm>
#include <new>

#include "base/diagnostics.h"
#include "collector.h"
#include "exporter_factory.h"
#include "model/site.h"

namespace forebay::engine {
namespace {

using account::EmitName;
using model::view;

std::vector<model::OwnedAttribute> owned(const forebay_logger_spec& spec) {
  std::vector<model::OwnedAttribute> attributes;
  for (uint32_t i = 0; i < spec.attribute_count; ++i) {
    attributes.push_back({std::string(spec.attributes[i].key, spec.attributes[i].key_size),
                          model::OwnedValue::copy_of(spec.attributes[i].value)});
  }
  return attributes;
}

bool tells_sites_apart(const CollectorOptions& options) noexcept {
  return std::ranges::any_of(options.pipeline.lanes,
                             [](const pipeline::LaneOptions& lane) {
                               return lane.rate_limit &&
                                      lane.rate_limit->by == admit::LimitedBy::kSite;
                             }) ||
         std::ranges::any_of(options.sampling, [](const admit::SamplingRule& rule) {
           return rule.kind == admit::SamplingRule::Kind::kBurst;
         });
}

// The word of handles that could not be made: never bound, always 0.
std::atomic<uint32_t> never_bound{0};

}  // namespace

constinit uint32_t code_places_wanted = 0;

Registry& Registry::process() {
  // Never destroyed: threads may emit while static objects are.
  static auto* registry = new Registry;
  return *registry;
}

Result<Collector*> Registry::create(const forebay_option* options, size_t count) {
  auto parsed = CollectorOptions::parse(options, count);
  if (!parsed) return parsed.status();
  if (Status status = validate_exporters(*parsed); !status.is_ok()) return status;
  const bool wants_places = tells_sites_apart(*parsed);
  Collector* const collector = keep(parsed.take(), {});
  collector->wants_code_places_ = wants_places;
  if (wants_places) __atomic_fetch_add(&code_places_wanted, 1, __ATOMIC_RELAXED);
  return collector;
}

Collector* Registry::create_simulated(CollectorOptions options, const Surroundings& surroundings) {
  return keep(std::move(options), surroundings);
}

// A collector lives for ever, so its place comes first: one without would be nobody's.
Collector* Registry::keep(CollectorOptions options, const Surroundings& surroundings) {
  if (options.pipeline.recorder.is_on()) has_recorders_.store(true, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  if (collectors_.size() == collectors_.capacity()) {
    collectors_.reserve(2 * collectors_.size() + 4);
  }
  collectors_.push_back(new Collector(std::move(options), surroundings));
  return collectors_.back();
}

bool Registry::activate(Collector& collector) noexcept {
  const std::lock_guard lock(mutex_);
  return collector.activate() != nullptr;
}

void Registry::retain(Collector& collector) noexcept {
  collector.references_.fetch_add(1, std::memory_order_relaxed);
}

void Registry::release(Collector& collector) noexcept {
  if (collector.references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  // Its loggers may be in use for ever, so the object stays; what is large in it goes with the
  // shutdown.
  try {
    collector.shutdown(0, [](std::string_view, int64_t) {});
  } catch (const std::bad_alloc&) {
    // Only the receipt had no memory, and nobody asked for one.
  }
}

Collector* Registry::default_collector() noexcept {
  const std::lock_guard lock(mutex_);
  if (default_ != nullptr) retain(*default_);
  return default_;
}

void Registry::set_default(Collector* collector) noexcept {
  Collector* before = nullptr;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(default_, collector);
    if (collector != nullptr) {
      retain(*collector);
      SeverityCounts records;
      for (size_t c = 0; c < kSeverityClasses; ++c) {
        records.by_class[c] = not_started_[c].exchange(0);
      }
      collector->add_refused(EmitName::kRefusedNotStarted, records);
      collector->add_refused(account::NoteName::kMeasurementsNotStarted,
                             std::exchange(measurements_not_started_, 0));
    }
  }
  unbind(nullptr);
  if (collector != nullptr) begin_observing(*collector);
  if (before != nullptr) release(*before);
}

void Registry::unbind(Collector* collector) noexcept {
  const std::lock_guard lock(mutex_);
  for (auto& [key, logger] : loggers_) {
    const bool is_its =
        logger->collector == collector || (logger->collector == nullptr && collector == default_);
    if (is_its) logger->level_word->store(0, std::memory_order_release);
  }
  instruments_.unbind(collector);
  if (collector == default_) instruments_.unbind(nullptr);
}

Logger* Registry::logger(Collector* collector, const forebay_logger_spec* spec) noexcept try {
  const std::lock_guard lock(mutex_);
  return make_logger(collector, spec);
} catch (const std::bad_alloc&) {
  // In static memory, and never destroyed.
  alignas(Logger) static unsigned char memory[sizeof(Logger)];
  static Logger* const none = [] {
    auto* logger = new (memory) Logger;
    logger->level_word = &never_bound;
    logger->level = reinterpret_cast<const uint32_t*>(&never_bound);
    return logger;
  }();
  return none;
}

Logger* Registry::make_logger(Collector* collector, const forebay_logger_spec* spec) {
  const std::string_view name = spec != nullptr ? view(spec->name) : std::string_view{};
  const std::string_view version = spec != nullptr ? view(spec->version) : std::string_view{};
  const uint32_t given = spec != nullptr ? spec->min_severity : 0;
  const uint32_t min_severity = given == 0 ? 9 : std::min(given, 25u);
  std::vector<model::OwnedAttribute> attributes;
  if (spec != nullptr) attributes = owned(*spec);
  const bool is_bridge = spec != nullptr && (spec->flags & FOREBAY_LOGGER_BRIDGE) != 0;
  const std::string key = std::to_string(reinterpret_cast<uintptr_t>(collector)) +
                          (is_bridge ? '+' : '/') + std::string(name);
  const model::Scope& scope =
      model::SiteRegistry::process().intern_scope(name, version, attributes);
  if (const auto found = loggers_.find(key); found != loggers_.end()) {
    Logger* logger = found->second;
    // The first one's settings hold; zero means that the caller does not mind.
    if ((given != 0 && logger->min_severity != min_severity) || logger->scope != scope.id) {
      warn_once("logger_conflict", "logger '" + std::string(name) +
                                       "' was made before with another level, version or "
                                       "attributes; the first ones hold");
    }
    return logger;
  }
  auto logger = std::make_unique<Logger>();
  logger->level_word = pages_.allocate();
  if (logger->level_word == nullptr) throw std::bad_alloc();
  logger->level = reinterpret_cast<const uint32_t*>(logger->level_word);
  logger->collector = collector;
  logger->min_severity = min_severity;
  logger->scope = scope.id;
  logger->name = name;
  loggers_.emplace(key, logger.get());
  return logger.release();
}

int32_t Registry::bind(Logger& logger, uint32_t severity) noexcept {
  // Before the lock: a logger that is not bound must not make what is disabled cost more. (Where
  // there is a flight recorder, what is below the level may be for it.)
  const bool is_below = severity != 0 && severity < logger.min_severity;
  if (is_below && !has_recorders_.load(std::memory_order_relaxed)) return FOREBAY_DISABLED;
  const std::lock_guard lock(mutex_);
  Collector* collector = logger.collector != nullptr ? logger.collector : default_;
  const pipeline::RecorderOptions* recorder =
      collector != nullptr && collector->options().pipeline.recorder.is_on()
          ? &collector->options().pipeline.recorder
          : nullptr;
  if (is_below && (recorder == nullptr || severity < recorder->min_severity ||
                   collector->is_closed() || logger.level_word == &never_bound)) {
    return FOREBAY_DISABLED;
  }
  const auto severity_index = static_cast<size_t>(severity_class(severity));
  if (collector == nullptr || logger.level_word == &never_bound) {
    not_started_[severity_index].fetch_add(1, std::memory_order_relaxed);
    return FOREBAY_REFUSED_NOT_STARTED;
  }
  if (collector->options().is_disabled && !collector->is_closed()) {
    // Above every severity; what has none comes by the binding, which leads nowhere.
    static const LoggerBinding nowhere;
    logger.binding.store(&nowhere, std::memory_order_release);
    logger.level_word->store(25, std::memory_order_release);
    return FOREBAY_DISABLED;
  }
  if (collector->is_closed()) {
    refuse(*collector, logger, severity, EmitName::kRefusedShutdown);
    return FOREBAY_REFUSED_SHUTDOWN;
  }
  Incarnation* incarnation = collector->activate();
  if (incarnation == nullptr) {
    SeverityCounts one;
    one.by_class[severity_index] = 1;
    collector->add_refused(EmitName::kRefusedNotStarted, one);
    return FOREBAY_REFUSED_NOT_STARTED;
  }
  const LoggerBinding* before = logger.binding.load(std::memory_order_relaxed);
  if (before == nullptr || before->incarnation != incarnation) {
    auto* binding = new (std::nothrow) LoggerBinding;
    if (binding == nullptr) {
      refuse(*collector, logger, severity, EmitName::kDroppedMemory);
      return FOREBAY_DROPPED_MEMORY;
    }
    binding->incarnation = incarnation;
    binding->before = before;
    binding->rules = incarnation->gate->rules_of(logger.name, logger.scope);
    if (recorder != nullptr) {
      for (uint32_t below = recorder->min_severity;
           below < logger.min_severity && below < binding->rules.lanes.size(); ++below) {
        binding->rules.lanes[below] = admit::kRecorderLane;
      }
    }
    logger.binding.store(binding, std::memory_order_release);
  }
  const uint32_t level = recorder != nullptr ? std::min(recorder->min_severity, logger.min_severity)
                                             : logger.min_severity;
  logger.level_word->store(level, std::memory_order_release);
  return severity != 0 && severity < level ? FOREBAY_DISABLED : FOREBAY_ACCEPTED;
}

void Registry::refuse(Collector& collector, const Logger& logger, uint32_t severity,
                      EmitName name) noexcept {
  Incarnation* incarnation = collector.incarnation();
  if (incarnation == nullptr || incarnation->pid != getpid()) {
    // It never lived in this process, and has no ledger.
    SeverityCounts one;
    one[severity_class(severity)] = 1;
    collector.add_refused(name, one);
    return;
  }
  account::Ledger& ledger = incarnation->pipeline->ledger();
  const account::ThreadCounters counters = ledger.lease();
  const uint32_t lane = admit::lanes_for_logger(collector.lane_rules(), logger.name)[severity];
  counters.add(lane, EmitName::kEmitted, severity_class(severity));
  counters.add(lane, name, severity_class(severity));
  ledger.give_back(counters);
}

void Registry::count_not_started(uint32_t severity, uint64_t records) noexcept {
  const std::lock_guard lock(mutex_);
  SeverityCounts counts;
  counts[severity_class(severity)] = records;
  if (default_ != nullptr) {
    default_->add_refused(EmitName::kRefusedNotStarted, counts);
  } else {
    not_started_[static_cast<size_t>(severity_class(severity))].fetch_add(
        records, std::memory_order_relaxed);
  }
}

void Registry::abandon_in_child() noexcept {
  for (Collector* collector : collectors_) {
    // A thread of the parent may be in the middle of a shutdown: here nobody is.
    new (&collector->shutdown_mutex_) std::mutex;
    new (&collector->last_receipt_) std::optional<Collector::Receipt>;
    collector->unled_ = {};
    collector->pressure_.abandon_in_child();
    Incarnation* incarnation = collector->incarnation_.load();
    if (incarnation == nullptr || incarnation->is_abandoned.load()) continue;
    incarnation->pipeline->abandon_in_child();
    incarnation->metrics_phase->store(0, std::memory_order_relaxed);
    incarnation->is_abandoned.store(true);
  }
  instruments_.unbind_all();
  // The drain thread of the parent may have been in a callback.
  for (const auto& observer : observers_) new (&observer->calling) std::mutex;
  measurements_not_started_ = 0;
  // Read zero already where the kernel wipes the page.
  for (auto& [key, logger] : loggers_) {
    logger->level_word->store(0, std::memory_order_relaxed);
    logger->binding.store(nullptr, std::memory_order_relaxed);
  }
  for (auto& count : not_started_) count.store(0, std::memory_order_relaxed);
  current_binding = nullptr;
}

}  // namespace forebay::engine
