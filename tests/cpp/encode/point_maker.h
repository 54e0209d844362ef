// Points and streams for tests.
#pragma once
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/attribute_set.h"
#include "model/metric_points.h"
#include "model/value.h"

namespace forebay::encode {

constexpr WallTime kStart{Duration{1'800'000'000'000'000'001}};
constexpr WallTime kNow{Duration{1'800'000'060'500'000'000}};

// An attribute set that lives as long as it does.
class Set {
 public:
  Set() = default;
  Set(std::initializer_list<std::pair<std::string_view, model::OwnedValue>> attributes) {
    std::vector<forebay_attribute> cells;
    for (const auto& [key, value] : attributes) {
      forebay_attribute cell{};
      cell.key = key.data();
      cell.key_size = static_cast<uint32_t>(key.size());
      cell.value = value.cell();
      cells.push_back(cell);
    }
    const model::AttributeSetKey key(cells.data(), static_cast<uint32_t>(cells.size()));
    bytes_ = ByteBuffer::copy_of(key.bytes());
  }
  [[nodiscard]] ByteView view() const noexcept { return bytes_.view(); }

 private:
  ByteBuffer bytes_;
};

inline model::OwnedValue owned_text(std::string_view s) { return model::OwnedValue::text(s); }
inline model::OwnedValue owned(uint32_t type, std::string_view bytes) {
  model::OwnedValue value = owned_text(bytes);
  value.type = type;
  return value;
}
inline model::OwnedValue integer(int64_t number, uint32_t type = FOREBAY_INT64) {
  model::OwnedValue value;
  value.type = type;
  value.i64 = number;
  return value;
}
inline model::OwnedValue real(double number) {
  model::OwnedValue value;
  value.type = FOREBAY_DOUBLE;
  value.f64 = number;
  return value;
}

inline model::NumberPoint integer_point(ByteView attributes, int64_t number) {
  return {.attributes = attributes, .start = kStart, .time = kNow, .integer = number};
}
inline model::NumberPoint real_point(ByteView attributes, double number) {
  return {
      .attributes = attributes, .start = kStart, .time = kNow, .is_integer = false, .real = number};
}

// Its minimum is 0, its maximum 10.
inline model::HistogramPoint histogram_point(ByteView attributes, uint64_t count, double sum,
                                             std::span<const double> bounds,
                                             std::span<const uint64_t> bucket_counts) {
  return {attributes, kStart, kNow, count, true, sum, 0, 10, bounds, bucket_counts};
}

inline const model::Scope& test_scope() {
  static const model::Scope scope{
      .id = 1, .name = "app", .version = "1.2", .attributes = {{"team", owned_text("blue")}}};
  return scope;
}

inline model::MetricStream counter(std::string_view name, std::string_view unit = "") {
  return {.scope = &test_scope(),
          .name = name,
          .description = "what it is",
          .unit = unit,
          .kind = model::PointKind::kSum,
          .is_monotonic = true};
}
inline model::MetricStream stream(std::string_view name, model::PointKind kind,
                                  std::string_view unit = "") {
  return {.scope = &test_scope(),
          .name = name,
          .description = "what it is",
          .unit = unit,
          .kind = kind};
}

}  // namespace forebay::encode
