// Values that the core owns: of resources, scopes and options. A record's values are never owned:
// they go from the caller's cells (forebay_value) into the slot.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "forebay/c_api.h"

namespace forebay::model {

[[nodiscard]] inline std::string_view view(const forebay_string& s) noexcept {
  return s.data == nullptr ? std::string_view{} : std::string_view{s.data, s.size};
}

// A value that stands elsewhere: in a record's bytes, or in an OwnedValue.
struct ValueView {
  uint32_t type = FOREBAY_NULL;
  int64_t i64 = 0;
  double f64 = 0;
  std::string_view bytes;

  [[nodiscard]] static ValueView text(std::string_view s) noexcept {
    return {.type = FOREBAY_STRING, .bytes = s};
  }
};

struct OwnedValue {
  uint32_t type = FOREBAY_NULL;  // FOREBAY_*
  int64_t i64 = 0;               // FOREBAY_BOOL, FOREBAY_INT64
  double f64 = 0;                // FOREBAY_DOUBLE
  std::string bytes;             // FOREBAY_STRING, FOREBAY_BYTES, FOREBAY_ANYVALUE

  static OwnedValue copy_of(const forebay_value& value) {
    OwnedValue owned;
    owned.type = value.type;
    switch (value.type) {
      case FOREBAY_BOOL:
      case FOREBAY_INT64:
        owned.i64 = value.as.i64;
        break;
      case FOREBAY_DOUBLE:
        owned.f64 = value.as.f64;
        break;
      case FOREBAY_STRING:
      case FOREBAY_BYTES:
      case FOREBAY_ANYVALUE:
        if (value.size != 0) owned.bytes.assign(value.as.data, value.size);
        break;
      default:
        break;
    }
    return owned;
  }
  static OwnedValue text(std::string_view s) {
    OwnedValue owned;
    owned.type = FOREBAY_STRING;
    owned.bytes = s;
    return owned;
  }
  // Valid while this object lives unchanged.
  [[nodiscard]] ValueView view() const noexcept {
    return {.type = type, .i64 = i64, .f64 = f64, .bytes = bytes};
  }
  // For functions that take the caller's cells. Valid while this object lives unchanged.
  [[nodiscard]] forebay_value cell() const noexcept {
    forebay_value value{};
    value.type = type;
    if (type == FOREBAY_DOUBLE) {
      value.as.f64 = f64;
    } else if (type >= FOREBAY_STRING) {
      value.size = static_cast<uint32_t>(bytes.size());
      value.as.data = bytes.data();
    } else {
      value.as.i64 = i64;
    }
    return value;
  }
  bool operator==(const OwnedValue&) const = default;
};

// Values as the caller's cells have them; a text's is valid while the text is.
inline forebay_value text_cell(std::string_view text) noexcept {
  forebay_value value{};
  value.type = FOREBAY_STRING;
  value.size = static_cast<uint32_t>(text.size());
  value.as.data = text.data();
  return value;
}
inline forebay_value integer_cell(int64_t number) noexcept {
  forebay_value value{};
  value.type = FOREBAY_INT64;
  value.as.i64 = number;
  return value;
}
inline forebay_attribute attribute_of(std::string_view key, const forebay_value& value) noexcept {
  return {key.data(), static_cast<uint32_t>(key.size()), 0, value};
}

struct OwnedAttribute {
  std::string key;
  OwnedValue value;
  bool operator==(const OwnedAttribute&) const = default;
};

// What is reporting: the same for every batch of a collector.
struct Resource {
  std::vector<OwnedAttribute> attributes;  // keys unique
};

// The instrumentation scope: a logger's name, version and attributes.
struct Scope {
  uint32_t id = 0;
  std::string name;
  std::string version;
  std::vector<OwnedAttribute> attributes;
};

}  // namespace forebay::model
