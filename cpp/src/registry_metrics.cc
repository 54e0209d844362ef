// The registry's part in metrics: instruments and series of this process, and what binds them.
#include <unistd.h>

#include <algorithm>
#include <new>

#include "base/diagnostics.h"
#include "collector.h"
#include "encode/prometheus_text.h"
#include "metrics_text.h"
#include "ship/metric_points.h"

namespace forebay::engine {

Result<Instrument*> Registry::instrument(Collector* collector,
                                         const forebay_instrument_spec& spec) {
  const std::lock_guard lock(mutex_);
  return instruments_.make(collector, spec);
}

SeriesHandle* Registry::series(Instrument& instrument, const forebay_attribute* attributes,
                               uint32_t count) noexcept try {
  const std::lock_guard lock(mutex_);
  return instruments_.make_series(instrument, attributes, count);
} catch (const std::bad_alloc&) {
  return nullptr;
}

void Registry::release(SeriesHandle* series) noexcept {
  const std::lock_guard lock(mutex_);
  instruments_.release(series);
}

ObserverHandle* Registry::observe(Instrument& instrument, forebay_observe_callback callback,
                                  void* context) {
  const std::lock_guard lock(mutex_);
  auto made = std::make_unique<ObserverHandle>();
  made->instrument = &instrument;
  made->callback = callback;
  made->context = context;
  observers_.reserve(observers_.size() + 1);
  Collector* const collector = instrument.collector != nullptr ? instrument.collector : default_;
  observers_.push_back(std::move(made));
  if (collector != nullptr) activate_observed(*collector);
  return observers_.back().get();
}

// What is only observed is collected all the same: nobody records, so nobody else would begin.
void Registry::activate_observed(Collector& collector) {
  const bool is_observed = std::ranges::any_of(observers_, [&](const auto& observer) {
    const Collector* of = observer->instrument->collector;
    return of == &collector || (of == nullptr && default_ == &collector);
  });
  if (!is_observed) return;
  if (Incarnation* const incarnation = collector.activate()) add_observers(collector, *incarnation);
}

void Registry::begin_observing(Collector& collector) noexcept try {
  const std::lock_guard lock(mutex_);
  activate_observed(collector);
} catch (const std::bad_alloc&) {
  warn("observers", "no memory for the callbacks of observable instruments; some are not asked");
}

void Registry::add_observers(Collector& collector, Incarnation& incarnation) {
  for (const auto& observer : observers_) {
    Instrument& instrument = *observer->instrument;
    const bool is_its = instrument.collector == &collector ||
                        (instrument.collector == nullptr && default_ == &collector);
    if (is_its && Instruments::bind(instrument, incarnation)) add_observer(*observer, incarnation);
  }
}

namespace {

Collector* collector_of(const Instrument& instrument) noexcept { return instrument.collector; }
Collector* collector_of(const SeriesHandle& series) noexcept {
  return series.instrument->collector;
}

}  // namespace

template <typename Handle>
int32_t Registry::bind_metric(Handle& handle, Incarnation*& incarnation) noexcept {
  const std::lock_guard lock(mutex_);
  Collector* collector = collector_of(handle) != nullptr ? collector_of(handle) : default_;
  const int32_t outcome = metering(collector, 1, incarnation);
  if (outcome == FOREBAY_DISABLED) lead_nowhere(handle);
  if (outcome != FOREBAY_ACCEPTED) return outcome;
  if (!Instruments::bind(handle, *incarnation)) {
    collector->add_refused(account::NoteName::kMeasurementsMemory, 1);
    return FOREBAY_DROPPED_MEMORY;
  }
  return FOREBAY_ACCEPTED;
}

int32_t Registry::metering(Collector* collector, uint64_t measurements,
                           Incarnation*& incarnation) noexcept {
  using account::NoteName;
  if (collector == nullptr) {
    measurements_not_started_ += measurements;
    return FOREBAY_REFUSED_NOT_STARTED;
  }
  if (collector->is_closed()) {
    collector->add_refused(NoteName::kMeasurementsShutdown, measurements);
    return FOREBAY_REFUSED_SHUTDOWN;
  }
  if (collector->options().is_disabled) return FOREBAY_DISABLED;
  incarnation = collector->activate();
  if (incarnation == nullptr) {
    collector->add_refused(NoteName::kMeasurementsNotStarted, measurements);
    return FOREBAY_REFUSED_NOT_STARTED;
  }
  return FOREBAY_ACCEPTED;
}

int32_t Registry::send_metrics(Collector* collector, std::string_view request) noexcept {
  using account::NoteName;
  using Sent = pipeline::MetricsIntake::Sent;
  uint64_t points = 0;
  const auto refuse = [&](NoteName name, int32_t outcome) {
    const std::lock_guard lock(mutex_);
    if (collector != nullptr) collector->add_refused(name, points);
    return outcome;
  };
  try {
    const ByteView body{reinterpret_cast<const uint8_t*>(request.data()), request.size()};
    if (!ship::for_each_metric_point(body, [&](const ship::MetricPointView&) { ++points; })) {
      return FOREBAY_INVALID_MEASUREMENT;
    }
    Incarnation* incarnation = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (collector == nullptr) collector = default_;
      const int32_t outcome = metering(collector, points, incarnation);
      if (outcome != FOREBAY_ACCEPTED) return outcome;
    }
    const Sent sent = incarnation->pipeline->send_metrics(body, points);
    if (sent == Sent::kClosed) {
      return refuse(NoteName::kMeasurementsShutdown, FOREBAY_REFUSED_SHUTDOWN);
    }
    return sent == Sent::kTaken ? FOREBAY_ACCEPTED : FOREBAY_DROPPED_MEMORY;
  } catch (const std::bad_alloc&) {
    return refuse(NoteName::kMeasurementsMemory, FOREBAY_DROPPED_MEMORY);
  }
}

