#include "model/attribute_set.h"

#include <algorithm>
#include <functional>
#include <vector>

namespace forebay::model {
namespace {

std::string_view key_of(const forebay_attribute& attribute) noexcept {
  return attribute.key == nullptr ? std::string_view{}
                                  : std::string_view{attribute.key, attribute.key_size};
}

uint32_t bytes_of(const forebay_value& value) noexcept {
  return value.type >= FOREBAY_STRING ? value.size : static_cast<uint32_t>(sizeof(int64_t));
}

// Sorted by key and stable, so that of equal keys the last one given is the last. Few attributes
// are the rule, and come in the same order each time.
void insert_sorted(const forebay_attribute** sorted, uint32_t count,
                   const forebay_attribute* attribute) noexcept {
  const std::string_view key = key_of(*attribute);
  uint32_t at = count;
  for (; at > 0 && key < key_of(*sorted[at - 1]); --at) sorted[at] = sorted[at - 1];
  sorted[at] = attribute;
}

}  // namespace

uint64_t hash_of_set(ByteView set) noexcept { return std::hash<std::string_view>{}(as_text(set)); }

AttributeSetKey::AttributeSetKey(const forebay_attribute* attributes, uint32_t count, Keeps keeps,
                                 const void* context) {
  const auto belongs = [&](const forebay_attribute& attribute) {
    return attribute.value.type != FOREBAY_NULL &&
           (keeps == nullptr || keeps(context, key_of(attribute)));
  };
  if (count <= kInlineAttributes) {
    std::array<const forebay_attribute*, kInlineAttributes> sorted;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; ++i) {
      if (belongs(attributes[i])) insert_sorted(sorted.data(), kept++, attributes + i);
    }
    write(sorted.data(), kept);
  } else {
    std::vector<const forebay_attribute*> sorted;
    sorted.reserve(count);
    for (uint32_t i = 0; i < count; ++i) {
      if (belongs(attributes[i])) sorted.push_back(attributes + i);
    }
    std::ranges::stable_sort(sorted, {}, [](const auto* a) { return key_of(*a); });
    write(sorted.data(), static_cast<uint32_t>(sorted.size()));
  }
  hash_ = hash_of_set(bytes());
}

void AttributeSetKey::write(const forebay_attribute* const* sorted, uint32_t count) {
  const auto is_shadowed = [&](uint32_t i) {
    return i + 1 < count && key_of(*sorted[i]) == key_of(*sorted[i + 1]);
  };
  size_t size = 0;
  for (uint32_t i = 0; i < count; ++i) {
    size += sizeof(SetEntry) + sorted[i]->key_size + bytes_of(sorted[i]->value);
  }
  uint8_t* const begin = size <= kInlineBytes ? inline_.data() : more_.reserve(size);
  uint8_t* p = begin;
  for (uint32_t i = 0; i < count; ++i) {
    if (is_shadowed(i)) continue;
    const forebay_value& value = sorted[i]->value;
    const std::string_view key = key_of(*sorted[i]);
    const SetEntry entry{static_cast<uint32_t>(key.size()), value.type, bytes_of(value)};
    std::memcpy(p, &entry, sizeof entry);
    p += sizeof entry;
    if (!key.empty()) std::memcpy(p, key.data(), key.size());
    p += key.size();
    if (value.type < FOREBAY_STRING) {
      std::memcpy(p, &value.as, sizeof(int64_t));
    } else if (value.size != 0) {
      std::memcpy(p, value.as.data, value.size);
    }
    p += entry.value_bytes;
  }
  size_ = static_cast<size_t>(p - begin);
  if (begin != inline_.data()) more_.advance(size_);
}

}  // namespace forebay::model
