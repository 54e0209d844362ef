// The attributes of a series of metric points, in one form: sorted by key, each key once (the last
// one given wins), in one run of bytes. Two sets are the same when their bytes are.
//
// 1, 1.0 and true are different values, as they are in OTLP. An attribute without a value is none.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/bytes.h"
#include "forebay/c_api.h"
#include "model/record.h"

namespace forebay::model {

// What a set is looked up by: made from the caller's cells on the stack of the recording thread.
// Up to kInlineBytes it allocates nothing.
class AttributeSetKey {
 public:
  // Whether a key belongs to the set; null: all do.
  using Keeps = bool (*)(const void* context, std::string_view key);

  // Throws only std::bad_alloc.
  AttributeSetKey(const forebay_attribute* attributes, uint32_t count, Keeps keeps = nullptr,
                  const void* context = nullptr);

  [[nodiscard]] ByteView bytes() const noexcept {
    return more_.empty() ? ByteView{inline_.data(), size_} : more_.view();
  }
  [[nodiscard]] uint64_t hash() const noexcept { return hash_; }

 private:
  static constexpr size_t kInlineBytes = 512;
  static constexpr uint32_t kInlineAttributes = 16;

  void write(const forebay_attribute* const* sorted, uint32_t count);

  std::array<uint8_t, kInlineBytes> inline_;
  ByteBuffer more_;
  size_t size_ = 0;
  uint64_t hash_ = 0;
};

uint64_t hash_of_set(ByteView set) noexcept;

// What precedes each key and its value in a set.
struct SetEntry {
  uint32_t key_bytes;
  uint32_t type;
  uint32_t value_bytes;
};

// Calls `visit(std::string_view key, const ValueView& value)` for each attribute of a set, in the
// order of the keys.
template <typename Visitor>
void visit_set(ByteView set, Visitor&& visit) {
  const uint8_t* p = set.data();
  const uint8_t* const end = p + set.size();
  while (p != end) {
    SetEntry entry;
    std::memcpy(&entry, p, sizeof entry);
    p += sizeof entry;
    const std::string_view key(reinterpret_cast<const char*>(p), entry.key_bytes);
    p += entry.key_bytes;
    ValueView value;
    value.type = entry.type;
    if (entry.type == FOREBAY_DOUBLE) {
      std::memcpy(&value.f64, p, sizeof value.f64);
    } else if (entry.type == FOREBAY_INT64 || entry.type == FOREBAY_BOOL) {
      std::memcpy(&value.i64, p, sizeof value.i64);
    } else {
      value.bytes = {reinterpret_cast<const char*>(p), entry.value_bytes};
    }
    p += entry.value_bytes;
    visit(key, value);
  }
}

}  // namespace forebay::model