void Registry::count_lost_measurements(account::NoteName name, uint64_t measurements) noexcept {
  const std::lock_guard lock(mutex_);
  if (default_ != nullptr) {
    default_->add_refused(name, measurements);
  } else {
    measurements_not_started_ += measurements;
  }
}

template int32_t Registry::bind_metric(Instrument&, Incarnation*&) noexcept;
template int32_t Registry::bind_metric(SeriesHandle&, Incarnation*&) noexcept;

void Collector::add_observers(Incarnation& incarnation) noexcept try {
  Registry::process().add_observers(*this, incarnation);
} catch (const std::bad_alloc&) {
  warn("observers", "no memory for the callbacks of observable instruments; some are not asked");
}

int32_t Collector::metrics_text(bool is_open_metrics, std::string& text) {
  Incarnation* const current = incarnation_.load();
  if (is_closed()) return FOREBAY_CLOSED;
  ByteBuffer written;
  if (current != nullptr && current->pid == getpid()) {
    current->pipeline->observe();
    const int32_t outcome = write_metrics_text(*current, is_open_metrics, written);
    if (outcome != FOREBAY_OK) return outcome;
  } else {
    encode::PrometheusOptions options;
    if (is_open_metrics) options.format = encode::PrometheusFormat::kOpenMetrics;
    encode::PrometheusText(options_.pipeline.resource, options).finish(written);
  }
  text = as_text(written.view());
  return FOREBAY_OK;
}

int32_t Collector::publish_metrics() {
  if (options_.publication.directory.empty()) return FOREBAY_INVALID_ARGUMENT;
  Incarnation* const current = incarnation_.load();
  if (is_closed()) return FOREBAY_CLOSED;
  if (current == nullptr || current->pid != getpid()) return FOREBAY_OK;
  MetricsPublisher* const publisher = current->publisher.get();
  return publisher != nullptr && publisher->publish() ? FOREBAY_OK : FOREBAY_UNAVAILABLE;
}

void Collector::make_publisher(Incarnation& incarnation) const {
  if (options_.publication.directory.empty()) return;
  incarnation.publisher = std::make_unique<MetricsPublisher>(
      options_.publication, options_.pipeline.service_name, incarnation.instance_id,
      [&incarnation](Duration longest) { incarnation.pipeline->observe(longest); },
      [&incarnation](ByteBuffer& out) {
        return write_metrics_text(incarnation, true, out) == FOREBAY_OK;
      },
      [&incarnation] {
        incarnation.pipeline->ledger().note(account::NoteName::kPublicationsFailed, 1);
      });
  if (Status status = incarnation.publisher->start(); !status) {
    warn("threads", status.message());
  }
}

void Collector::add_refused(account::NoteName name, uint64_t measurements) noexcept {
  if (measurements == 0) return;
  Incarnation* current = incarnation_.load();
  if (current != nullptr && current->pid == getpid()) {
    current->pipeline->ledger().note(name, measurements);
  } else if (name == account::NoteName::kMeasurementsNotStarted) {
    unled_.measurements_not_started += measurements;
  } else if (name == account::NoteName::kMeasurementsMemory) {
    unled_.measurements_memory += measurements;
  } else {
    unled_.measurements_shutdown += measurements;
  }
}

}  // namespace forebay::engine
