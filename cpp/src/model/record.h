// A log record as bytes: how emit writes it into a slot, and how the drain thread reads it.
//
//   RecordHeader (32 bytes)
//   [u64 weight]                           kHasWeight
//   [RecordContext]                        kHasContext
//   [u32 size, severity text]              kHasSeverityText
//   [u32 size, event name]                 kHasEventName
//   [value: body]                          kHasBody: instead of the site's
//   value × value_count                    the site's body (body_in_values), then one for each key
//   (u32 size, key, value) × attribute_count
//
//   value: u8 type, then  nothing (NULL) | u8 (BOOL) | 8 bytes (INT64, DOUBLE)
//                         | u32 size, bytes (STRING, BYTES, ANYVALUE)
//
// Numbers in the machine's order, unaligned: a record never leaves the process in this form.
#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/bytes.h"
#include "forebay/c_api.h"
#include "model/site.h"
#include "model/value.h"

namespace forebay::model {

enum RecordFlags : uint8_t {
  kHasContext = 1u << 0,
  kHasSeverityText = 1u << 1,
  kHasEventName = 1u << 2,
  kHasBody = 1u << 3,
  kTruncated = 1u << 4,  // something was cut to keep to max_record_bytes
  kInternal = 1u << 5,   // Forebay made it
  kHasWeight = 1u << 6,  // it stands for more than itself
  kRecorded = 1u << 7,   // came out of the flight recorder
};

struct RecordHeader {
  uint64_t ticks;    // TickSource, at emit
  const Site* site;  // null: everything is in the record
  uint32_t scope;    // SiteRegistry::scope
  uint32_t size;     // bytes of the record, this header included
  uint16_t value_count;
  uint16_t attribute_count;
  uint8_t severity;  // 0..24
  uint8_t flags;
  uint16_t dropped_attributes_count;  // at most 65,535
};
static_assert(sizeof(RecordHeader) == 32);

struct RecordContext {
  uint64_t time_unix_nano;  // 0: the moment of emit
  uint8_t trace_id[16];     // all zero: none
  uint8_t span_id[8];
  uint32_t trace_flags;
  uint32_t reserved;
};
static_assert(sizeof(RecordContext) == 40);

// Bytes of a value besides `size`: type and fixed part, by type. Unknown types are written as NULL.
inline constexpr std::array<uint8_t, 8> kValueOverhead = {1, 2, 9, 9, 5, 5, 5, 1};

[[nodiscard]] inline bool has_bytes(const forebay_value& value) noexcept {
  return value.type >= FOREBAY_STRING && value.type <= FOREBAY_ANYVALUE;
}
inline uint32_t value_bytes(const forebay_value& value) noexcept {
  return has_bytes(value) ? 5 + value.size : kValueOverhead[value.type & 7];
}
// Of an attribute with a key of its own.
inline uint64_t attribute_bytes(const forebay_attribute& attribute) noexcept {
  return 4 + uint64_t{attribute.key_size} + value_bytes(attribute.value);
}

class BoundAttributes;

// Everything that a record is made of, as emit has it.
struct RecordInput {
  const Site* site = nullptr;
  const forebay_value* values = nullptr;
  uint32_t value_count = 0;
  const forebay_extra* extra = nullptr;  // null: none
  // Where it is not null: all that `extra` is, and `weight` is 1 (only_bound_in()).
  const BoundAttributes* only_bound = nullptr;
  uint32_t scope = 0;
  // As wide as they are because a copy in memory is stored and loaded again at once, and a load
  // that spans two stores waits for both (10 ns).
  uint32_t severity = 0;  // 0..24
  uint32_t flags = 0;     // kInternal, kTruncated; the others are worked out
  uint64_t weight = 1;    // records that it stands for, itself included; not 1: `extra` is not null
};

// For functions that are not inline: what a reference is taken of is in memory, everywhere. Member
// by member, which lets the compiler keep those of `input` in registers until a call is made.
[[nodiscard, gnu::always_inline]] inline RecordInput copy_of(const RecordInput& input) noexcept {
  return {.site = input.site,
          .values = input.values,
          .value_count = input.value_count,
          .extra = input.extra,
          .only_bound = input.only_bound,
          .scope = input.scope,
          .severity = input.severity,
          .flags = input.flags,
          .weight = input.weight};
}

template <typename T>
[[nodiscard]] inline T read_fixed(const uint8_t*& p) noexcept {
  T value;
  std::memcpy(&value, p, sizeof value);
  p += sizeof value;
  return value;
}

// How many records the one with that header stands for, itself included.
[[nodiscard]] inline uint64_t weight_of(const RecordHeader& header,
                                        const uint8_t* record) noexcept {
  if ((header.flags & kHasWeight) == 0) [[likely]]
    return 1;
  uint64_t weight = 0;
  std::memcpy(&weight, record + sizeof(RecordHeader), sizeof weight);
  return weight;
}

// Reads a record from front to back: context(), then for each of the counts next_*().
class RecordReader {
 public:
  // `record` holds a whole record that write_record() wrote; it is trusted.
  explicit RecordReader(const uint8_t* record) noexcept;

