// The series of one set of attributes, found once: what a measurement on a hot path goes through.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "forebay/instrument.h"

namespace forebay {
inline namespace v1 {
namespace detail {

[[noreturn]] inline void no_memory() {
#if defined(__cpp_exceptions)
  throw std::bad_alloc();
#else
  std::abort();  // as the standard library does then
#endif
}

// Attributes with strings of their own. Throws std::bad_alloc.
class KeptAttributes {
 public:
  explicit KeptAttributes(std::span<const Attribute> attributes) {
    const SpelledAttributes spelled(attributes);
    if (spelled.left_out() != 0) no_memory();
    for (uint32_t i = 0; i < spelled.size(); ++i) {
      forebay_attribute& kept = attributes_.emplace_back(spelled.data()[i]);
      kept.key = texts_.emplace_back(kept.key, kept.key_size).data();
      if (kept.value.type == FOREBAY_STRING || kept.value.type == FOREBAY_BYTES) {
        kept.value.as.data = texts_.emplace_back(kept.value.as.data, kept.value.size).data();
      }
    }
  }
  [[nodiscard]] const forebay_attribute* data() const noexcept { return attributes_.data(); }
  [[nodiscard]] uint32_t size() const noexcept { return clamped(attributes_.size()); }

 private:
  std::deque<std::string> texts_;  // deque: addresses stay
  std::vector<forebay_attribute> attributes_;
};

// A series of the core; where Forebay is not there yet, what it is to be asked for with.
class BoundSeries {
 public:
  // Throws std::bad_alloc.
  FOREBAY_LOCAL BoundSeries(const Instrument& instrument, std::span<const Attribute> attributes)
      : instrument_(instrument), attributes_(std::make_unique<KeptAttributes>(attributes)) {
    if (const forebay_api* api = metrics_table(); api != nullptr) (void)bind(*api);
  }
  BoundSeries(BoundSeries&& other) noexcept
      : instrument_(other.instrument_),
        attributes_(std::move(other.attributes_)),
        series_(other.series_.exchange(nullptr)) {}
  BoundSeries& operator=(BoundSeries&& other) noexcept {
    if (this == &other) return *this;
    release();
    instrument_ = other.instrument_;
    attributes_ = std::move(other.attributes_);
    series_.store(other.series_.exchange(nullptr));
    return *this;
  }
  ~BoundSeries() { release(); }

  template <Measurement T>
  [[gnu::always_inline]] Outcome record(T value) const noexcept {
    forebay_series* series = series_.load(std::memory_order_acquire);
    if (series == nullptr) [[unlikely]]
      return record_first(value);
    return into(*attachment.table(), series, value);
  }

 private:
  template <Measurement T>
  [[gnu::always_inline]] static Outcome into(const forebay_api& api, forebay_series* series,
                                             T value) noexcept {
    if (is_whole(value)) {
      return Outcome(api.series_record_int64(series, static_cast<int64_t>(value)));
    }
    return Outcome(api.series_record_double(series, static_cast<double>(value)));
  }

  template <Measurement T>
  [[gnu::noinline]] FOREBAY_LOCAL Outcome record_first(T value) const noexcept {
    const forebay_api* api = metrics_table();
    if (api == nullptr) return count_unattached_measurement();
    forebay_series* series = bind(*api);
    if (series != nullptr) return into(*api, series, value);
    api->count_lost_measurements(FOREBAY_DROPPED_MEMORY, 1);
    return Outcome(FOREBAY_DROPPED_MEMORY);
  }

  // Null where there is no memory, or it was moved from.
  FOREBAY_LOCAL forebay_series* bind(const forebay_api& api) const noexcept {
    forebay_instrument* instrument = instrument_.bind(api);
    if (instrument == nullptr || attributes_ == nullptr) return nullptr;
    forebay_series* made = api.series(instrument, attributes_->data(), attributes_->size());
    forebay_series* none = nullptr;
    if (made == nullptr || series_.compare_exchange_strong(none, made)) return made;
    api.series_release(made);  // another thread was first
    return none;
  }

  void release() noexcept {
    forebay_series* series = series_.exchange(nullptr);
    if (series != nullptr) attachment.table()->series_release(series);
  }

  Instrument instrument_;
  std::unique_ptr<KeptAttributes> attributes_;
  mutable std::atomic<forebay_series*> series_{nullptr};
};

}  // namespace detail
}  // namespace v1
}  // namespace forebay
