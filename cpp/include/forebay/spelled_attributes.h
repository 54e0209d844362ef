// Attributes spelled out for the C ABI.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string_view>

#include "forebay/outcome.h"
#include "forebay/source_location.h"
#include "forebay/value.h"

namespace forebay {
inline namespace v1 {
namespace detail {

// Attributes, and perhaps a place, in the ABI's own types. Up to 61 attributes need no memory;
// where there is none for more, the rest is left out and counted. Borrows what it is made from.
class FOREBAY_LOCAL SpelledAttributes {
 public:
  explicit SpelledAttributes(std::span<const Attribute> attributes,
                             const SourceLocation& where = {}) noexcept {
    const size_t wanted = attributes.size() + kOfPlace;
    size_t room = kInPlace;
    if (wanted > kInPlace) {
      large_attributes_.reset(new (std::nothrow) forebay_attribute[wanted]);
      large_digits_.reset(new (std::nothrow) std::array<char, kMaxDigits>[wanted]);
      if (large_attributes_ != nullptr && large_digits_ != nullptr) {
        attributes_ = large_attributes_.get();
        digits_ = large_digits_.get();
        room = wanted;
      }
    }
    const size_t taken = std::min(attributes.size(), room - kOfPlace);
    for (const Attribute& attribute : attributes.first(taken)) add(attribute.key, attribute.value);
    left_out_ = attributes.size() - taken;
    if (where.line() == 0) return;
    add("code.file.path", where.file_name());
    add("code.line.number", where.line());
    add("code.function.name", where.function_name());
  }

  [[nodiscard]] const forebay_attribute* data() const noexcept { return attributes_; }
  [[nodiscard]] uint32_t size() const noexcept { return size_; }
  [[nodiscard]] uint32_t left_out() const noexcept { return clamped(left_out_); }

 private:
  static constexpr size_t kInPlace = 64;
  static constexpr size_t kOfPlace = 3;

  void add(std::string_view key, const Value& value) noexcept {
    attributes_[size_] = {key.data(), clamped(key.size()), 0, spelled(value.raw(), digits_[size_])};
    ++size_;
  }

  std::array<forebay_attribute, kInPlace> own_attributes_;
  std::array<std::array<char, kMaxDigits>, kInPlace> own_digits_;
  std::unique_ptr<forebay_attribute[]> large_attributes_;
  std::unique_ptr<std::array<char, kMaxDigits>[]> large_digits_;
  forebay_attribute* attributes_ = own_attributes_.data();
  std::array<char, kMaxDigits>* digits_ = own_digits_.data();
  uint32_t size_ = 0;
  size_t left_out_ = 0;
};

}  // namespace detail
}  // namespace v1
}  // namespace forebay
