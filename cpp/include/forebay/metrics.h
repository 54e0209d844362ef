// Instruments: counters, gauges and histograms. (Observable ones: forebay/observable.h.)
//
//   static constinit forebay::Counter orders{"orders", {.unit = "{order}"}};
//   orders.add(1, {{"region", region}});
//
//   static const forebay::BoundCounter eu = orders.bind({{"region", "eu"}});     // some 5 ns an
//   add eu.add(1);
//
//   static constinit forebay::Histogram latency{"latency", {.unit = "s"}};
//   auto timer = latency.time();                                    // records when it goes
//
// They may be made before a collector is, also before main: they bind at first use, to the
// process's default collector, whichever is started, now or later. Measurements that come before
// are counted (notes.measurements_not_started). A measurement never waits and never throws; it
// needs no GIL. It is not for signal handlers.
#pragma once
#include <chrono>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "forebay/bound_series.h"
#include "forebay/instrument.h"

namespace forebay {
inline namespace v1 {

namespace detail {

// An instrument of that name from the core; with no collector, of the process default.
FOREBAY_LOCAL inline Result<Instrument> make_instrument(forebay_collector* collector, uint32_t kind,
                                                        std::string_view name,
                                                        const InstrumentSpec& about) {
  if (Status attached = attach(); !attached.is_ok()) return attached;
  const forebay_api* api = metrics_table();
  if (api == nullptr) {
    return Status(Status::Code::kIncompatible, "the loaded Forebay is too old to know metrics");
  }
  const auto raw = [](std::string_view text) { return forebay_string{text.data(), text.size()}; };
  forebay_instrument_spec spec{};
  spec.struct_size = sizeof spec;
  spec.kind = kind;
  spec.name = raw(name);
  spec.unit = raw(about.unit);
  spec.description = raw(about.description);
  spec.meter = raw(about.meter);
  spec.meter_version = raw(about.meter_version);
  spec.bounds = about.buckets.empty() ? nullptr : about.buckets.data();
  spec.bound_count = clamped(about.buckets.size());
  spec.flags = about.is_real ? uint32_t{FOREBAY_INSTRUMENT_REAL} : 0;
  forebay_instrument* made = nullptr;
  std::string error;
  const auto keep = +[](void* context, const char* data, size_t size) {
    static_cast<std::string*>(context)->assign(data, size);
  };
  const int32_t code = api->instrument(collector, &spec, &made, keep, &error);
  if (code == FOREBAY_OK) return Instrument(made);
  if (code == FOREBAY_INVALID_ARGUMENT) return Status(Status::Code::kInvalid, std::move(error));
  return Status(Status::Code::kUnavailable, "there is no memory for the instrument");
}

}  // namespace detail

// Measures from its making on and records when it ends, in the histogram's unit: seconds, or
// whichever of ms, us, ns, min, h it is. Refers to what it was made by, which must live longer.
template <class Recorder>
class [[nodiscard]] Timer {
 public:
  Timer(const Recorder& recorder, double of_a_second) noexcept
      : recorder_(&recorder), of_a_second_(of_a_second) {}
  Timer(Timer&& other) noexcept
      : recorder_(std::exchange(other.recorder_, nullptr)),
        of_a_second_(other.of_a_second_),
        begun_(other.begun_) {}
  Timer& operator=(Timer&&) = delete;
  ~Timer() {
    if (recorder_ != nullptr) recorder_->record(elapsed());
  }

  // So long has it been, in the histogram's unit.
  [[nodiscard]] double elapsed() const noexcept {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begun_;
    return elapsed.count() * of_a_second_;
  }
  // Records now, with attributes that are known only now, and not again.
  Outcome stop(std::initializer_list<Attribute> attributes) noexcept requires
      requires(const Recorder& of) {
    of.record(1.0, attributes);
  }
  {
    if (recorder_ == nullptr) return Outcome(FOREBAY_DISABLED);
    return std::exchange(recorder_, nullptr)->record(elapsed(), attributes);
  }
  Outcome stop() noexcept {
    if (recorder_ == nullptr) return Outcome(FOREBAY_DISABLED);
    return std::exchange(recorder_, nullptr)->record(elapsed());
  }
  // Records nothing.
  void cancel() noexcept { recorder_ = nullptr; }

 private:
  const Recorder* recorder_;
  double of_a_second_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

namespace detail {

// What the four kinds share; each has its own word for recording.
template <class Self, class Bound, uint32_t kKind>
class Synchronous {
 public:
  constexpr explicit Synchronous(InstrumentName name,
                                 const InstrumentOptions& options = {}) noexcept
      : instrument_(kKind, name, options) {}
  explicit Synchronous(const Instrument& instrument) noexcept : instrument_(instrument) {}

  // With a name that is made at run time, for the process's default collector (of one collector:
  // Collector::counter and so on). Forebay must be there (attach); kInvalid names the field.
  [[nodiscard]] FOREBAY_LOCAL static Result<Self> named(std::string_view name,
                                                        const InstrumentSpec& spec = {}) {
    return of(nullptr, name, spec);
  }
  [[nodiscard]] FOREBAY_LOCAL static Result<Self> of(forebay_collector* collector,
                                                     std::string_view name,
                                                     const InstrumentSpec& spec) {
    auto made = make_instrument(collector, kKind, name, spec);
    if (!made) return made.status();
    Self self(*made);
    if constexpr (kKind == FOREBAY_HISTOGRAM) self.of_a_second_ = detail::of_a_second(spec.unit);
    return self;
  }

  // The series of those attributes, which are copied. Throws std::bad_alloc.
  [[nodiscard]] Bound bind(std::initializer_list<Attribute> attributes = {}) const {
    return bind(std::span<const Attribute>(attributes.begin(), attributes.size()));
  }
  [[nodiscard]] Bound bind(std::span<const Attribute> attributes) const {
    return Bound(BoundSeries(instrument_, attributes));
  }

 protected:
  template <Measurement T>
  Outcome record_into(T value, std::initializer_list<Attribute> attributes) const noexcept {
    return instrument_.record({attributes.begin(), attributes.size()}, value);
  }
  template <Measurement T>
  Outcome record_into(T value, std::span<const Attribute> attributes) const noexcept {
    return instrument_.record(attributes, value);
  }

 private:
  Instrument instrument_;
};

// A series from bind(). Move it, do not copy it; while it goes away, no thread may use it.
class BoundBase {
 public:
  explicit BoundBase(BoundSeries series) noexcept : series_(std::move(series)) {}

 protected:
  BoundSeries series_;
};

}  // namespace detail

// Each: whole or floating point; NaN and infinity are invalid, and counted so.

class BoundCounter : detail::BoundBase {
 public:
  using BoundBase::BoundBase;
  // A value below 0 is invalid.
  template <Measurement T>
  [[gnu::always_inline]] Outcome add(T value) const noexcept {
    return series_.record(value);
  }
};

class BoundUpDownCounter : detail::BoundBase {
 public:
  using BoundBase::BoundBase;
  template <Measurement T>
  [[gnu::always_inline]] Outcome add(T value) const noexcept {
    return series_.record(value);
  }
};

class BoundGauge : detail::BoundBase {
 public:
  using BoundBase::BoundBase;
  template <Measurement T>
  [[gnu::always_inline]] Outcome set(T value) const noexcept {
    return series_.record(value);
  }
};

class BoundHistogram : detail::BoundBase {
 public:
  using BoundBase::BoundBase;
  template <Measurement T>
  [[gnu::always_inline]] Outcome record(T value) const noexcept {
    return series_.record(value);
  }
  [[nodiscard]] Timer<BoundHistogram> time() const noexcept { return {*this, of_a_second_}; }

 private:
  friend class Histogram;
  double of_a_second_ = 1;
};

// A sum that only grows. Instruments are small values: copy them, make them static, share them
// between threads. Attributes come in any order; of equal keys the last wins.
class Counter : public detail::Synchronous<Counter, BoundCounter, FOREBAY_COUNTER> {
 public:
  using Synchronous::Synchronous;
  // A value below 0 is invalid.
  template <Measurement T>
  Outcome add(T value, std::initializer_list<Attribute> attributes = {}) const noexcept {
    return record_into(value, attributes);
  }
  template <Measurement T>
  Outcome add(T value, std::span<const Attribute> attributes) const noexcept {
    return record_into(value, attributes);
  }
};

// A sum that goes both ways.
class UpDownCounter
    : public detail::Synchronous<UpDownCounter, BoundUpDownCounter, FOREBAY_UP_DOWN_COUNTER> {
 public:
  using Synchronous::Synchronous;
  template <Measurement T>
  Outcome add(T value, std::initializer_list<Attribute> attributes = {}) const noexcept {
    return record_into(value, attributes);
  }
  template <Measurement T>
  Outcome add(T value, std::span<const Attribute> attributes) const noexcept {
    return record_into(value, attributes);
  }
};

// The value that was set last.
class Gauge : public detail::Synchronous<Gauge, BoundGauge, FOREBAY_GAUGE> {
 public:
  using Synchronous::Synchronous;
  template <Measurement T>
  Outcome set(T value, std::initializer_list<Attribute> attributes = {}) const noexcept {
    return record_into(value, attributes);
  }
  template <Measurement T>
  Outcome set(T value, std::span<const Attribute> attributes) const noexcept {
    return record_into(value, attributes);
  }
};

// How values are spread: in buckets of InstrumentOptions, of a view, or exponential ones.
class Histogram : public detail::Synchronous<Histogram, BoundHistogram, FOREBAY_HISTOGRAM> {
 public:
  constexpr explicit Histogram(InstrumentName name, const InstrumentOptions& options = {}) noexcept
      : Synchronous(name, options),
        of_a_second_(detail::of_a_second({options.unit.raw().data, options.unit.raw().size})) {}
  explicit Histogram(const detail::Instrument& instrument) noexcept : Synchronous(instrument) {}

  template <Measurement T>
  Outcome record(T value, std::initializer_list<Attribute> attributes = {}) const noexcept {
    return record_into(value, attributes);
  }
  template <Measurement T>
  Outcome record(T value, std::span<const Attribute> attributes) const noexcept {
    return record_into(value, attributes);
  }
  [[nodiscard]] Timer<Histogram> time() const noexcept { return {*this, of_a_second_}; }

  [[nodiscard]] BoundHistogram bind(std::initializer_list<Attribute> attributes = {}) const {
    return bind(std::span<const Attribute>(attributes.begin(), attributes.size()));
  }
  [[nodiscard]] BoundHistogram bind(std::span<const Attribute> attributes) const {
    BoundHistogram bound = Synchronous::bind(attributes);
    bound.of_a_second_ = of_a_second_;
    return bound;
  }

 private:
  friend class detail::Synchronous<Histogram, BoundHistogram, FOREBAY_HISTOGRAM>;
  double of_a_second_ = 1;
};

}  // namespace v1
}  // namespace forebay