  [[nodiscard]] const RecordHeader& header() const noexcept { return header_; }
  [[nodiscard]] const RecordContext* context() const noexcept {
    return (header_.flags & kHasContext) != 0 ? &context_ : nullptr;
  }
  // How many records it stands for.
  [[nodiscard]] uint64_t weight() const noexcept { return weight_; }
  // Empty: the site's.
  [[nodiscard]] std::string_view severity_text() const noexcept { return severity_text_; }
  [[nodiscard]] std::string_view event_name() const noexcept { return event_name_; }
  // True with `body` where the record has one of its own (kHasBody).
  [[nodiscard]] bool own_body(ValueView& body) const noexcept {
    body = body_;
    return (header_.flags & kHasBody) != 0;
  }
  // The next of header().value_count values, then the next of header().attribute_count attributes.
  ValueView next_value() noexcept;
  ValueView next_attribute(std::string_view& key) noexcept {
    key = next_text();
    return next_value();
  }

 private:
  std::string_view next_text() noexcept;

  RecordHeader header_;
  uint64_t weight_ = 1;
  RecordContext context_{};
  std::string_view severity_text_;
  std::string_view event_name_;
  ValueView body_;
  const uint8_t* p_;
};

inline RecordReader::RecordReader(const uint8_t* record) noexcept : p_(record) {
  header_ = read_fixed<RecordHeader>(p_);
  if (header_.flags == 0) return;
  if ((header_.flags & kHasWeight) != 0) weight_ = read_fixed<uint64_t>(p_);
  if ((header_.flags & kHasContext) != 0) context_ = read_fixed<RecordContext>(p_);
  if ((header_.flags & kHasSeverityText) != 0) severity_text_ = next_text();
  if ((header_.flags & kHasEventName) != 0) event_name_ = next_text();
  if ((header_.flags & kHasBody) != 0) body_ = next_value();
}

inline std::string_view RecordReader::next_text() noexcept {
  const auto size = read_fixed<uint32_t>(p_);
  const std::string_view text(reinterpret_cast<const char*>(p_), size);
  p_ += size;
  return text;
}

inline ValueView RecordReader::next_value() noexcept {
  ValueView value;
  value.type = *p_++;
  switch (value.type) {
    case FOREBAY_BOOL:
      value.i64 = *p_++;
      break;
    case FOREBAY_INT64:
      value.i64 = read_fixed<int64_t>(p_);
      break;
    case FOREBAY_DOUBLE:
      value.f64 = read_fixed<double>(p_);
      break;
    case FOREBAY_STRING:
    case FOREBAY_BYTES:
    case FOREBAY_ANYVALUE:
      value.bytes = next_text();
      break;
    default:
      break;
  }
  return value;
}

}  // namespace forebay::model
