// What all instruments share: a name and a unit that are checked, and a handle of the core that is
// fetched at first use.
#pragma once
#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>

#include "forebay/attach.h"
#include "forebay/c_api.h"
#include "forebay/outcome.h"
#include "forebay/spelled_attributes.h"
#include "forebay/value.h"

namespace forebay {
inline namespace v1 {

namespace detail {

// Not constexpr: what the compiler says when a literal is not one. Defined, because clang 14
// without optimisation calls the constructor of a default member (InstrumentOptions::unit) when it
// runs.
inline void
a_name_is_a_letter_then_letters_digits_and_dots_dashes_slashes_underscores_255_at_most() {}
inline void a_unit_is_at_most_63_characters_of_ascii() {}

constexpr bool is_instrument_name(const char* text, size_t size) noexcept {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (size == 0 || size > 255 || !is_letter(text[0])) return false;
  for (size_t i = 1; i < size; ++i) {
    const char c = text[i];
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_letter(c) && !is_digit && c != '_' && c != '.' && c != '-' && c != '/') return false;
  }
  return true;
}

constexpr bool is_unit(const char* text, size_t size) noexcept {
  if (size > 63) return false;
  for (size_t i = 0; i < size; ++i) {
    if (static_cast<unsigned char>(text[i]) >= 0x80) return false;
  }
  return true;
}

// How many of the unit a second is; 1 where it is no unit of time.
constexpr double of_a_second(std::string_view unit) noexcept {
  if (unit == "ms") return 1e3;
  if (unit == "us") return 1e6;
  if (unit == "ns") return 1e9;
  if (unit == "min") return 1.0 / 60;
  if (unit == "h") return 1.0 / 3600;
  return 1.0;
}

}  // namespace detail

// The name of an instrument, checked while compiling: a letter, then letters, digits and _ . - /.
class InstrumentName {
 public:
  template <size_t N>
  consteval InstrumentName(const char (&text)[N])  // NOLINT(google-explicit-constructor)
      : data_(text), size_(N - 1) {
    if (!detail::is_instrument_name(text, N - 1)) {
      detail::
          a_name_is_a_letter_then_letters_digits_and_dots_dashes_slashes_underscores_255_at_most();
    }
  }
  [[nodiscard]] constexpr forebay_string raw() const noexcept { return {data_, size_}; }

 private:
  const char* data_;
  size_t size_;
};

// A unit in UCUM, checked while compiling: "s", "By", "{order}".
class Unit {
 public:
  template <size_t N>
  consteval Unit(const char (&text)[N])  // NOLINT(google-explicit-constructor)
      : data_(text), size_(N - 1) {
    if (!detail::is_unit(text, N - 1)) detail::a_unit_is_at_most_63_characters_of_ascii();
  }
  [[nodiscard]] constexpr forebay_string raw() const noexcept { return {data_, size_}; }

