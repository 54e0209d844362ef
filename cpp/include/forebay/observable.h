// Observable instruments: values that somebody else keeps, asked for at each collection and each
// scrape.
//
//   auto depth = forebay::observable_gauge("queue.depth", [&](forebay::Observer& observer) {
//     observer.observe(queue.size(), {{"queue", "orders"}});
//   });
#pragma once
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <utility>

#include "forebay/metrics.h"

namespace forebay {
inline namespace v1 {

// What a callback tells its values to, while it is called.
class Observer {
 public:
  Observer(const forebay_api& api, forebay_observation* observation) noexcept
      : api_(api), observation_(observation) {}

  // Of the same attributes the last value holds. An observable counter is told its sum.
  template <Measurement T>
  Outcome observe(T value, std::initializer_list<Attribute> attributes = {}) noexcept {
    return observe(value, std::span<const Attribute>(attributes.begin(), attributes.size()));
  }
  template <Measurement T>
  FOREBAY_LOCAL Outcome observe(T value, std::span<const Attribute> attributes) noexcept {
    const detail::SpelledAttributes spelled(attributes);
    if (spelled.left_out() != 0) {
      api_.count_lost_measurements(FOREBAY_DROPPED_MEMORY, 1);
      return Outcome(FOREBAY_DROPPED_MEMORY);
    }
    if (detail::is_whole(value)) {
      return Outcome(api_.observation_int64(observation_, spelled.data(), spelled.size(),
                                            static_cast<int64_t>(value)));
    }
    return Outcome(api_.observation_double(observation_, spelled.data(), spelled.size(),
                                           static_cast<double>(value)));
  }

 private:
  const forebay_api& api_;
  forebay_observation* observation_;
};

using ObserveCallback = std::function<void(Observer&)>;

// Asks its callback while it lives. When it has gone, the callback does not run and is not called
// again: it must not go away inside the callback. The calls come from Forebay's own thread, which
// collects nothing meanwhile: be quick. An exception is counted, and costs only what this callback
// had not told yet.
class ObservableInstrument {
 public:
  ObservableInstrument() noexcept = default;
  ObservableInstrument(ObservableInstrument&& other) noexcept
      : api_(other.api_),
        callback_(std::move(other.callback_)),
        observer_(std::exchange(other.observer_, nullptr)) {}
  ObservableInstrument& operator=(ObservableInstrument other) noexcept {
    std::swap(api_, other.api_);
    std::swap(callback_, other.callback_);
    std::swap(observer_, other.observer_);
    return *this;
  }
  ~ObservableInstrument() {
    if (observer_ != nullptr) api_->observer_end(observer_);
  }

  // For Collector::observable_gauge and so on. A null collector: the process default.
  [[nodiscard]] FOREBAY_LOCAL static Result<ObservableInstrument> of(forebay_collector* collector,
                                                                     uint32_t kind,
                                                                     std::string_view name,
                                                                     ObserveCallback callback,
                                                                     const InstrumentSpec& spec) {
    if (!callback) return Status(Status::Code::kInvalid, "callback: there is none");
    auto instrument = detail::make_instrument(collector, kind, name, spec);
    if (!instrument) return instrument.status();
    ObservableInstrument made;
    made.api_ = detail::metrics_table();
    made.callback_ = std::make_unique<ObserveCallback>(std::move(callback));
    if (made.api_->observe(instrument->handle(), call, made.callback_.get(), &made.observer_) !=
        FOREBAY_OK) {
      made.observer_ = nullptr;
      return Status(Status::Code::kUnavailable, "there is no memory for the callback");
    }
    return made;
  }

 private:
  FOREBAY_LOCAL static void call(void* context, forebay_observation* observation) noexcept {
    const forebay_api& api = *detail::metrics_table();
    Observer observer(api, observation);
    uint32_t failures = 0;
#if defined(__cpp_exceptions)
    try {
      (*static_cast<ObserveCallback*>(context))(observer);
    } catch (...) {
      failures = 1;
    }
#else
    (*static_cast<ObserveCallback*>(context))(observer);
#endif
    api.observation_end(observation, failures);
  }

  const forebay_api* api_ = nullptr;
  std::unique_ptr<ObserveCallback> callback_;  // its address is the core's context
  forebay_observer* observer_ = nullptr;
};

// Of the process's default collector, whichever is started, now or later. Forebay must be there
// (attach); kInvalid names the field. The callback tells an observable counter's sum so far.
[[nodiscard]] FOREBAY_LOCAL inline Result<ObservableInstrument> observable_counter(
    std::string_view name, ObserveCallback callback, const InstrumentSpec& spec = {}) {
  return ObservableInstrument::of(nullptr, FOREBAY_OBSERVABLE_COUNTER, name, std::move(callback),
                                  spec);
}
[[nodiscard]] FOREBAY_LOCAL inline Result<ObservableInstrument> observable_up_down_counter(
    std::string_view name, ObserveCallback callback, const InstrumentSpec& spec = {}) {
  return ObservableInstrument::of(nullptr, FOREBAY_OBSERVABLE_UP_DOWN_COUNTER, name,
                                  std::move(callback), spec);
}
[[nodiscard]] FOREBAY_LOCAL inline Result<ObservableInstrument> observable_gauge(
    std::string_view name, ObserveCallback callback, const InstrumentSpec& spec = {}) {
  return ObservableInstrument::of(nullptr, FOREBAY_OBSERVABLE_GAUGE, name, std::move(callback),
                                  spec);
}

}  // namespace v1
}  // namespace forebay
