// Writes a record: its size first, then its bytes, straight into the slot (the form: record.h).
//
// In a header, so that emit has it all in one function. What is passed through memory between two
// functions here is read back in other widths than it was written in, and a load that spans two
// stores waits for both: 10 ns of 17.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "model/bound_attributes.h"
#include "model/record.h"

namespace forebay::model {

class RecordWriter {
 public:
  explicit RecordWriter(uint8_t* to) noexcept : p_(to) {}

  template <typename T>
  void fixed(const T& value) noexcept {
    std::memcpy(p_, &value, sizeof value);
    p_ += sizeof value;
  }
  void bytes(const char* data, uint32_t size) noexcept {
    fixed(size);
    // Most strings are short: two overlapping moves beat a call to memcpy.
    if (size <= 16) {
      if (size >= 8) {
        uint64_t a = 0;
        uint64_t b = 0;
        std::memcpy(&a, data, 8);
        std::memcpy(&b, data + size - 8, 8);
        std::memcpy(p_, &a, 8);
        std::memcpy(p_ + size - 8, &b, 8);
      } else if (size >= 4) {
        uint32_t a = 0;
        uint32_t b = 0;
        std::memcpy(&a, data, 4);
        std::memcpy(&b, data + size - 4, 4);
        std::memcpy(p_, &a, 4);
        std::memcpy(p_ + size - 4, &b, 4);
      } else if (size != 0) {
        p_[0] = static_cast<uint8_t>(data[0]);
        p_[size / 2] = static_cast<uint8_t>(data[size / 2]);
        p_[size - 1] = static_cast<uint8_t>(data[size - 1]);
      }
    } else {
      std::memcpy(p_, data, size);
    }
    p_ += size;
  }
  void value(const forebay_value& value) noexcept {
    switch (value.type) {
      case FOREBAY_BOOL:
        *p_++ = FOREBAY_BOOL;
        *p_++ = value.as.i64 != 0;
        return;
      case FOREBAY_INT64:
      case FOREBAY_DOUBLE:
        *p_++ = static_cast<uint8_t>(value.type);
        fixed(value.as.i64);
        return;
      case FOREBAY_STRING:
      case FOREBAY_BYTES:
      case FOREBAY_ANYVALUE:
        *p_++ = static_cast<uint8_t>(value.type);
        bytes(value.as.data, value.size);
        return;
      default:
        *p_++ = FOREBAY_NULL;
    }
  }
  void attribute(const forebay_attribute& attribute) noexcept {
    bytes(attribute.key, attribute.key_size);
    value(attribute.value);
  }
  // What is in a record's form already.
  void encoded(ByteView bytes) noexcept {
    if (bytes.empty()) return;
    std::memcpy(p_, bytes.data(), bytes.size());
    p_ += bytes.size();
  }

  // Behind what was written.
  [[nodiscard]] uint8_t* end() const noexcept { return p_; }

 private:
  uint8_t* p_;
};

// What extra adds to the size, and with it a weight.
[[nodiscard]] uint64_t measure_extra(const forebay_extra& extra) noexcept;
[[nodiscard]] inline uint64_t measure_more(const RecordInput& input) noexcept {
  return measure_extra(*input.extra) + (input.weight != 1 ? sizeof input.weight : 0);
}

// The bytes that write_record() will write.
[[nodiscard]] inline uint64_t measure_record(const RecordInput& input) noexcept {
  uint64_t size = sizeof(RecordHeader);
  for (uint32_t i = 0; i < input.value_count; ++i) size += value_bytes(input.values[i]);
  if (input.extra != nullptr) [[unlikely]] {
    size += input.only_bound != nullptr ? input.only_bound->encoded().size() : measure_more(input);
  }
  return size;
}

// Word by word, each put together in a register.
inline void write_header(const RecordHeader& header, uint8_t* to) noexcept {
  static_assert(offsetof(RecordHeader, scope) == 16 && offsetof(RecordHeader, value_count) == 24 &&
                offsetof(RecordHeader, severity) == 28 &&
                std::endian::native == std::endian::little);
  const auto put = [to](size_t at, uint64_t word) { std::memcpy(to + at, &word, sizeof word); };
  put(0, header.ticks);
  put(8, reinterpret_cast<uintptr_t>(header.site));
  put(16, header.scope | uint64_t{header.size} << 32);
  put(24, header.value_count | uint64_t{header.attribute_count} << 16 |
              uint64_t{header.severity} << 32 | uint64_t{header.flags} << 40 |
              uint64_t{header.dropped_attributes_count} << 48);
}

[[nodiscard]] inline RecordHeader header_of(const RecordInput& input, uint64_t ticks,
                                            uint32_t size) noexcept {
  return {.ticks = ticks,
          .site = input.site,
          .scope = input.scope,
          .size = size,
          .value_count = static_cast<uint16_t>(input.value_count),
          .attribute_count = 0,
          .severity = static_cast<uint8_t>(input.severity),
          .flags = static_cast<uint8_t>(input.flags),
          .dropped_attributes_count = 0};
}

void write_record_with_extra(const RecordInput& input, uint64_t ticks, uint32_t size,
                             uint8_t* to) noexcept;

// Writes the record to `to`, which has room for the `size` that measure_record() gave.
inline void write_record(const RecordInput& input, uint64_t ticks, uint32_t size,
                         uint8_t* to) noexcept {
  if (input.extra != nullptr && input.only_bound == nullptr) [[unlikely]] {
    write_record_with_extra(copy_of(input), ticks, size, to);
    return;
  }
  RecordHeader header = header_of(input, ticks, size);
  RecordWriter writer(to + sizeof header);
  for (uint32_t i = 0; i < input.value_count; ++i) writer.value(input.values[i]);
  if (input.only_bound != nullptr) {
    header.attribute_count = static_cast<uint16_t>(input.only_bound->attribute_count);
    writer.encoded(input.only_bound->encoded());
  }
  write_header(header, to);
}

}  // namespace forebay::model