 private:
  const char* data_;
  size_t size_;
};

// About an instrument that is made before its core is known: literals, kept by pointer.
struct InstrumentOptions {
  Unit unit = "";
  Literal description = "";
  Literal meter = "";  // the name of its instrumentation scope: who counts
  Literal meter_version = "";
  // Of a histogram: upper bounds, rising, each belongs to its bucket; at most 256. Must live as
  // long as the instrument (a static array). Default: OpenTelemetry's, 0 to 10,000.
  std::span<const double> buckets = {};
  bool is_real = false;  // points are floating point numbers also where all values are whole
};

// About one that is made at run time: copied by the core.
struct InstrumentSpec {
  std::string_view unit = {};
  std::string_view description = {};
  std::string_view meter = {};
  std::string_view meter_version = {};
  std::span<const double> buckets = {};
  bool is_real = false;
};

// What can be measured: any number. An unsigned one above 2^63 - 1 is taken as a double.
template <class T>
concept Measurement = (std::integral<T> && !std::same_as<std::remove_cv_t<T>, bool> &&
                       sizeof(T) <= 8 && std::is_constructible_v<Value, T>) ||
                      std::floating_point<T>;

namespace detail {

template <Measurement T>
constexpr bool is_whole(T value) noexcept {
  if constexpr (std::floating_point<T>) return false;
  if constexpr (std::is_unsigned_v<T> && sizeof(T) == sizeof(uint64_t)) {
    return value <= static_cast<T>(std::numeric_limits<int64_t>::max());
  }
  return true;
}

// The table, where it is there and knows metrics.
FOREBAY_LOCAL inline const forebay_api* metrics_table() noexcept {
  const forebay_api* api = table_or_retry();
  return api != nullptr && knows_metrics(*api) ? api : nullptr;
}

// One handle of the core, or what it is to be asked for with. A small value, as a Logger is: the
// core's handles are never freed.
class Instrument {
 public:
  constexpr Instrument(uint32_t kind, InstrumentName name,
                       const InstrumentOptions& options) noexcept
      : kind_(kind),
        flags_(options.is_real ? uint32_t{FOREBAY_INSTRUMENT_REAL} : 0),
        name_(name.raw()),
        unit_(options.unit.raw()),
        description_(options.description.raw()),
        meter_(options.meter.raw()),
        meter_version_(options.meter_version.raw()),
        buckets_(options.buckets) {}
  explicit Instrument(forebay_instrument* handle) noexcept : handle_(handle) {}
  Instrument(const Instrument& other) noexcept { *this = other; }
  Instrument& operator=(const Instrument& other) noexcept {
    handle_.store(other.handle_.load(std::memory_order_acquire), std::memory_order_release);
    kind_ = other.kind_;
    flags_ = other.flags_;
    name_ = other.name_;
    unit_ = other.unit_;
    description_ = other.description_;
    meter_ = other.meter_;
    meter_version_ = other.meter_version_;
    buckets_ = other.buckets_;
    return *this;
  }

  // Null before the first use.
  [[nodiscard]] forebay_instrument* handle() const noexcept {
    return handle_.load(std::memory_order_acquire);
  }

  // The handle, fetched if need be. Null: there is no memory, or the buckets are no bounds.
  FOREBAY_LOCAL forebay_instrument* bind(const forebay_api& api) const noexcept {
    if (forebay_instrument* known = handle(); known != nullptr) return known;
    forebay_instrument_spec spec{};
    spec.struct_size = sizeof spec;
    spec.kind = kind_;
    spec.name = name_;
    spec.unit = unit_;
    spec.description = description_;
    spec.meter = meter_;
    spec.meter_version = meter_version_;
    spec.bounds = buckets_.empty() ? nullptr : buckets_.data();
    spec.bound_count = clamped(buckets_.size());
    spec.flags = flags_;
    forebay_instrument* made = nullptr;
    if (api.instrument(nullptr, &spec, &made, nullptr, nullptr) != FOREBAY_OK) return nullptr;
    handle_.store(made, std::memory_order_release);  // who races gets the same one
    return made;
  }

  template <Measurement T>
  FOREBAY_LOCAL Outcome record(std::span<const Attribute> attributes, T value) const noexcept {
    const forebay_api* api = metrics_table();
    if (api == nullptr) return count_unattached_measurement();
    forebay_instrument* bound = bind(*api);
    const SpelledAttributes spelled(attributes);
    // With some of its attributes it would be counted in another series.
    if (bound == nullptr || spelled.left_out() != 0) {
      api->count_lost_measurements(FOREBAY_DROPPED_MEMORY, 1);
      return Outcome(FOREBAY_DROPPED_MEMORY);
    }
    if (is_whole(value)) {
      return Outcome(
          api->record_int64(bound, spelled.data(), spelled.size(), static_cast<int64_t>(value)));
    }
    return Outcome(
        api->record_double(bound, spelled.data(), spelled.size(), static_cast<double>(value)));
  }

 private:
  mutable std::atomic<forebay_instrument*> handle_{nullptr};
  uint32_t kind_ = 0;
  uint32_t flags_ = 0;
  forebay_string name_{nullptr, 0};
  forebay_string unit_{nullptr, 0};
  forebay_string description_{nullptr, 0};
  forebay_string meter_{nullptr, 0};
  forebay_string meter_version_{nullptr, 0};
  std::span<const double> buckets_;
};

}  // namespace detail
}  // namespace v1
}  // namespace forebay
